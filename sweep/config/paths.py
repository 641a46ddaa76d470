"""The files and folders that a config names: what every machine of a sweep must find."""

from __future__ import annotations

from pathlib import Path

from sweep.config.config import SweepConfig
from sweep.config.sections import Files


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
