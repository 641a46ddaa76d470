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
import shutil
import tempfile
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from sweep.errors import StorageError
from sweep.ledger.address import Address
from sweep.ledger.cache import file_digest
from sweep.ledger.files import new_folder
from sweep.ledger.store import PATIENCE, Place, remove_tree, upload_folder

MODEL, MASKS, OPTIMIZER = FILES = (
    "model.safetensors",
    "masks.safetensors",
    "optimizer.safetensors",
)
NOTE = "trial.json"

AnyPlace = TypeVar("AnyPlace", Path, Address, Place)
Loaded = tuple[dict[str, Any], dict[str, Any]]
Array = NDArray[Any]
Arrays = dict[str, Array]


def name_of(epoch: int) -> str:
    """A checkpoint's name; names sort as epochs do."""
    return f"epoch-{epoch:04d}"


def epoch_folder(root: AnyPlace, trial_id: str, epoch: int) -> AnyPlace:
    """Where the checkpoint of a trial's epoch lies."""
    return root / trial_id / name_of(epoch)


def save(folder: Place, state: Mapping[str, Any], note: Mapping[str, Any]) -> None:
    """Write a ``Trial.state_dict()`` and a ``note`` (any JSON, the record in it).

    Raises :class:`~sweep.errors.StorageError` where disk or store refuses; a disk has nothing of it
    then.
    """
    if isinstance(folder, Address):
        (folder / NOTE).remove()  # while files change under it, it is none
        with tempfile.TemporaryDirectory(prefix="prunesweep-") as scratch:
            _save(Path(scratch) / folder.name, state, note)
            upload_folder(Path(scratch) / folder.name, folder, last=NOTE)
    else:
        shutil.rmtree(folder, ignore_errors=True)  # a damaged one, or one of an older attempt
        _save(folder, state, note)


def _save(folder: Path, state: Mapping[str, Any], note: Mapping[str, Any]) -> None:
    try:
        with new_folder(folder) as scratch:
            save_file(_plain(state["model"]), scratch / MODEL)
            save_file(_masks(state), scratch / MASKS)
            save_file(_moments(state), scratch / OPTIMIZER)
            meta = {key: state[key] for key in ("epoch", "seconds")}
            digests = {name: file_digest(scratch / name) for name in FILES}
            shapes = {name: list(mask.shape) for name, mask in state["masks"].items()}
            text = json.dumps({**meta, "shapes": shapes, "digests": digests, **note})
            (scratch / NOTE).write_text(text)
    except (OSError, SafetensorError) as error:
        raise StorageError(f"checkpoint {folder} cannot be written: {error}") from error


def load(folder: Place, moments: bool = True) -> Loaded | None:
    """The state and the note of a checkpoint, or None where it is missing or damaged.

    Without ``moments`` the optimiser's state (and movement) is empty: enough to evaluate, not to
    go on.
    :class:`~sweep.errors.StorageError` where a store cannot be asked.
    """
    wanted = FILES if moments else (MODEL, MASKS)
    if isinstance(folder, Path):
        return _load(folder, wanted, moments)
    contents = folder.read_all([NOTE, *wanted], PATIENCE)
    if contents is None:
        return None
    with tempfile.TemporaryDirectory(prefix="prunesweep-") as scratch:
        for name, content in zip([NOTE, *wanted], contents, strict=True):
            (Path(scratch) / name).write_bytes(content)
        return _load(Path(scratch), wanted, moments)


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


def latest(root: Place, trial_id: str, most: int = 9999) -> Loaded | None:
    """The newest whole checkpoint of a trial up to epoch ``most``; damaged ones are passed over."""
    for name in reversed(names(root / trial_id)):
        if name <= name_of(most) and (found := load(root / trial_id / name)) is not None:
            return found
    return None


def names(trial: Place) -> list[str]:
    """The names of what may be a trial's checkpoints, oldest first."""
    if isinstance(trial, Path):
        return sorted(folder.name for folder in trial.glob("epoch-*"))
    return sorted({name.partition("/")[0] for name in trial.names(PATIENCE)})


def drop_older(root: Place, trial_id: str, epoch: int) -> None:
    """Delete a trial's checkpoints of epochs before ``epoch``."""
    for name in names(root / trial_id):
        if name < name_of(epoch):
            remove_tree(root / trial_id / name)


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


def _unpack(bits: Array, shape: list[int]) -> Array:
    return np.unpackbits(bits, count=int(np.prod(shape))).astype(bool).reshape(shape)


# Deletes checkpoints: of a folder at once, of an object store from a thread, in bulk.

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

    def is_over(self, name: str) -> bool:
        """Whether a checkpoint goes."""
        return name not in self.keep and (self.newest is None or name < self.newest)


class Broom(Protocol):
    """Carries orders out."""

    def sweep(self, orders: Sequence[Order]) -> None: ...

    def close(self) -> None: ...


def broom_for(root: Place) -> Broom:
    """``root`` is the place of all checkpoints."""
    return StoreBroom(root) if isinstance(root, Address) else FolderBroom(root)


class FolderBroom:
    """Deletes at once."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def sweep(self, orders: Sequence[Order]) -> None:
        """As far as the disk lets it."""
        for order in orders:
            if order.newest is None:
                self._finish(order)
            else:
                self._thin_out(order)

    def close(self) -> None:
        """Nothing is left to do."""

    def _thin_out(self, order: Order) -> None:
        """Of a running trial, drop what it has moved on from."""
        for folder in (self.root / order.trial_id).glob("epoch-*"):
            if order.is_over(folder.name):
                shutil.rmtree(folder, ignore_errors=True)

    def _finish(self, order: Order) -> None:
        """Leave of an ended trial what export needs."""
        trial = self.root / order.trial_id
        with contextlib.suppress(FileNotFoundError):
            for folder in trial.iterdir():
                if order.is_over(folder.name):  # also of an epoch that was never reported
                    shutil.rmtree(folder, ignore_errors=True)
                else:
                    (folder / OPTIMIZER).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # not there, or not empty
            trial.rmdir()


class StoreBroom:
    """Deletes from a thread: a store takes tens of milliseconds for each request.

    What was ordered may be done later, even by a driver that has been fenced meanwhile: what is no
    longer needed once is never needed again.
    """

    def __init__(self, root: Address) -> None:
        self.root = root
        self._orders: queue.SimpleQueue[Sequence[Order] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def sweep(self, orders: Sequence[Order]) -> None:
        """Returns at once."""
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

    def _run(self) -> None:
        while (orders := self._orders.get()) is not None:
            with contextlib.suppress(StorageError):  # as on a disk: what is left does no harm
                self._carry_out({order.trial_id: order for order in self._with_more(orders)})

    def _with_more(self, orders: Sequence[Order]) -> Iterable[Order]:
        """These, and what has been ordered meanwhile: of a trial the last word counts."""
        yield from orders
        while not self._orders.empty():
            if (more := self._orders.get()) is None:
                self._orders.put(None)
                return
            yield from more

    def _carry_out(self, orders: dict[str, Order]) -> None:
        self.root.remove_all(
            name
            for name in self._names(orders)
            if (order := orders.get(name.split("/")[0])) and _goes(order, name)
        )

    def _names(self, orders: dict[str, Order]) -> list[str]:
        if len(orders) >= WHOLE_LISTING:
            return self.root.names()
        return [f"{trial}/{name}" for trial in orders for name in (self.root / trial).names()]


def _goes(order: Order, name: str) -> bool:
    """Whether an object ("t00001/epoch-0001/model.safetensors") is to be deleted."""
    parts = name.split("/")
    is_moments = order.newest is None and parts[-1] == OPTIMIZER
    return order.is_over(parts[1]) or is_moments
