"""A sweep's folder, or address in an object store: what lies where, and whether it may be used."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sweep.errors import StorageError, UsageError
from sweep.ledger.events import SWEEP
from sweep.ledger.file import Ledger
from sweep.ledger.files import REPORTED, refuse_links, remove_empty
from sweep.ledger.journal import Clock, Journal
from sweep.ledger.objects import SegmentLedger
from sweep.ledger.read import FILE, first_event
from sweep.ledger.segments import FOLDER
from sweep.ledger.store import Store, read_text, store_at
from sweep.ledger.store_errors import StoreError

OURS = (
    "config.yaml",
    "trials.csv",
    "records.csv",
    "front.csv",
    "checkpoints",
    "report.html",
    "report.md",
    "driver.log",
)

UNLINKED = (
    FILE,
    "ledger.lock",
    "driver.log",
    "checkpoints",
    "dense",
    "allocations",
    *REPORTED,
)
"""What a driver and its workers write in place, or delete from. They replace whole any other file,
and so a link in its place, too."""

PROBING = 5.0
"""Seconds for which a store that is out of reach is tried again by a probe."""


class SweepFolder:
    """What lies where in a sweep's folder (see DESIGN, contract). ``path`` is the folder."""

    def __init__(self, path: str | Path | Store) -> None:
        self.path = store_at(path)

    @property
    def ledger(self) -> Store:
        """The truth: a file, or a folder of segments in an object store."""
        return self.path / (FOLDER if self.path.local is None else FILE)

    @property
    def config(self) -> Store:
        """The resolved config, runnable as it stands."""
        return self.path / "config.yaml"

    @property
    def log(self) -> Store:
        """What drivers said, with times; for a person to read."""
        return self.path / "driver.log"

    @property
    def checkpoints(self) -> Store:
        """What resume and export need."""
        return self.path / "checkpoints"

    @property
    def dense(self) -> Store:
        """The dense model that the sweep finetuned (:mod:`sweep.compress.dense.ship`)."""
        return self.path / "dense"

    @property
    def retrainings(self) -> Store:
        """Checkpoints of retrainings that `sweep confirm` has under way; gone when it is done."""
        return self.checkpoints / "confirm"

    @property
    def holds_sweep(self) -> bool:
        """Whether a sweep was begun here."""
        file = self.ledger.local
        if file is None:
            return first_event(self.ledger) is not None
        return file.is_file() and file.stat().st_size > 0

    def saved_config(self) -> dict[str, Any]:
        """The resolved config that the ledger began with.

        Raises :class:`~sweep.errors.UsageError` where this folder is no sweep.
        """
        local = self.path.local
        if local is not None and not local.is_dir():
            raise UsageError(f"no such folder: {self.path}")
        first = first_event(self.ledger)
        if first is None or first["event"] != SWEEP:
            raise UsageError(f"{self.path} is no sweep: it has no {self.ledger.name} with a config")
        return first["config"]

    def open(self, *, create: bool, clock: Clock = time.time) -> Journal:
        """Become the one driver of the sweep: lock its ledger, and read what is there.

        ``create``: begin a new ledger (:class:`~sweep.errors.UsageError` if there are events
        already); otherwise go on with one (UsageError if there is none). ``clock`` gives unix
        seconds. What is waited for is logged. UsageError too if another driver is at work.
        :class:`~sweep.errors.StorageError` if the ledger cannot be opened, is damaged, or of a
        newer version, and where a symbolic link within the folder leads elsewhere: driver and
        workers would write and delete there.
        """
        local = self.path.local
        if local is None:
            return SegmentLedger.open(self.ledger, create=create, clock=clock)
        refuse_links(local, *UNLINKED)
        return Ledger.open(local / FILE, create=create, clock=clock)

    def create(self) -> list[Path]:
        """Make the folder, and prove that it can be written before anything costly runs.

        Returns the folders that were made, parents too, innermost first. Raises
        :class:`~sweep.errors.StorageError` where it cannot, and
        :class:`~sweep.errors.UsageError` where it holds files that we would overwrite.
        """
        made: list[Path] = []
        try:
            made = self.path.make()
            prove(self.path)
        except StorageError as error:
            remove_empty(made)
            raise StorageError(f"{error}; choose another with --out") from error
        # A sweep's own files need no look, and may be very many.
        there = [] if self.holds_sweep else self.path.children()
        if taken := [name for name in OURS if name in there]:
            raise UsageError(f"{self.path} holds files of something else: {', '.join(taken)}")
        return made


def probe(where: str, mark: str | None = None) -> None:
    """Write, read back and delete a small file in a folder that is there, or in an object store.

    ``mark``: the name that :func:`marked` gave, perhaps on another machine: it must be seen from
    here too, else this is another place of the same name. StorageError with a sentence that names
    this host where anything fails; :class:`~sweep.errors.UsageError` for an address of no use.
    """
    store = store_at(where)
    try:
        prove(store)
        if mark is not None and read_text(store / mark) is None:
            raise StorageError(
                f"{store} is not the same place as where the driver runs (its mark is not there): "
                "it must be shared by all nodes"
            )
    except StorageError as error:
        raise StorageError(f"{error} (seen from {socket.gethostname()})") from error


@contextmanager
def marked(where: str) -> Iterator[str]:
    """Leave a mark at ``where`` for the time of the block, and yield its name."""
    mark = store_at(where) / f".mark-{secrets.token_hex(8)}"
    _creates(mark, b"mark")
    try:
        yield mark.name
    finally:
        with suppress(StorageError):
            mark.remove()


def prove(store: Store) -> None:
    """Raise a :class:`~sweep.errors.StorageError` if files cannot be created once and read back."""
    content = secrets.token_hex(8).encode()
    trial = store / f".probe-{content.decode()}"
    try:
        _creates(trial, content)
        if trial.read_bytes() != content:
            raise StoreError(f"{store} does not give back what is written there")
        if _creates(trial, b"again"):
            raise StoreError(
                f"{store} writes over an object that it was asked to create (it ignores "
                "If-None-Match): two drivers could not be told apart; keep the sweep elsewhere"
            )
    except FileNotFoundError as error:
        raise StoreError(f"{store} does not give back what is written there") from error
    finally:
        trial.remove()


def _creates(there: Store, content: bytes) -> bool:
    """Whether it was not there. Nobody else has its name: else a try's answer was lost."""
    try:
        there.create(content, PROBING)
    except FileExistsError:
        return False
    return True
