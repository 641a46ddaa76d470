"""Configs in and out: a file, or a packaged config, and overrides -> SweepConfig -> YAML.

Whatever is wrong is reported at once, as one `ConfigError` with a line a problem.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from sweep.config import Files, SweepConfig
from sweep.config.problems import problems_of
from sweep.config.settings import EMBEDDED
from sweep.config.text import json_schema, render_starter
from sweep.errors import ConfigError, UsageError
from sweep.space.parameters import PARAMETERS, TUTORIAL
from sweep.space.values import ABSENT, Problem, Refused, closest, show
from sweep.space.yaml import one_line, parse_yaml

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


__all__ = [
    "config_diff",
    "dump_yaml",
    "json_schema",
    "load_config",
    "packaged_names",
    "parse_config",
    "starter_text",
]


# ``key=value`` arguments: settings from the command line, laid over those of a file.

_GROUPED = {flat: (group, key) for group, keys in TUTORIAL.items() for key, flat in keys.items()}


def apply_overrides(
    data: dict[str, Any], overrides: Iterable[str], single_trial: bool = False
) -> tuple[dict[str, Any], list[Problem]]:
    """``data`` with the overrides laid over it, later over earlier, and what is wrong with them.

    A value is YAML. A path into a plain value replaces that value by a mapping:
    ``task.dataset.train=FILE`` over ``dataset: imdb`` gives ``dataset: {train: FILE}``. With
    ``single_trial`` a bare parameter name (or the tutorial's ``weight``, ``activation``) is short
    for ``space.<name>``. ``data`` itself is left as it is.
    """
    result = dict(data)
    problems: list[Problem] = []
    for text in overrides:
        try:
            path, value = _parse(text)
        except Refused as refused:
            problems += refused.problems
            continue
        if single_trial and path[0] in (*PARAMETERS, *TUTORIAL):
            path = ("space", *path)
        if path[0] == "space":
            _drop_other_form(result, path[1:], value)
        _set(result, path, value)
    return result, problems


def _parse(text: str) -> tuple[tuple[str, ...], Any]:
    key, equals, raw = text.partition("=")
    path = tuple(key.strip().split("."))
    if not equals or not all(path):
        raise Refused(
            Problem((key,), "an override is written key=value", text, "a.dotted.path=value")
        )
    try:
        value, problems = parse_yaml(raw)
    except Refused as refused:
        allowed = "a YAML value; put quotes around a text that has : # { [ * & ! % @ in it"
        wrong = (replace(problem, got=raw, allowed=allowed) for problem in refused.problems)
        raise Refused(*(problem.under(*path) for problem in wrong)) from None
    if problems:
        raise Refused(*(problem.under(*path) for problem in problems))
    return path, value


def _set(data: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for key in path[:-1]:
        inner = data.get(key)
        # A copy, since YAML anchors can make two sections one object, and the caller keeps its own.
        data[key] = dict(inner) if isinstance(inner, dict) else {}
        data = data[key]
    data[path[-1]] = value


def _drop_other_form(data: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """Take what an override replaces out of the space, if it is there in its other form.

    Else ``sparsity=0.6`` over the tutorial's ``weight: {sparsity: 0.5}`` would be given twice.
    """
    space = data.get("space")
    if not path or not isinstance(space, dict):
        return
    space = data["space"] = dict(space)
    name, inner = path[0], path[1:]
    if name in _GROUPED:
        group, key = _GROUPED[name]
        if isinstance(space.get(group), dict):
            space[group] = {k: v for k, v in space[group].items() if k != key}
    elif name in TUTORIAL:
        given = inner[:1] or (value if isinstance(value, dict) else ())
        for key in given:
            space.pop(TUTORIAL[name].get(key, ""), None)


_BLOCKS = ("task", "baseline", "pruning", "space", "recover", "search", "resources")

# What pass two puts where a required key is missing, to see what else is wrong.
_STAND_INS: dict[str, Any] = {"name": "x", "task": {"dataset": EMBEDDED}}


def load_config(
    source: str, overrides: Sequence[str] = (), single_trial: bool = False
) -> SweepConfig:
    """The config at ``source``: the path of a YAML file, or the bare name of a packaged config.

    ``overrides`` are ``key=value`` texts with dotted paths and YAML values. With ``single_trial`` a
    bare parameter name is short for ``space.<name>``, and the search of the config, which one trial
    does not have, need not fit its space; it becomes a search of one trial.

    Raises UsageError where there is no such config or it cannot be read, and ConfigError with every
    problem that it has.
    """
    return parse_config(_read(source), overrides, single_trial, source)


def parse_config(
    text: str, overrides: Sequence[str] = (), single_trial: bool = False, source: str = "the config"
) -> SweepConfig:
    """`load_config`, of a YAML text; ``source`` is what an error calls it."""
    try:
        data, problems = parse_yaml(text)
    except Refused as refused:
        raise _error(refused.problems, source) from None
    if not isinstance(data, dict):
        got = Problem((), "must be a mapping of settings", data, "name, model, task, ...")
        raise _error([*problems, got], source)
    data, wrong = apply_overrides(data, overrides, single_trial)
    config = _validated(data, single_trial, [*problems, *wrong], source)
    return _one_trial(config) if single_trial else config


def _validated(
    data: dict[str, Any], single_trial: bool, problems: list[Problem], source: str
) -> SweepConfig:
    context = {"single_trial": single_trial}
    try:
        config = SweepConfig.model_validate(data, context=context)
    except ValidationError as error:
        wrong = problems_of(error)
        more = _deeper_problems(data, wrong, context)
        raise _error([*problems, *wrong, *more], source) from None
    if problems:
        raise _error(problems, source)
    return config


def _deeper_problems(
    data: dict[str, Any], wrong: list[Problem], context: Mapping[str, bool]
) -> list[Problem]:
    """What else would be wrong once ``wrong`` is mended: how the sections fit, which comes last.

    Each setting that is wrong is left out, so that its default stands in for it; a verdict that
    rests on one of them says nothing, and is dropped.
    """
    try:
        SweepConfig.model_validate(_without(data, [p.where for p in wrong]), context=context)
    except ValidationError as error:
        bad = [path for problem in wrong for path in _paths(problem)]
        return [p for p in problems_of(error) if not any(_rests_on(p, path) for path in bad)]
    return []


def _paths(problem: Problem) -> list[str]:
    """The dotted path that is wrong, and the one that was meant."""
    meant = [problem.hint, ".".join([*problem.where[:-1], problem.hint])] if problem.hint else []
    return [".".join(problem.where), *meant]


def _rests_on(problem: Problem, path: str) -> bool:
    own = (".".join(problem.where), *problem.depends)
    return any(f"{one}.".startswith(f"{path}.") or f"{path}.".startswith(f"{one}.") for one in own)


def _without(data: dict[str, Any], paths: Sequence[tuple[str, ...]]) -> dict[str, Any]:
    """A copy of ``data`` less the settings (a section's key, or all objectives) on these paths."""
    result = copy.deepcopy(data)
    for path in paths:
        section = result.get(path[0]) if path[0] != "objectives" else None
        if len(path) > 1 and isinstance(section, dict):
            _drop(section, path[1])
        else:
            _drop(result, path[0])
    for key, value in _STAND_INS.items():
        result.setdefault(key, value)
    result["task"].setdefault("dataset", EMBEDDED)
    return result


def _drop(mapping: dict[Any, Any], name: str) -> None:
    for key in [key for key in mapping if str(key) == name]:  # a key can be a number
        del mapping[key]


def _one_trial(config: SweepConfig) -> SweepConfig:
    """``config`` with a search that fits any space, so that its dump is a valid config again."""
    search = config.search.model_copy(update={"trials": 1, "sampler": "tpe", "scheduler": "fifo"})
    return config.model_copy(update={"search": search})


def _error(problems: Sequence[Problem], source: str) -> ConfigError:
    return ConfigError([problem.line for problem in problems], source)


def _packaged() -> Traversable:
    from importlib import resources  # a tenth of the time that `sweep check` takes

    return resources.files("sweep") / "configs"


def packaged_names() -> list[str]:
    """The bare names of the configs that come with the package."""
    names = (item.name for item in _packaged().iterdir())
    return sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml"))


def _read(source: str) -> str:
    try:
        return _find(source).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"config {show(source)} is no UTF-8 text: {error}") from None
    except OSError as error:
        raise UsageError(f"config {show(source)} cannot be read: {error.strerror}") from None


def _find(source: str) -> Path | Traversable:
    path = Path(source)
    if path.exists() and not path.is_dir():
        return path
    if source in packaged_names():
        return _packaged() / f"{source}.yaml"
    if not path.exists():
        raise _missing(source)
    inner = path / "config.yaml"
    hint = f"; did you mean '{inner}'?" if inner.is_file() else ""
    raise UsageError(f"config {show(source)} is a folder{hint}")


def _missing(source: str) -> UsageError:
    names = packaged_names()
    near = closest(Path(source).name.removesuffix(".yaml"), names)
    hint = f"; did you mean '{near}'?" if near else ""
    packaged = ", ".join(names)
    return UsageError(f"no config {show(source)}: no such file; packaged configs: {packaged}{hint}")


def dump_yaml(config: SweepConfig) -> str:
    """The resolved config as YAML that runs as it stands: every setting, none left to a default."""
    lines = [f"# The resolved config of sweep {config.name}, runnable as it stands: sweep run FILE"]
    for name, value in config.model_dump(mode="json").items():
        if name in _BLOCKS:
            lines += [f"{name}:", *(f"  {key}: {one_line(part)}" for key, part in value.items())]
        else:
            lines.append(f"{name}: {one_line(value)}")
    return "\n".join(lines) + "\n"


def starter_text() -> str:
    """A config to start from: every setting with what it means; it runs as it stands."""
    return render_starter(load_config("digits", ["name=my-sweep"]))


def with_absolute_paths(config: SweepConfig) -> SweepConfig:
    """The config with its files and folders spelled out: workers and a resume stand elsewhere."""
    plain = config.model_dump(mode="json")
    for name in ("model", "tokenizer"):
        if plain[name] is not None and Path(plain[name]).is_dir():
            plain[name] = str(Path(plain[name]).resolve())
    dataset = plain["task"]["dataset"]
    if isinstance(dataset, dict):
        files = {split: path and str(Path(path).resolve()) for split, path in dataset.items()}
        plain["task"]["dataset"] = files
    plain["search"]["warm_start"] = [
        path if "://" in path else str(Path(path).resolve())
        for path in plain["search"]["warm_start"]
    ]
    return SweepConfig.model_validate(plain)


def config_diff(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """``path: old -> new`` for every setting in which two resolved configs (plain dicts) differ."""
    return list(_differences(old, new, ""))


def _differences(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for key in [*old, *(key for key in new if key not in old)]:
        before, after = old.get(key, ABSENT), new.get(key, ABSENT)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from _differences(before, after, f"{prefix}{key}.")
        elif before != after:
            shown = ("(not there)" if part is ABSENT else show(part) for part in (before, after))
            yield f"{prefix}{key}: {' -> '.join(shown)}"


# The files and folders that a config names: what every machine of a sweep must find.


def is_path(name: str) -> bool:
    """Whether a model's name is a path on some machine, and no hub id."""
    return name.startswith((".", "/", "~")) or name.count("/") > 1 or Path(name).is_dir()


def paths_of(config: SweepConfig) -> dict[str, str]:
    """Setting and path of all that trials read; hub ids are none."""
    named = {"model": config.model, "tokenizer": config.tokenizer}
    found = {setting: name for setting, name in named.items() if name and is_path(name)}
    if isinstance(config.task.dataset, Files):
        files = config.task.dataset.model_dump(mode="json").items()
        found |= {f"task.dataset.{split}": path for split, path in files if path}
    return found
