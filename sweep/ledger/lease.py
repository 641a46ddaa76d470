"""The lease of a driver on a sweep in an object store: an object that the driver keeps renewing.

The lease prevents a second driver from starting by mistake. It is only advisory: a driver that was
suspended or disconnected may find that another one has taken over. The ledger itself prevents that
both write (:mod:`sweep.ledger.objects`).

Another driver may take a lease that was not renewed during ``STALE`` seconds of watching it, or at
once if its driver ran on the same machine and has ended. No clocks are compared.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated

from annotated_types import Gt, Interval, Lt
from typing_extensions import TypedDict

from sweep.errors import StorageError, UsageError
from sweep.ledger.lines import parse_json
from sweep.ledger.store import Store

BEAT, STALE = 5.0, 20.0
"""Seconds between two renewals, and seconds after which a lease without renewal expires."""

NAME, LARGEST = "driver.json", 64 * 1024
"""The name of the note, and most bytes of it."""


class Note(TypedDict, total=False):
    """The note of a lease. It may come from another person, so its types are checked."""

    id: str
    beat: int
    stale: Annotated[float, Interval(ge=0, le=60 * STALE)]
    driver: str
    pid: Annotated[int, Gt(0), Lt(2**31)]
    machine: str | None


logger = logging.getLogger(__name__)

_held_here: set[str] = set()


class Lease:
    """The lease of this driver.

    A thread calls ``is_lost`` at each renewal that finds the lease of another driver. If it returns
    False, that driver is an older one that renewed its lease at the moment of the take-over. Its
    lease is overwritten, otherwise the older driver would never notice the take-over.
    """

    def __init__(self, sweep: Store) -> None:
        """Take the lease of a sweep. A wait for another driver's lease to expire is logged.

        Raises UsageError if another driver is running, and StorageError if the store fails.
        """
        self._note = sweep / NAME
        self.is_lost: Callable[[], bool] = lambda: False
        self._id, self._beat = secrets.token_hex(8), 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)
        try:
            self._note.create(self._text(), 0.0)
        except FileExistsError:
            if (note := self._read()) is not None:
                self._wait_for_end_of(note)
            self._write()
        _held_here.add(self._id)
        self._thread.start()

    def release(self) -> None:
        """Release the lease. A second call does nothing."""
        if self._id not in _held_here:
            return
        self._stop.set()
        self._thread.join()
        _held_here.discard(self._id)
        with suppress(StorageError):  # the lease will expire soon
            if self._is_ours(self._read()):
                self._note.remove()

    def _keep(self) -> None:
        while not self._stop.wait(BEAT):
            with suppress(StorageError):  # the ledger reports a store that cannot be reached
                note = self._read()
                if note is None or self._is_ours(note) or not self.is_lost():
                    self._write()

    def _is_ours(self, note: Note | None) -> bool:
        return note is not None and note.get("id") == self._id

    def _wait_for_end_of(self, note: Note) -> None:
        """Return when the driver of a note has ended or its lease has expired."""
        if note.get("id") in _held_here:
            raise UsageError(
                f"{self._note.parent} is in use by this same process (pid {os.getpid()})"
            )
        if _has_ended(note):
            return
        seconds = float(note.get("stale", STALE))
        logger.info(
            "%s may be in use by another driver, %s: waiting up to %.0f s for a sign of life",
            self._note.parent,
            note.get("driver"),
            seconds,
        )
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            time.sleep(min(1.0, BEAT / 2))
            now = self._read()
            if now is None:
                return
            if (now.get("id"), now.get("beat")) != (note.get("id"), note.get("beat")):
                raise UsageError(
                    f"{self._note.parent} is in use by another driver: {now.get('driver')}; if "
                    f"that driver has just been killed, try again {STALE:.0f} s after its end"
                )

    def _read(self) -> Note | None:
        return _note_at(self._note)

    def _write(self) -> None:
        self._beat += 1
        self._note.write_bytes(self._text(), 0.0)

    def _text(self) -> bytes:
        note: Note = {"id": self._id, "beat": self._beat, "stale": STALE, "driver": driver_name()}
        note |= {"pid": os.getpid(), "machine": _machine()}
        return json.dumps(note).encode()


def driver_of(sweep: Store) -> str | None:
    """The driver that renews its lease on a sweep; None if there is none within two renewals."""
    first = _note_at(sweep / NAME)
    if first is not None and first.get("id") in _held_here:
        return driver_name()
    deadline = time.monotonic() + 2 * BEAT
    while first is not None and not _has_ended(first) and time.monotonic() < deadline:
        time.sleep(min(1.0, BEAT / 2))
        now = _note_at(sweep / NAME)
        if now is not None and now != first:
            return str(now.get("driver"))
    return None


def _note_at(place: Store) -> Note | None:
    """The note of a lease: None if there is none, {} if it is not one."""
    if (data := place.read_bytes(LARGEST)) is None:
        return None
    try:
        return parse_json(Note, data)
    except ValueError:
        return {}


def _has_ended(note: Note) -> bool:
    """Whether the driver of a note ran on this machine and has ended."""
    pid, machine = note.get("pid"), note.get("machine")
    if pid is None or machine is None or machine != _machine():
        return False
    if pid == os.getpid():
        return True  # an earlier process had this pid
    try:
        os.kill(pid, 0)
    except OSError as error:
        return isinstance(error, ProcessLookupError)
    return False


def _machine() -> str | None:
    """An id that is equal for processes that share one set of pids; None if it is unknown."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return f"{file.read().strip()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return None


def driver_name() -> str:
    """The name of this process in messages, such as ``pid 7 on host``."""
    return f"pid {os.getpid()} on {socket.gethostname()}"
