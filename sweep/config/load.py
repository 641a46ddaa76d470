"""Load a config from a file, the package or a mapping, with overrides, and list its paths.

All problems are reported at once, as one `ConfigError` with one line per problem.
"""

from __future__ import annotations

import copy
import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sweep.config.config import SweepConfig
from sweep.config.fields import Files, is_path
from sweep.config.sections import EMBEDDED
from sweep.config.text import config_diff
from sweep.config.yaml import MOST_BYTES, apply_overrides, parse_yaml, passwords
from sweep.errors import ConfigError, UsageError
from sweep.ledger.folder import SweepFolder
from sweep.ledger.read import read_events
from sweep.ledger.store import read_text
from sweep.registry import REGISTRIES
from sweep.space.explain import MOST_PROBLEMS, UNKNOWN_NAME, problems_of
from sweep.space.values import Problem, Refused, closest, show

Source = str | Path | Mapping[str, Any] | SweepConfig
"""The path of a YAML file, the bare name of a packaged config, or settings as YAML has them."""

Overrides = str | Iterable[str | tuple[str, Any]] | Mapping[str, Any]
"""``key=value`` texts (dotted paths, YAML values), or values by their dotted paths."""

_PACKAGED = Path(__file__).parents[1] / "configs"


def load_config(
    source: Source, settings: Overrides = (), single_trial: bool = False
) -> SweepConfig:
    """Load a config from a file, the package or a mapping, and apply the overrides ``settings``.

    With ``single_trial`` a bare parameter name is short for ``space.<name>``, the search of the
    config need not fit its space, and it becomes a search of one trial.

    Raises :class:`~sweep.errors.UsageError` if there is no such config or it cannot be read, and
    :class:`~sweep.errors.ConfigError` with all of its problems.

    >>> load_config("digits", ["search.trials=8"]).search.trials
    8
    >>> own = {"name": "own", "task": {"dataset": "digits"}, "space": {"sparsity": [0.5, 0.9]}}
    >>> load_config(own, {"search.trials": 2}).name
    'own'
    """
    if isinstance(source, SweepConfig):
        source = source.model_dump(mode="json")
    if isinstance(source, Mapping):
        return _checked(copy.deepcopy(dict(source)), [], settings, single_trial, "the config")
    return parse_config(_read(str(source)), settings, single_trial, str(source))


def parse_config(
    text: str, settings: Overrides = (), single_trial: bool = False, source: str = "the config"
) -> SweepConfig:
    """As `load_config`, for a YAML text. ``source`` is its name in errors."""
    try:
        data, problems = parse_yaml(text)
    except Refused as refused:
        raise _error(refused.problems, source) from None
    if not isinstance(data, dict):
        got = Problem((), "must be a mapping of settings", data, "name, model, task, ...")
        raise _error([*problems, got], source)
    return _checked(data, problems, settings, single_trial, source)


def _checked(
    data: dict[str, Any],
    problems: list[Problem],
    settings: Overrides,
    single_trial: bool,
    source: str,
) -> SweepConfig:
    if isinstance(settings, str):
        settings = [settings]
    given = settings.items() if isinstance(settings, Mapping) else settings
    data, wrong = apply_overrides(data, given, single_trial)
    problems = [*problems, *wrong, *passwords(data, ())]
    context = {"single_trial": single_trial}
    try:
        config = SweepConfig.model_validate(data, context=context)
    except ValidationError as error:
        wrong = config_problems(error)
        more = _deeper_problems(data, wrong, context)
        raise _error([*problems, *wrong, *more], source) from None
    if problems:
        raise _error(problems, source)
    if not single_trial:
        return config
    # A search that fits any space, so that the dump of the config is valid.
    search = config.search.model_copy(update={"trials": 1, "sampler": "tpe", "scheduler": "fifo"})
    return config.model_copy(update={"search": search})


def config_problems(error: ValidationError) -> list[Problem]:
    """The problems in an error about a config."""
    return problems_of(error, _schema(sum(map(len, REGISTRIES.values()))))


@cache
def _schema(names: int) -> dict[str, Any]:
    """The schema of a config, cached by the number of registered names, which it lists."""
    return SweepConfig.model_json_schema()


def _deeper_problems(
    data: dict[str, Any], wrong: list[Problem], context: Mapping[str, bool]
) -> list[Problem]:
    """The problems that would remain after ``wrong`` is corrected.

    pydantic checks how sections fit only if each section is valid. Therefore wrong settings are
    replaced by their defaults, and problems that depend on such a setting are dropped.
    """
    if len(wrong) > MOST_PROBLEMS:
        return []
    try:
        SweepConfig.model_validate(_without(data, [p.where for p in wrong]), context=context)
    except ValidationError as error:
        bad = [path for problem in wrong for path in _paths(problem)]
        return [p for p in config_problems(error) if not any(_depends_on(p, path) for path in bad)]
    return []


def _paths(problem: Problem) -> list[str]:
    """The dotted path of a problem, and the path in its hint."""
    meant = [problem.hint, ".".join([*problem.where[:-1], problem.hint])] if problem.hint else []
    return [".".join(problem.where), *meant]


def _depends_on(problem: Problem, path: str) -> bool:
    own = (".".join(problem.where), *problem.depends)
    return any(f"{one}.".startswith(f"{path}.") or f"{path}.".startswith(f"{one}.") for one in own)


def _without(data: dict[str, Any], paths: Sequence[tuple[str, ...]]) -> dict[str, Any]:
    """A copy of ``data`` without the settings (a key of a section, or all objectives) at paths."""
    result = copy.deepcopy(data)
    for first, *rest in filter(None, paths):
        is_inner = rest and first != "objectives" and isinstance(result.get(first), dict)
        inside, name = (result[first], rest[0]) if is_inner else (result, first)
        for key in [key for key in inside if str(key) == name]:  # a key can be a number
            del inside[key]
    # Missing required keys get a value, to find other problems.
    result.setdefault("name", "x")
    result.setdefault("task", {}).setdefault("dataset", EMBEDDED)
    return result


def _error(problems: Sequence[Problem], source: str) -> ConfigError:
    return ConfigError([problem.line for problem in problems], source)


def packaged_names() -> list[str]:
    """The names of the configs in the package."""
    return sorted(path.stem for path in _PACKAGED.glob("*.yaml"))


def _read(source: str) -> str:
    try:
        with _find(source).open("rb") as file:
            data = file.read(4 * MOST_BYTES)
        if len(data) == 4 * MOST_BYTES:
            most = f"a text of at most {MOST_BYTES} characters"
            raise UsageError(f"config {show(source)} is too large; allowed: {most}")
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"config {show(source)} is not UTF-8 text: {error}") from None
    except OSError as error:
        raise UsageError(f"cannot read config {show(source)}: {error.strerror}") from None


def _find(source: str) -> Path:
    path = Path(source)
    if path.exists() and not path.is_dir():
        return path
    if source in packaged_names():
        return _PACKAGED / f"{source}.yaml"
    if not path.exists():
        names = packaged_names()
        near = closest(path.name.removesuffix(".yaml"), names)
        what = f"no config {show(source)}: no such file; packaged configs: {', '.join(names)}"
        raise UsageError(Problem((), what, hint=near).reason)
    inner = path / "config.yaml"
    hint = str(inner) if inner.is_file() else ""
    raise UsageError(Problem((), f"config {show(source)} is a folder", hint=hint).reason)


def with_absolute_paths(config: SweepConfig) -> SweepConfig:
    """The config with absolute paths, because workers and a resume run in other folders."""
    plain = config.model_dump(mode="json")
    for part in (plain, plain["recover"]["distill"] or {}):
        for name in {"model", "tokenizer", "teacher"} & set(part):
            if part[name] is not None and Path(part[name]).is_dir():
                part[name] = str(Path(part[name]).resolve())
    dataset = plain["task"]["dataset"]
    if isinstance(dataset, dict):
        plain["task"]["dataset"] = {split: _absolute(paths) for split, paths in dataset.items()}
    elif config.task.is_folder:
        plain["task"]["dataset"] = _absolute(dataset)
    plain["search"]["warm_start"] = [
        path if "://" in path else os.path.realpath(path) for path in plain["search"]["warm_start"]
    ]
    return SweepConfig.model_validate(plain)


def _absolute(paths: str | list[str] | None) -> str | list[str] | None:
    if isinstance(paths, str):
        return os.path.realpath(os.path.expanduser(paths))  # Path refuses ~nobody and loops
    return paths and [os.path.realpath(os.path.expanduser(path)) for path in paths]


def paths_of(config: SweepConfig) -> list[tuple[str, str]]:
    """(setting, path) of all paths that trials read on every machine. Hub ids are not paths."""
    named = {"model": config.model, "tokenizer": config.tokenizer}
    if config.recover.distill:
        named["recover.distill.teacher"] = config.recover.distill.teacher
    found = [(setting, name) for setting, name in named.items() if name and is_path(name)]
    dataset = config.task.dataset
    if isinstance(dataset, Files):
        for split, paths in dataset:
            listed = [paths] if isinstance(paths, str) else paths or []
            found += [(f"task.dataset.{split}", path) for path in listed]
    elif config.task.is_folder:
        found.append(("task.dataset", dataset))
    return found


def check_paths(config: SweepConfig) -> None:
    """Refuse paths that only this machine has. Raises :class:`~sweep.errors.UsageError`."""
    warm = [("search.warm_start", path) for path in config.search.warm_start if "://" not in path]
    for setting, path in [*paths_of(config), *warm]:
        if not path.startswith("/"):
            raise UsageError(
                f"{setting} is {path!r}, a path of this machine, but data does not travel with a "
                "job: put it on storage that every node sees, and give its absolute path there"
            )


# The config of a sweep that has begun.


def begun_with(folder: SweepFolder) -> SweepConfig:
    """The config in the first event of the ledger, validated.

    Raises :class:`~sweep.errors.UsageError` if this version cannot run it, and
    :class:`~sweep.errors.StorageError` if besides the ledger is damaged.
    """
    try:
        return SweepConfig.model_validate(folder.saved_config())
    except ValidationError as error:
        read_events(folder.ledger)  # every command says first that a ledger is damaged
        wrong = config_problems(error)
        lines = [f"{folder.ledger} has settings that cannot run here:"]
        lines += [f"  {problem.line}" for problem in wrong]
        if any(problem.what == UNKNOWN_NAME for problem in wrong):
            lines.append(
                "If a package adds a name that is not known here, install it. If a script or a "
                "notebook registers the name, call sweep.resume there."
            )
        raise UsageError("\n".join(lines)) from None


def check_same(folder: SweepFolder, config: SweepConfig) -> None:
    """Raise :class:`~sweep.errors.UsageError` with all differences if ``config`` is not that of the
    sweep. Listeners may differ.
    """
    # Validated by this version, so that settings which older versions do not have get defaults.
    begun, given = (
        c.model_dump(mode="json", exclude={"listeners"}) for c in (begun_with(folder), config)
    )
    if changes := config_diff(begun, given):
        raise UsageError(
            f"{folder.path} already has a sweep with other settings:\n"
            + "\n".join(f"  {line}" for line in changes)
            + "\nchoose another folder with --out, or continue the old sweep with: "
            + f"sweep resume {shlex.quote(str(folder.path))}"
        )


def check_config(folder: SweepFolder) -> None:
    """Raise :class:`~sweep.errors.UsageError` if the folder's config.yaml differs from the ledger.

    A missing config.yaml is allowed.
    """
    try:
        if (text := read_text(folder.config)) is not None:
            check_same(folder, parse_config(text, source=str(folder.config)))
    except UsageError:
        read_events(folder.ledger)  # as in `begun_with`
        raise
