"""A trial's state on disk: safetensors and JSON, written whole or not at all, checked when read.

Arrays (or CPU tensors) go in, arrays come out: a task without torch has checkpoints too.

checkpoints/<trial_id>/epoch-0002/
    model.safetensors       the weights, by the model's own names
    masks.safetensors       masks (a bit a weight), activation thresholds
    optimizer.safetensors   the moments, while the trial may go on
    trial.json              epoch, params, seed, the record, digests of the files
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from sweep.atomic import new_folder
from sweep.cache import file_digest
from sweep.errors import StorageError

MODEL, MASKS, OPTIMIZER = FILES = (
    "model.safetensors",
    "masks.safetensors",
    "optimizer.safetensors",
)


Array = NDArray[Any]
Arrays = dict[str, Array]


def epoch_folder(root: Path, trial_id: str, epoch: int) -> Path:
    """Where the checkpoint of a trial's epoch lies."""
    return root / trial_id / f"epoch-{epoch:04d}"


def save(folder: Path, state: Mapping[str, Any], note: Mapping[str, Any]) -> None:
    """Write a ``Trial.state_dict()`` and a ``note`` (any JSON, the record in it).

    Raises :class:`~sweep.errors.StorageError` where the disk refuses; nothing is left then.
    """
    shutil.rmtree(folder, ignore_errors=True)  # a damaged one, or one of an older attempt
    try:
        with new_folder(folder) as scratch:
            save_file(_plain(state["model"]), scratch / MODEL)
            save_file(_masks(state), scratch / MASKS)
            save_file(_moments(state), scratch / OPTIMIZER)
            meta = {key: state[key] for key in ("epoch", "seconds")}
            digests = {name: file_digest(scratch / name) for name in FILES}
            shapes = {name: list(mask.shape) for name, mask in state["masks"].items()}
            text = json.dumps({**meta, "shapes": shapes, "digests": digests, **note})
            (scratch / "trial.json").write_text(text)
    except (OSError, SafetensorError) as error:
        raise StorageError(f"checkpoint {folder} cannot be written: {error}") from error


def load(folder: Path, moments: bool = True) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The state and the note of a checkpoint, or None where it is missing or damaged.

    Without ``moments`` the optimiser's state is empty: enough to evaluate, not to go on.
    """
    wanted = FILES if moments else (MODEL, MASKS)
    try:
        note = json.loads((folder / "trial.json").read_text())
        if any(file_digest(folder / name) != note["digests"][name] for name in wanted):
            return None
        state = _read_masks(load_file(folder / MASKS), note["shapes"])
        state["model"] = load_file(folder / MODEL)
        state["optimizer"] = _read_moments(load_file(folder / OPTIMIZER)) if moments else {}
        return state | {"epoch": note["epoch"], "seconds": note["seconds"]}, note
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError):
        return None


def latest(
    root: Path, trial_id: str, most: int = 9999
) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The newest whole checkpoint of a trial up to epoch ``most``; damaged ones are passed over."""
    newest = epoch_folder(root, trial_id, most).name
    for folder in sorted((root / trial_id).glob("epoch-*"), reverse=True):
        if folder.name <= newest and (found := load(folder)) is not None:
            return found
    return None


def finish(folder: Path) -> None:
    """Drop what only a trial that goes on needs."""
    (folder / OPTIMIZER).unlink(missing_ok=True)


def _plain(tensors: Mapping[str, ArrayLike]) -> Arrays:
    return {name: np.asarray(value, order="C") for name, value in tensors.items()}


def _masks(state: Mapping[str, Any]) -> Arrays:
    packed = {f"mask/{name}": np.packbits(np.asarray(m)) for name, m in state["masks"].items()}
    return packed | _plain({f"activation/{n}": v for n, v in state["activations"].items()})


def _read_masks(arrays: Arrays, shapes: Mapping[str, list[int]]) -> dict[str, Any]:
    prefix = "activation/"
    return {
        "masks": {name: _unpack(arrays[f"mask/{name}"], shape) for name, shape in shapes.items()},
        "activations": {n[len(prefix) :]: v for n, v in arrays.items() if n.startswith(prefix)},
    }


def _moments(state: Mapping[str, Any]) -> Arrays:
    moments = state["optimizer"].items()
    return _plain({f"{index}/{key}": v for index, part in moments for key, v in part.items()})


def _read_moments(arrays: Arrays) -> dict[int, Arrays]:
    optimizer: dict[int, Arrays] = {}
    for name, value in arrays.items():
        index, key = name.split("/")
        optimizer.setdefault(int(index), {})[key] = value
    return optimizer


def _unpack(bits: Array, shape: list[int]) -> Array:
    return np.unpackbits(bits, count=int(np.prod(shape))).astype(bool).reshape(shape)
