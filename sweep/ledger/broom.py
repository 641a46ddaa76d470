"""Deletes checkpoints: of a folder at once, of an object store from a thread, in bulk."""

from __future__ import annotations

import contextlib
import queue
import shutil
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sweep.errors import StorageError
from sweep.ledger.address import Address
from sweep.ledger.checkpoint import OPTIMIZER
from sweep.ledger.store import Place

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
