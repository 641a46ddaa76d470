"""`sweep init`, `schema`, `check`, `trial`: a config alone, without a sweep's folder."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from sweep.config import SweepConfig
from sweep.config.load import load_config
from sweep.config.plan import plan, results_path
from sweep.config.text import dump_yaml, json_schema, starter
from sweep.errors import StorageError, TrialError, UsageError
from sweep.ledger.store import store_at

TRIAL_FAILED = 3


def write_starter(path: Path) -> None:
    """Write the commented starter, never over a file."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(starter(load_config("digits", ["name=my-sweep"])))
    except FileExistsError:
        raise UsageError(f"{path} exists already; name another file") from None
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error
    print(f"wrote {path}; next: sweep check {path}")


def print_schema() -> None:
    """The JSON schema on standard output."""
    print(json.dumps(json_schema(), indent=2))


def check_config(source: str, settings: list[str], as_json: bool) -> None:
    """The plan of a config, or every problem that it has."""
    config = load_config(source, settings)
    found = plan(config)
    kept, warm = _start_masks(config), _warm_starts(config)
    if as_json:
        whole = {
            **found,
            "warm_start": warm,
            "config": config.model_dump(mode="json"),
        }
        print(json.dumps(whole, indent=2))
        return
    for name, value in found.items():
        print(f"{name:20} {_plain(value)}")
    for text in (*kept, *warm):
        print(text)
    print("\n" + dump_yaml(config), end="")


def run_trial(source: str, settings: list[str], split: str, as_json: bool) -> None:
    """Run it and print the steps, or one JSON document; a diverged trial ends with code 3."""
    from sweep.compress.single import run_single

    config = load_config(source, settings, single_trial=True)

    def say(line: str) -> None:
        print(line, file=sys.stderr if as_json else sys.stdout, flush=True)

    try:
        figures = run_single(config, split, say)
    except TrialError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(TRIAL_FAILED)
    if as_json:
        print(json.dumps(figures, indent=2))
        return
    names = ("baseline_accuracy", "pruned_accuracy", "recovered_accuracy")
    print("  ".join(f"{name} {figures[name]:.4f}" for name in names))
    print(
        f"sparsity {figures['sparsity']:.4f}  model_sparsity {figures['model_sparsity']:.4f}  "
        f"{figures['seconds']:.0f} s on {figures['examples']} {split} examples"
    )


def _start_masks(config: SweepConfig) -> list[str]:
    """What the model's own masks hold; UsageError where it has none that could be kept."""
    if config.pruning.start_masks == "drop":
        return []
    from sweep.compress.prune.targets import read_masks, share

    there = share(read_masks(config.model))
    return [f"the model's masks are kept: {there:.4f} of the weights that have one are zero"]


def _warm_starts(config: SweepConfig) -> list[str]:
    """What each folder of ``search.warm_start`` would teach, in words; UsageError as for a run."""
    if not config.search.warm_start:
        return []
    from sweep.search.warm import describe, warm_events

    return [describe(event) for event in warm_events(config, store_at(results_path(config)))]


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {part}" for key, part in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value)
