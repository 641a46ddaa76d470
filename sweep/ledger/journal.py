"""What a ledger is to the one driver that writes it, in a file or in an object store.

**The promise.** What has had an effect outside of the driver is safe before: a trial handed out, a
checkpoint deleted, a finish that tables follow. A driver calls :meth:`Journal.sync` before an
effect that follows from what it has appended. A crash may take a tail of the ledger, and nothing
but a tail, of events that came after the last sync: the sweep goes on from an earlier state, which
nothing outside contradicts.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Self, cast

from sweep.errors import StorageError, SweepError, UsageError
from sweep.ledger.events import Event, ReadEvent
from sweep.ledger.lines import encode
from sweep.ledger.store import Store

VERSION = 1

Clock = Callable[[], float]


class Outbox:
    """Pieces of bytes on their way. While some are being sent, those that are added wait together.

    A thread calls ``send`` with one or more whole pieces, joined, in order. Once it has failed
    nothing more is sent, and ``failure`` says why. ``limit``: bytes that may be on their way.
    """

    def __init__(self, send: Callable[[bytes], None], limit: int) -> None:
        self._send, self._limit = send, limit
        self._waiting: list[bytes] = []
        self._sending = 0  # bytes, of those taken from the above
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self.failure: Exception | None = None

    def make_room(self, count: int) -> None:
        """Wait, where so many bytes more are too many."""
        if self._size + count > self._limit:
            self.wait()

    def add(self, piece: bytes) -> None:
        """Have a piece sent soon. The thread is there from the first one on."""
        with self._change:
            self._waiting.append(piece)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()
            self._change.notify_all()

    def wait(self) -> None:
        """Return when all that was added is sent, or nothing more will be."""
        with self._change:
            self._change.wait_for(lambda: not self._size or self.failure)

    @property
    def is_empty(self) -> bool:
        """Whether all that was added is sent."""
        with self._change:
            return not self._size

    def fail(self, failure: Exception) -> None:
        """Send nothing more."""
        with self._change:
            self.failure = self.failure or failure
            self._change.notify_all()

    def close(self) -> None:
        """End the thread, once what it is sending is sent."""
        with self._change:
            thread, self._thread = self._thread, None
            self._is_closed = True
            self._change.notify_all()
        if thread is not None:
            thread.join()

    @property
    def _size(self) -> int:
        return self._sending + sum(map(len, self._waiting))

    def _run(self) -> None:
        while pieces := self._take():
            try:
                self._send(b"".join(pieces))
            except Exception as error:
                self.fail(error)
            else:
                with self._change:
                    self._sending = 0
                    self._change.notify_all()

    def _take(self) -> list[bytes]:
        """All that waits; [] when there will be no more."""
        with self._change:
            self._change.wait_for(lambda: self._waiting or self._is_closed or self.failure)
            if self._is_closed or self.failure:
                return []
            pieces, self._waiting = self._waiting, []
            self._sending = sum(map(len, pieces))
            return pieces


class Journal(ABC):
    """``events`` holds what the ledger held when it was opened. ``clock`` gives unix seconds."""

    def __init__(self, path: object, events: list[Event], clock: Clock, outbox: Outbox) -> None:
        self.path = path
        self.events = events
        self._clock = clock
        self._outbox = outbox
        self._is_closed = self._is_told = False
        self._last_time = max(map(_time_of, events), default=0.0)

    def append(self, *events: Event | ReadEvent) -> list[Event]:
        """Write the events in one piece and return them as written, each with its ``time``.

        They are safe soon after: :meth:`sync` waits for that. ``time`` never goes backwards,
        whatever the clock does. StorageError if they cannot be stored: none of them is in the
        ledger then. SweepError if one of them is no strict JSON (NaN, infinity, an object); nothing
        is written then either.
        """
        self._check()
        now = max(round(float(self._clock()), 3), self._last_time)
        stamped = [cast(Event, {**event, "time": now}) for event in events]
        self._write(b"".join(map(encode, stamped)))
        self._last_time = now
        return stamped

    def sync(self) -> None:
        """Return when all that was appended is safe. StorageError if it cannot be, for good."""
        self._check()
        self._outbox.wait()
        self._check()

    @property
    def is_synced(self) -> bool:
        """Whether all that was appended is safe. StorageError as for :meth:`sync`."""
        self._check()
        return self._outbox.is_empty

    def close(self) -> None:
        """Sync, and let others have the ledger. Closing twice is fine.

        StorageError as for :meth:`sync`, unless it has been raised before.
        """
        if self._is_closed:
            return
        try:
            if not self._is_told:
                self.sync()
        finally:
            self._is_closed = True
            self._outbox.close()
            self._release()

    @abstractmethod
    def discard(self) -> None:
        """Delete a closed ledger that has no events."""

    def _check(self) -> None:
        """Raise a :class:`~sweep.errors.SweepError` if it is closed, or a write has failed."""
        if self._is_closed:
            raise SweepError(f"{self.path} is closed")
        if (failure := self._outbox.failure) is not None:
            told = self._told(failure)
            self._is_told = True
            raise told from failure

    @abstractmethod
    def _write(self, lines: bytes) -> None:
        """Write whole lines, all or none of them. StorageError if that fails."""

    @abstractmethod
    def _told(self, failure: Exception) -> StorageError:
        """The error that is raised, in the writer's thread, where the outbox failed."""

    @abstractmethod
    def _release(self) -> None:
        """Let others have the ledger."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def check_version(events: list[Event], path: object) -> None:
    """StorageError for a ledger of a newer version."""
    version = events[0].get("version", VERSION) if events else VERSION
    if not isinstance(version, int) or version > VERSION:
        raise StorageError(
            f"{path} is of version {version}, and this prunesweep reads up to version {VERSION}"
        )


def check_expected(events: list[Event], create: bool, path: Store | Path) -> None:
    """UsageError where a new ledger is asked for and one is there, or the other way round."""
    if create and events:
        raise UsageError(
            f"{path.parent} holds a sweep already: resume it, or choose another folder"
        )
    if not create and not events:
        raise UsageError(f"{path.parent} is no sweep yet: its {path.name} is empty")


def _time_of(event: Event) -> float:
    """Its unix seconds, 0 where it has none."""
    value = event.get("time", 0.0)
    return float(value) if isinstance(value, int | float) else 0.0
