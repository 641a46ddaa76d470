"""`sweep init`, `sweep schema`, `sweep check`: configs, without anything heavy."""

from __future__ import annotations

import json
from pathlib import Path

from sweep.config import SweepConfig
from sweep.config.load import load_config
from sweep.config.plan import plan, results_path
from sweep.config.text import dump_yaml, json_schema, starter
from sweep.errors import StorageError, UsageError
from sweep.ledger.store import store_at


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


def _start_masks(config: SweepConfig) -> list[str]:
    """What the model's own masks hold; UsageError where it has none that could be kept."""
    if config.pruning.start_masks == "drop":
        return []
    from sweep.compress.start_masks import read_masks, share

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
