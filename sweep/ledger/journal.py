"""The interface to a ledger for the one driver that writes it, in a file or an object store.

**Durability.** An event is on stable storage before it has an effect outside of the driver (a trial
is given to a worker, a checkpoint is deleted, the tables of a finished sweep are written). The
driver calls :meth:`Journal.sync` before each such effect. A crash may lose only the last events of
the ledger, those after the last sync. The sweep then resumes from an earlier state that agrees with
everything outside of the driver.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Self, cast

from sweep.errors import StorageError, SweepError, UsageError
from sweep.ledger.events import Event, ReadEvent
from sweep.ledger.lines import encode
from sweep.ledger.store import Store


class Outbox:
    """A queue of bytes that a thread sends. Pieces added during one send are sent together next.

    The thread calls ``send`` with one or more complete pieces, joined in order. After a failure
    nothing more is sent, and ``failure`` is the error. ``limit``: most bytes in the queue.
    """

    def __init__(self, send: Callable[[bytes], None], limit: int) -> None:
        self._send, self._limit = send, limit
        self._waiting: list[bytes] = []
        self._sending = 0  # bytes taken from _waiting and not yet sent
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self.failure: Exception | None = None

    def make_room(self, count: int) -> None:
        """Wait for the queue to empty if ``count`` more bytes would exceed the limit."""
        if self._size + count > self._limit:
            self.wait()

    def add(self, piece: bytes) -> None:
        """Queue a piece. The first call starts the thread."""
        with self._change:
            self._waiting.append(piece)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()
            self._change.notify_all()

    def wait(self) -> None:
        """Return when all pieces are sent, or when sending has failed."""
        with self._change:
            self._change.wait_for(lambda: not self._size or self.failure)

    @property
    def is_empty(self) -> bool:
        """Whether all pieces are sent."""
        with self._change:
            return not self._size

    def fail(self, failure: Exception) -> None:
        """Stop sending, because of ``failure``."""
        with self._change:
            self.failure = self.failure or failure
            self._change.notify_all()

    def close(self) -> None:
        """End the thread after its current send."""
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
        """Wait for pieces and take all of them; [] after :meth:`close` or a failure."""
        with self._change:
            self._change.wait_for(lambda: self._waiting or self._is_closed or self.failure)
            if self._is_closed or self.failure:
                return []
            pieces, self._waiting = self._waiting, []
            self._sending = sum(map(len, pieces))
            return pieces


class Journal(ABC):
    """``events``: the events that the ledger had when it was opened."""

    def __init__(self, path: object, events: list[Event], outbox: Outbox) -> None:
        self.path = path
        self.events = events
        self._outbox = outbox
        self._is_closed = self._is_failure_raised = False
        self._last_time = max(map(_time_of, events), default=0.0)

    def append(self, *events: Event | ReadEvent) -> list[Event]:
        """Append the events atomically and return them as written, each with its ``time``.

        They are durable soon after: :meth:`sync` waits for that. ``time`` never decreases, even if
        the clock does. Raises StorageError if the events cannot be stored, and SweepError if one of
        them is not strict JSON (NaN, infinity, an object). In both cases none of them is written.
        """
        self._check()
        now = max(round(time.time(), 3), self._last_time)
        stamped = [cast(Event, {**event, "time": now}) for event in events]
        self._write(b"".join(map(encode, stamped)))
        self._last_time = now
        return stamped

    def sync(self) -> None:
        """Wait until all appended events are durable. StorageError if that has failed for good."""
        self._check()
        self._outbox.wait()
        self._check()

    @property
    def is_synced(self) -> bool:
        """Whether all appended events are durable. Raises StorageError as :meth:`sync` does."""
        self._check()
        return self._outbox.is_empty

    def close(self) -> None:
        """Sync and release the ledger. A second call does nothing.

        Raises StorageError as :meth:`sync` does, unless that error was raised before.
        """
        if self._is_closed:
            return
        try:
            if not self._is_failure_raised:
                self.sync()
        finally:
            self._is_closed = True
            self._outbox.close()
            self._release()

    @abstractmethod
    def discard(self) -> None:
        """Delete a closed ledger that has no events."""

    def _check(self) -> None:
        """Raise :class:`~sweep.errors.SweepError` if the ledger is closed or a write has failed."""
        if self._is_closed:
            raise SweepError(f"{self.path} is closed")
        if (failure := self._outbox.failure) is not None:
            error = self._error_for(failure)
            self._is_failure_raised = True
            raise error from failure

    @abstractmethod
    def _write(self, lines: bytes) -> None:
        """Write complete lines: all of them, or none if it raises StorageError."""

    @abstractmethod
    def _error_for(self, failure: Exception) -> StorageError:
        """The error to raise in the writer's thread after the outbox has failed."""

    @abstractmethod
    def _release(self) -> None:
        """Release the ledger, so that another driver can open it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def check_expected(events: list[Event], create: bool, path: Store | Path) -> None:
    """Raise UsageError if ``create`` is set and there are events, or the other way round."""
    if create and events:
        raise UsageError(f"{path.parent} already has a sweep; resume it, or choose another folder")
    if not create and not events:
        raise UsageError(f"{path.parent} is not a sweep yet: its {path.name} is empty")


def _time_of(event: Event) -> float:
    """The Unix seconds of an event, or 0 if it has none."""
    value = event.get("time", 0.0)
    return float(value) if isinstance(value, int | float) else 0.0
