"""The files and folders that a config names: what every machine of a sweep must find."""

from __future__ import annotations

from pathlib import Path

from sweep.config import Files, SweepConfig


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
