"""Checkpoints of trials: safetensors and JSON in a folder or an object store, verified on load.

Arrays (or CPU tensors) are saved, and arrays are loaded: a task without torch has checkpoints too.

checkpoints/<trial_id>/epoch-0002/
    model.safetensors       the weights, by the model's own names
    masks.safetensors       masks (one bit per weight), activation thresholds
    optimizer.safetensors   optimizer moments (and movement scores in a ramp), while a trial runs
    trial.json              epoch, params, seed, the record, digests of the files

In a folder a checkpoint is written atomically. In an object store ``trial.json`` is written last.
A checkpoint without it, or with files that do not match it, counts as damaged. A checkpoint may
come from another person: whatever is read from it is checked before it is used.
"""

from __future__ import annotations

import contextlib
import json
import queue
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Annotated, Any, NotRequired, TypeVar

import numpy as np
from annotated_types import Ge
from numpy.typing import ArrayLike, NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from typing_extensions import TypedDict

from sweep.errors import StorageError, first_line
from sweep.ledger.events import RECORD, Count
from sweep.ledger.files import file_digest, read_plain
from sweep.ledger.lines import parse_json, wrong_types
from sweep.ledger.store import Store, store_at
from sweep.ledger.store_objects import RETRY_SECONDS

MODEL, MASKS, OPTIMIZER = FILES = (
    "model.safetensors",
    "masks.safetensors",
    "optimizer.safetensors",
)
NOTE = "trial.json"
LARGEST_NOTE = 64 * 1024**2
PREFIX = "epoch-"

AnyStore = TypeVar("AnyStore", Path, Store)
Loaded = tuple[dict[str, Any], dict[str, Any]]
Array = NDArray[Any]
Arrays = dict[str, Array]


def name_of(epoch: int) -> str:
    """The name of a checkpoint. Names sort in the order of their epochs."""
    return f"{PREFIX}{epoch:04d}"


def epoch_folder(root: AnyStore, trial_id: str, epoch: int) -> AnyStore:
    """The folder of the checkpoint of one epoch of a trial."""
    return root / trial_id / name_of(epoch)


def save(folder: Store | Path, state: Mapping[str, Any], note: Mapping[str, Any]) -> None:
    """Save a ``Trial.state_dict()`` and a ``note`` (JSON values, with the record).

    Raises :class:`~sweep.errors.StorageError` if the disk or the store fails. On a disk, nothing of
    the checkpoint is left in that case.
    """
    try:
        # A checkpoint that is already here is damaged, or comes from an older attempt.
        with store_at(folder).replacing(last=NOTE) as scratch:
            save_file(_plain(state["model"]), scratch / MODEL)
            save_file(_masks(state), scratch / MASKS)
            save_file(_moments(state), scratch / OPTIMIZER)
            meta = {key: state[key] for key in ("epoch", "seconds")}
            digests = {name: file_digest(scratch / name) for name in FILES}
            shapes = {name: list(mask.shape) for name, mask in state["masks"].items()}
            text = json.dumps({**meta, "shapes": shapes, "digests": digests, **note})
            (scratch / NOTE).write_text(text)
    except StorageError:  # an object store's error already has the full message
        raise
    except (OSError, SafetensorError) as error:
        raise StorageError(f"cannot write checkpoint {folder}: {error}") from error


class _Note(TypedDict):
    """What every ``trial.json`` has."""

    epoch: Count
    seconds: Annotated[float, Ge(0)]
    shapes: dict[str, list[Count]]
    digests: dict[str, str]
    record: NotRequired[dict[str, Any]]


def load(folder: Store | Path, moments: bool = True) -> Loaded | None:
    """The state and the note of a checkpoint, or None if it is missing or damaged.

    Without ``moments`` the optimizer state (and movement) is empty. That is enough to evaluate the
    model, but not to continue training.
    Raises :class:`~sweep.errors.StorageError` if a store cannot be read.
    """
    wanted = FILES if moments else (MODEL, MASKS)
    with store_at(folder).reading([NOTE, *wanted]) as files:
        return None if files is None else _load(files, wanted, moments)


def _load(folder: Path, wanted: Sequence[str], moments: bool) -> Loaded | None:
    try:
        note: dict[str, Any] = dict(parse_json(_Note, read_plain(folder / NOTE, LARGEST_NOTE)))
        if any(file_digest(folder / name) != note["digests"][name] for name in wanted):
            return None
        if "record" in note and not _is_record(note["record"], note["epoch"]):
            return None
        state = _read_masks(load_file(folder / MASKS), note["shapes"])
        state["model"] = load_file(folder / MODEL)
        state |= _read_moments(load_file(folder / OPTIMIZER) if moments else {})
        return state | {"epoch": note["epoch"], "seconds": note["seconds"]}, note
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError):
        return None


def _is_record(record: Mapping[str, Any], epoch: int) -> bool:
    """Whether a record can be an event of a ledger, which a resumed trial makes of it."""
    event: Any = {**record, "event": RECORD, "trial_id": "t", "attempt": 0}
    return record.get("epoch") == epoch and not wrong_types([event])


def restore(trial: Any, state: Mapping[str, Any], folder: Store | Path) -> None:
    """Load the state of a checkpoint into a trial.

    Raises :class:`~sweep.errors.StorageError` if it does not fit the trial.
    """
    try:
        trial.load_state_dict(state)
    except (ValueError, KeyError, TypeError, IndexError, RuntimeError) as error:
        why = f"does not fit its trial ({first_line(error)})"
        raise StorageError(f"checkpoint {folder} {why}: remove it") from error


def latest(root: Store | Path, trial_id: str, most: int = 9999) -> Loaded | None:
    """The newest complete checkpoint of a trial up to epoch ``most``. Damaged ones are skipped."""
    for name in reversed(names(root / trial_id)):
        found = load(root / trial_id / name) if name <= name_of(most) else None
        if found is not None and name_of(found[0]["epoch"]) == name:
            return found
    return None


def names(trial: Store | Path) -> list[str]:
    """The names of a trial's checkpoints, oldest first. Some may be damaged."""
    return [name for name in store_at(trial).children(RETRY_SECONDS) if name.startswith(PREFIX)]


def drop_older(root: Store | Path, trial_id: str, epoch: int) -> None:
    """Delete the checkpoints of a trial for epochs before ``epoch``."""
    for name in names(root / trial_id):
        if name < name_of(epoch):
            store_at(root / trial_id / name).remove_tree()


def _plain(tensors: Mapping[str, ArrayLike]) -> Arrays:
    return {name: np.asarray(value, order="C") for name, value in tensors.items()}


def _masks(state: Mapping[str, Any]) -> Arrays:
    packed = {f"mask/{name}": np.packbits(np.asarray(m)) for name, m in state["masks"].items()}
    return packed | _plain({f"activation/{n}": v for n, v in state["activations"].items()})


def _read_masks(arrays: Arrays, shapes: Mapping[str, list[int]]) -> dict[str, Any]:
    prefix = "activation/"

    def unpacked(bits: Array, shape: list[int]) -> Array:
        if bits.shape != (-(-prod(shape) // 8),):
            raise ValueError(f"{bits.size} bytes for a mask of shape {shape}")
        return np.unpackbits(bits, count=prod(shape)).astype(bool).reshape(shape)

    return {
        "masks": {name: unpacked(arrays[f"mask/{name}"], shape) for name, shape in shapes.items()},
        "activations": {n[len(prefix) :]: v for n, v in arrays.items() if n.startswith(prefix)},
    }


def _moments(state: Mapping[str, Any]) -> Arrays:
    moments = state["optimizer"].items()
    movement = {f"movement/{name}": v for name, v in state.get("movement", {}).items()}
    own = {f"{index}/{key}": v for index, part in moments for key, v in part.items()}
    return _plain({**own, **movement})


def _read_moments(arrays: Arrays) -> dict[str, Any]:
    optimizer: dict[int, Arrays] = {}
    movement: Arrays = {}
    for name, value in arrays.items():
        index, _, key = name.partition("/")
        if index == "movement":
            movement[key] = value
        else:
            optimizer.setdefault(int(index), {})[key] = value
    return {"optimizer": optimizer, "movement": movement}


FULL_LISTING = 16
"""From this many trials on, one listing of all objects is cheaper than one listing per trial."""

CLOSING_SECONDS = 30.0
"""How long the end of a sweep waits for deletions in a store. Leftover objects do no harm."""


@dataclass(frozen=True)
class Deletion:
    """Which checkpoints of a trial to delete.

    ``keep``: names of the checkpoints of front points. ``newest``: name of the checkpoint that the
    trial continues from; this one and later ones are kept. None for a trial that has ended: only
    ``keep`` stays, without optimizer moments.
    """

    trial_id: str
    newest: str | None
    keep: frozenset[str]

    def includes(self, name: str) -> bool:
        """Whether to delete a folder ("epoch-0001"), or a file in it."""
        folder, _, file = name.partition("/")
        if self.newest is None:  # includes epochs that were never recorded or never complete
            return folder not in self.keep or file == OPTIMIZER
        return folder not in self.keep and folder.startswith(PREFIX) and folder < self.newest


class Deleter:
    """Deletes checkpoints below ``root``: in a folder at once, in an object store from a thread.

    A store takes tens of milliseconds per request. A deletion may run late, even after the driver
    was fenced: a checkpoint that is no longer needed is never needed again.
    """

    def __init__(self, root: Store | Path) -> None:
        self.root = store_at(root)
        self._queue: queue.SimpleQueue[Sequence[Deletion] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def delete(self, deletions: Sequence[Deletion]) -> None:
        """Run the deletions. Errors of the disk or the store are ignored: leftovers do no harm."""
        if self.root.local is not None:
            for deletion in deletions:
                self._delete_folders(deletion)
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()
        self._queue.put(list(deletions))

    def close(self) -> None:
        """Wait up to ``CLOSING_SECONDS`` for queued deletions."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(CLOSING_SECONDS)
            self._thread = None

    def _delete_folders(self, deletion: Deletion) -> None:
        trial = self.root / deletion.trial_id
        with contextlib.suppress(StorageError):
            for name in trial.children():
                if deletion.includes(name):
                    (trial / name).remove_tree()
                elif deletion.newest is None:
                    (trial / name / OPTIMIZER).remove()
            if deletion.newest is None:
                trial.remove()

    def _run(self) -> None:
        is_closed = False
        while not is_closed:
            found = [self._queue.get()]
            while not self._queue.empty():
                found.append(self._queue.get())
            is_closed = None in found
            # The last deletion of a trial replaces its earlier ones.
            self._delete_objects({each.trial_id: each for batch in found for each in batch or ()})

    def _delete_objects(self, deletions: Mapping[str, Deletion]) -> None:
        """Run deletions in an object store with as few requests as possible."""
        with contextlib.suppress(StorageError):
            if len(deletions) >= FULL_LISTING:
                names = self.root.names()
            else:
                names = [f"{id_}/{name}" for id_ in deletions for name in (self.root / id_).names()]
            parts = [(name, *name.split("/", 1)) for name in names if "/" in name]
            self.root.remove_all(
                name
                for name, trial, file in parts
                if (deletion := deletions.get(trial)) and deletion.includes(file)
            )
