"""Which driver is at work on a sweep in an object store: a note there, renewed while it lives.

The note keeps a second driver from starting by mistake. It is a courtesy: a driver that slept, or
was cut off, may find its sweep taken over; that nothing is written twice then is the ledger's
doing (:mod:`sweep.ledger.objects`).

A note that is no longer renewed is taken over after ``STALE`` seconds of watching it, or at once
where its driver ran on this very machine and is gone. No clocks are compared.
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
from typing import Any

from sweep.errors import StorageError, UsageError
from sweep.ledger.store import Store

BEAT, STALE = 5.0, 20.0
"""Seconds from one renewal to the next, and after which a note that was not renewed is void."""

NAME = "driver.json"

Note = dict[str, Any]
logger = logging.getLogger(__name__)

_held_here: set[str] = set()


class Lease:
    """The note of this driver, taken with :meth:`take`.

    ``is_lost`` is asked, from a thread, on each renewal that finds another's note in its place.
    Where it is not, that note is an older driver's, which was about to renew its own when this one
    came, and is written over: else that one would never learn.
    """

    def __init__(self, note: Store) -> None:
        self._note = note
        self.is_lost: Callable[[], bool] = lambda: False
        self._id, self._beat = secrets.token_hex(8), 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)

    @classmethod
    def take(cls, sweep: Store) -> Lease:
        """UsageError if another driver is at work; StorageError if the store refuses.

        Where that takes a while, it is logged.
        """
        lease = cls(sweep / NAME)
        try:
            lease._note.create(lease._text(), 0.0)
        except FileExistsError:
            if (note := lease._read()) is not None:
                lease._make_sure(note)
            lease._write()
        _held_here.add(lease._id)
        lease._thread.start()
        return lease

    def release(self) -> None:
        """Let others have it. Twice is fine."""
        if self._id not in _held_here:
            return
        self._stop.set()
        self._thread.join()
        _held_here.discard(self._id)
        try:
            if self._is_ours(self._read()):
                self._note.remove()
        except StorageError:  # it will be void soon
            return

    def _keep(self) -> None:
        while not self._stop.wait(BEAT):
            try:
                note = self._read()
                if note is None or self._is_ours(note) or not self.is_lost():
                    self._write()
            except StorageError:  # a store that is out of reach is the ledger's to tell
                continue

    def _is_ours(self, note: Note | None) -> bool:
        return note is not None and note.get("id") == self._id

    def _make_sure(self, note: Note) -> None:
        """Return when the driver of a note is surely, or most likely, gone."""
        if note.get("id") in _held_here:
            raise UsageError(
                f"{self._note.parent} is in use by this very process (pid {os.getpid()})"
            )
        if _is_gone(note):
            return
        seconds = float(note.get("stale", STALE))
        logger.info(
            "%s may be in use by another driver, %s: "
            "waiting up to %.0f s to see whether it is gone",
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
                    f"{self._note.parent} is in use by another driver: {now.get('driver')}; "
                    f"one that is gone can be replaced {STALE:.0f} s after its end"
                )

    def _read(self) -> Note | None:
        try:
            note = json.loads(self._note.read_bytes())
        except FileNotFoundError:
            return None
        except ValueError:
            return {}
        return note if isinstance(note, dict) else {}

    def _write(self) -> None:
        self._beat += 1
        self._note.write_bytes(self._text(), 0.0)

    def _text(self) -> bytes:
        note = {"id": self._id, "beat": self._beat, "stale": STALE, "driver": driver_name()}
        note |= {"pid": os.getpid(), "machine": _machine()}
        return json.dumps(note).encode()


def _is_gone(note: Note) -> bool:
    """Whether a driver ran on this machine, and does no longer."""
    pid, machine = note.get("pid"), note.get("machine")
    if not isinstance(pid, int) or machine is None or machine != _machine():
        return False
    if pid == os.getpid():
        return True  # another process had this number
    try:
        os.kill(pid, 0)
    except OSError as error:
        return isinstance(error, ProcessLookupError)
    return False


def _machine() -> str | None:
    """What two processes have in common that know each other by their numbers; None: not known."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return f"{file.read().strip()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return None


def driver_name() -> str:
    """This process, for people."""
    return f"pid {os.getpid()} on {socket.gethostname()}"
