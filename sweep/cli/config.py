"""`sweep init`, `schema`, `check` and `trial`, which need a config but no folder of a sweep."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sweep.cli import Config, Json, Settings
from sweep.errors import UsageError
from sweep.ledger.store import errors_of, store_at

if TYPE_CHECKING:
    from sweep.config import SweepConfig


def init(path: Annotated[Path, typer.Argument(help="file to write")] = Path("sweep.yaml")) -> None:
    """Write a starter config in which every setting has a comment."""
    from sweep.config.load import load_config
    from sweep.config.text import starter

    try:
        with errors_of("write", path, FileExistsError), path.open("x", encoding="utf-8") as file:
            try:
                file.write(starter(load_config("digits", ["name=my-sweep"])))
                file.flush()
            except OSError:
                path.unlink()
                raise
    except FileExistsError:
        raise UsageError(f"{path} already exists; choose another file") from None
    print(f"wrote {path}; next: sweep check {shlex.quote(str(path))}")


def schema() -> None:
    """Print the JSON schema of a config, which editors use."""
    from sweep.config.text import json_schema

    print(json.dumps(json_schema(), indent=2))


def check(config: Config, settings: Settings = None, as_json: Json = False) -> None:
    """Check a config and print what it would run. Opens model folders and files; runs nothing."""
    from sweep.compress.open import reach
    from sweep.config.load import load_config
    from sweep.config.plan import plan
    from sweep.config.text import dump_yaml

    resolved = load_config(config, settings or [])
    found = plan(resolved)
    kept, warm, reached = _start_masks(resolved), _warm_starts(resolved), reach(resolved)
    if as_json:
        whole = resolved.model_dump(mode="json")
        print(json.dumps({**found, **reached, "warm_start": warm, "config": whole}, indent=2))
        return
    for name, value in found.items():
        print(f"{name:20} {_plain(value)}")
    if "coverage" in reached:
        from sweep.ledger.record import coverage_text

        print(f"{'coverage':20} {coverage_text(reached)}")
    for name, counts in reached.get("texts", {}).items():
        print(
            f"{'texts of ' + name:20} {counts['cut']} of {counts['examples']} cut at "
            f"task.max_length, {counts['unknown']} of {counts['tokens']} tokens unknown"
        )
    for text in (*kept, *warm, *(f"warning: {told}" for told in reached.get("warnings", []))):
        print(text)
    print("\n" + dump_yaml(resolved), end="")


def trial(
    config: Config,
    settings: Settings = None,
    split: Annotated[
        str, typer.Option(help="split to evaluate on: validation or test")
    ] = "validation",
    as_json: Json = False,
) -> None:
    """Prune and recover one model on this machine, without Ray."""
    from sweep.compress.single import run_single
    from sweep.config.load import load_config

    resolved = load_config(config, settings or [], single_trial=True)

    def say(line: str) -> None:
        print(line, file=sys.stderr if as_json else sys.stdout, flush=True)

    figures = run_single(resolved, split, say)
    if as_json:
        print(json.dumps(figures, indent=2))
        return
    names = (f"{stage}_{resolved.task.primary}" for stage in ("baseline", "pruned", "recovered"))
    print("  ".join(f"{name} {figures[name]:.4f}" for name in names))
    print(
        f"sparsity {figures['sparsity']:.4f}  model_sparsity {figures['model_sparsity']:.4f}  "
        f"coverage {figures['coverage']:.4f}  "
        f"{figures['seconds']:.0f} s on {figures['examples']} {split} examples"
    )


def _start_masks(config: SweepConfig) -> list[str]:
    """How many weights the model's own masks drop; UsageError where it has no masks to keep."""
    if config.pruning.start_masks == "drop":
        return []
    from sweep.compress.prune.targets import dropped_share, read_masks

    dropped = dropped_share(read_masks(config.model))
    return [f"the model's masks are kept: {dropped:.4f} of the weights with a mask are zero"]


def _warm_starts(config: SweepConfig) -> list[str]:
    """How many observations each folder of ``search.warm_start`` gives; UsageError as for a run."""
    if not config.search.warm_start:
        return []
    from sweep.config.plan import results_path
    from sweep.search.warm import describe, warm_events

    return [describe(event) for event in warm_events(config, store_at(results_path(config)))]


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {part}" for key, part in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value)
