"""A trial's state: safetensors and JSON, in a folder or an object store, checked when read.

Arrays (or CPU tensors) go in, arrays come out: a task without torch has checkpoints too.

checkpoints/<trial_id>/epoch-0002/
    model.safetensors       the weights, by the model's own names
    masks.safetensors       masks (a bit a weight), activation thresholds
    optimizer.safetensors   the moments (in a ramp movement, too), while the trial may go on
    trial.json              epoch, params, seed, the record, digests of the files

In a folder it is written whole or not at all. In an object store ``trial.json`` comes last, and is
what makes it one: without it, or with files of another try than its digests are of, it is passed
over like one that is damaged.
"""

from __future__ import annotations

import contextlib
import json
import queue
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from sweep.errors import StorageError
from sweep.ledger.files import file_digest
from sweep.ledger.store import Store, store_at
from sweep.ledger.store_objects import PATIENCE

MODEL, MASKS, OPTIMIZER = FILES = (
    "model.safetensors",
    "masks.safetensors",
    "optimizer.safetensors",
)
NOTE = "trial.json"
PREFIX = "epoch-"

AnyStore = TypeVar("AnyStore", Path, Store)
Loaded = tuple[dict[str, Any], dict[str, Any]]
Array = NDArray[Any]
Arrays = dict[str, Array]


def name_of(epoch: int) -> str:
    """A checkpoint's name; names sort as epochs do."""
    return f"{PREFIX}{epoch:04d}"


def epoch_folder(root: AnyStore, trial_id: str, epoch: int) -> AnyStore:
    """Where the checkpoint of a trial's epoch lies."""
    return root / trial_id / name_of(epoch)


def save(folder: Store | Path, state: Mapping[str, Any], note: Mapping[str, Any]) -> None:
    """Write a ``Trial.state_dict()`` and a ``note`` (any JSON, the record in it).

    Raises :class:`~sweep.errors.StorageError` where disk or store refuses; a disk has nothing of it
    then.
    """
    try:
        # What is there is a damaged one, or one of an older attempt.
        with store_at(folder).replacing(last=NOTE) as scratch:
            save_file(_plain(state["model"]), scratch / MODEL)
            save_file(_masks(state), scratch / MASKS)
            save_file(_moments(state), scratch / OPTIMIZER)
            meta = {key: state[key] for key in ("epoch", "seconds")}
            digests = {name: file_digest(scratch / name) for name in FILES}
            shapes = {name: list(mask.shape) for name, mask in state["masks"].items()}
            text = json.dumps({**meta, "shapes": shapes, "digests": digests, **note})
            (scratch / NOTE).write_text(text)
    except StorageError:  # an object store's, which says it all
        raise
    except (OSError, SafetensorError) as error:
        raise StorageError(f"checkpoint {folder} cannot be written: {error}") from error


def load(folder: Store | Path, moments: bool = True) -> Loaded | None:
    """The state and the note of a checkpoint, or None where it is missing or damaged.

    Without ``moments`` the optimiser's state (and movement) is empty: enough to evaluate, not to
    go on.
    :class:`~sweep.errors.StorageError` where a store cannot be asked.
    """
    wanted = FILES if moments else (MODEL, MASKS)
    with store_at(folder).reading([NOTE, *wanted]) as files:
        return None if files is None else _load(files, wanted, moments)


def _load(folder: Path, wanted: Sequence[str], moments: bool) -> Loaded | None:
    try:
        note = json.loads((folder / NOTE).read_text())
        if any(file_digest(folder / name) != note["digests"][name] for name in wanted):
            return None
        state = _read_masks(load_file(folder / MASKS), note["shapes"])
        state["model"] = load_file(folder / MODEL)
        state |= _read_moments(load_file(folder / OPTIMIZER) if moments else {})
        return state | {"epoch": note["epoch"], "seconds": note["seconds"]}, note
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError):
        return None


def latest(root: Store | Path, trial_id: str, most: int = 9999) -> Loaded | None:
    """The newest whole checkpoint of a trial up to epoch ``most``; damaged ones are passed over."""
    for name in reversed(names(root / trial_id)):
        if name <= name_of(most) and (found := load(root / trial_id / name)) is not None:
            return found
    return None


def names(trial: Store | Path) -> list[str]:
    """The names of what may be a trial's checkpoints, oldest first."""
    return [name for name in store_at(trial).children(PATIENCE) if name.startswith(PREFIX)]


def drop_older(root: Store | Path, trial_id: str, epoch: int) -> None:
    """Delete a trial's checkpoints of epochs before ``epoch``."""
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
        return np.unpackbits(bits, count=int(np.prod(shape))).astype(bool).reshape(shape)

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


WHOLE_LISTING = 16
"""Trials from which on one listing of all is less work than one of each."""

CLOSING_SECONDS = 30.0
"""How long the end of a sweep may wait for a store to delete; what is left then does no harm."""


@dataclass(frozen=True)
class Order:
    """Of a trial: ``keep`` are the names of its checkpoints that are points of the front.

    ``newest``: the name of the one that it goes on from, which stays, as do later ones; None for
    a trial that has ended, of which only ``keep`` stays, without the moments.
    """

    trial_id: str
    newest: str | None
    keep: frozenset[str]

    def covers(self, name: str) -> bool:
        """Whether a folder ("epoch-0001"), or a file in one, is to be deleted."""
        folder, _, file = name.partition("/")
        if self.newest is None:  # also of an epoch that was never reported, or never whole
            return folder not in self.keep or file == OPTIMIZER
        return folder not in self.keep and folder.startswith(PREFIX) and folder < self.newest


class Broom:
    """Deletes checkpoints below ``root``: in a folder at once, in an object store from a thread.

    A store takes tens of milliseconds for each request. What was ordered may be done later, even by
    a driver that has been fenced meanwhile: what is no longer needed once is never needed again.
    """

    def __init__(self, root: Store | Path) -> None:
        self.root = store_at(root)
        self._orders: queue.SimpleQueue[Sequence[Order] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def sweep(self, orders: Sequence[Order]) -> None:
        """Carry orders out, as far as disk or store lets it; what is left does no harm."""
        if self.root.local is not None:
            for order in orders:
                self._clear(order)
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()
        self._orders.put(list(orders))

    def close(self) -> None:
        """Wait a while for what was ordered."""
        if self._thread is not None:
            self._orders.put(None)
            self._thread.join(CLOSING_SECONDS)
            self._thread = None

    def _clear(self, order: Order) -> None:
        """Carry out one order, folder by folder."""
        trial = self.root / order.trial_id
        with contextlib.suppress(StorageError):
            for name in trial.children():
                if order.covers(name):
                    (trial / name).remove_tree()
                elif order.newest is None:
                    (trial / name / OPTIMIZER).remove()
            if order.newest is None:
                trial.remove()

    def _run(self) -> None:
        is_closed = False
        while not is_closed:
            found = [self._orders.get()]
            while not self._orders.empty():
                found.append(self._orders.get())
            is_closed = None in found
            # Of a trial the last order counts.
            self._carry_out({each.trial_id: each for orders in found for each in orders or ()})

    def _carry_out(self, orders: Mapping[str, Order]) -> None:
        """Carry out orders with as few requests as can be."""
        with contextlib.suppress(StorageError):
            if len(orders) >= WHOLE_LISTING:
                names = self.root.names()
            else:
                names = [f"{each}/{name}" for each in orders for name in (self.root / each).names()]
            parts = [(name, *name.split("/", 1)) for name in names if "/" in name]
            self.root.remove_all(
                name
                for name, trial, file in parts
                if (order := orders.get(trial)) and order.covers(file)
            )
