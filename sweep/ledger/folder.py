"""The layout of a sweep's folder (or address in an object store), and checks that it is usable."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sweep.errors import StorageError, UsageError
from sweep.ledger import lease
from sweep.ledger.events import SWEEP
from sweep.ledger.file import Ledger, driver_of
from sweep.ledger.files import REPORT_FOLDERS, refuse_links, remove_empty
from sweep.ledger.journal import Journal
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

NEVER_LINKS = (
    FILE,
    "ledger.lock",
    "driver.log",
    "checkpoints",
    "dense",
    "allocations",
    *REPORT_FOLDERS,
)
"""What commands read, change in place, or delete from: only plain files and folders are allowed
there. All other files are replaced atomically, which replaces a link too."""

PROBE_SECONDS = 5.0
"""Seconds for which a probe retries a store that cannot be reached."""


class SweepFolder:
    """The paths in a sweep's folder. ``path`` is the folder, or an address in an object store."""

    def __init__(self, path: str | Path | Store) -> None:
        self.path = store_at(path)
        self.ledger = self.path / (FOLDER if self.path.local is None else FILE)
        """The ledger: a file, or a folder of segments in an object store."""
        self.config = self.path / "config.yaml"
        """The resolved config, which can be run unchanged."""
        self.log = self.path / "driver.log"
        """The log of all drivers, with times."""
        self.checkpoints = self.path / "checkpoints"
        """The checkpoints that resume and export need."""
        self.dense = self.path / "dense"
        """The dense model that the sweep finetuned (:mod:`sweep.compress.dense.ship`)."""
        self.retrainings = self.checkpoints / "confirm"
        """Checkpoints of the retrainings of a running `sweep confirm`, deleted when it ends."""

    @property
    def holds_sweep(self) -> bool:
        """Whether a sweep has begun here."""
        file = self.ledger.local
        if file is None:
            return first_event(self.ledger) is not None
        return file.is_file() and file.stat().st_size > 0

    def saved_config(self) -> dict[str, Any]:
        """The resolved config in the first event of the ledger.

        Raises :class:`~sweep.errors.UsageError` if this folder is not a sweep.
        """
        local = self.path.local
        if local is not None and not local.is_dir():
            raise UsageError(f"no such folder: {self.path}")
        first = first_event(self.ledger)
        if first is None or first["event"] != SWEEP:
            name = self.ledger.name
            raise UsageError(f"{self.path} is not a sweep: it has no {name} with a config")
        return first["config"]

    def open(self, *, create: bool) -> Journal:
        """Lock the ledger for the one driver of the sweep, and read its events.

        ``create``: begin a new ledger (:class:`~sweep.errors.UsageError` if it already has
        events); otherwise continue one (UsageError if there is none, or no event in it). A wait for
        another driver is logged. Raises UsageError too if another driver is running, and
        :class:`~sweep.errors.StorageError` if the ledger cannot be opened or written, is damaged or
        has a newer version, or if the folder has a symbolic link through which driver or workers
        would write or delete outside of it.
        """
        local = self.path.local
        if local is None:
            return SegmentLedger.open(self.ledger, create=create)
        self.refuse_links()
        return Ledger.open(local / FILE, create=create)

    def refuse_links(self) -> None:
        """Raise :class:`~sweep.ledger.store_errors.StoreError` for a link that a command would
        follow out of the folder, and for a device."""
        if self.path.local is not None:
            refuse_links(self.path.local, *NEVER_LINKS)

    def driver(self) -> str | None:
        """The driver that is running the sweep, such as "pid 7 on host"; None if there is none.

        In an object store this watches the lease for a few seconds.
        """
        local = self.path.local
        return lease.driver_of(self.path) if local is None else driver_of(local / FILE)

    def create(self) -> list[Path]:
        """Create the folder, and check that it is writable before anything expensive runs.

        Returns the folders that were created, parents included, innermost first. Raises
        :class:`~sweep.errors.StorageError` if the folder is not writable, and
        :class:`~sweep.errors.UsageError` if it has files that a sweep would overwrite.
        """
        made: list[Path] = []
        try:
            made = self.path.make()
            check_writable(self.path)
        except StorageError as error:
            remove_empty(made)
            raise StorageError(f"{error}; choose another folder with --out") from error
        # The files of a sweep need no check, and there may be very many.
        there = [] if self.holds_sweep else self.path.children()
        if taken := [name for name in OURS if name in there]:
            raise UsageError(
                f"{self.path} is not a sweep, but has files that a sweep would overwrite: "
                f"{', '.join(taken)}; choose another folder with --out"
            )
        return made


def probe(where: str, mark: str | None = None) -> None:
    """Write, read and delete a small file in an existing folder or an object store.

    ``mark``: the name that :func:`marked` gave, maybe on another machine. If it is not visible from
    here, this is a different place with the same name. Raises StorageError with a message that
    names this host, and :class:`~sweep.errors.UsageError` for an address that cannot hold a sweep.
    """
    store = store_at(where)
    try:
        check_writable(store)
        if mark is not None and read_text(store / mark) is None:
            raise StorageError(
                f"{store} on this machine is not the same place as on the driver's machine (the "
                "driver's test file is missing); all nodes must share this folder"
            )
    except StorageError as error:
        raise StorageError(f"{error} (on host {socket.gethostname()})") from error


@contextmanager
def marked(where: str) -> Iterator[str]:
    """Create a marker file at ``where``, yield its name, and delete it when the block ends."""
    mark = store_at(where) / f".mark-{secrets.token_hex(8)}"
    _create(mark, b"mark")
    try:
        yield mark.name
    finally:
        with suppress(StorageError):
            mark.remove()


def check_writable(store: Store) -> None:
    """Raise :class:`~sweep.errors.StorageError` if files cannot be created exclusively and read."""
    content = secrets.token_hex(8).encode()
    trial = store / f".probe-{content.decode()}"
    try:
        _create(trial, content)
        if trial.read_bytes() != content:
            raise StoreError(f"{store} does not return what was written to it")
        if _create(trial, b"again"):
            raise StoreError(
                f"{store} overwrites an existing object on a conditional create (it ignores "
                "If-None-Match), so two drivers could not be kept apart; choose another store"
            )
    finally:
        trial.remove()


def _create(file: Store, content: bytes) -> bool:
    """Create a file; False if it exists. At first that only means that an answer was lost."""
    try:
        file.create(content, PROBE_SECONDS)
    except FileExistsError:
        return False
    return True
