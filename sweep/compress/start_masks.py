"""The masks that an exported model brings along, for a sweep that starts from it. No torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from sweep.errors import UsageError

MASKS = "masks.safetensors"

Bools = NDArray[np.bool_]


def has_masks(model: str | None) -> bool:
    """Whether a model is a folder with masks beside its weights."""
    return model is not None and (Path(model) / "config.json").exists() and _file(model).is_file()


def read_masks(model: str | None) -> dict[str, Bools]:
    """The masks by module name, True where a weight was kept.

    Raises :class:`~sweep.errors.UsageError` where the model has none, or they cannot be read.
    """
    if model is None or not has_masks(model):
        raise UsageError(
            f"pruning.start_masks is keep, and model {model!r} has no masks to keep: it must be a "
            f"folder that `sweep export` wrote, with {MASKS} in it (or pruning.start_masks=drop)"
        )
    try:
        found: dict[str, Any] = load_file(_file(model))
    except (OSError, SafetensorError) as error:
        raise UsageError(f"{_file(model)} cannot be read: {error}") from error
    wrong = [name for name, mask in found.items() if mask.dtype != np.bool_]
    if wrong or not found:
        raise UsageError(f"{_file(model)} holds no masks: boolean tensors by module name")
    return found


def share(masks: dict[str, Bools]) -> float:
    """How many of the weights that have a mask are dropped, in [0, 1)."""
    return 1 - sum(int(m.sum()) for m in masks.values()) / sum(m.size for m in masks.values())


def _file(model: str) -> Path:
    return Path(model) / MASKS
