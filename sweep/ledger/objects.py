"""The writer of a ledger in an object store, where a file can be neither appended to nor renamed.

The log is numbered segments, each put by *conditional create* (:mod:`sweep.ledger.segments`).

- :meth:`SegmentLedger.append` returns at once, and a thread puts all that has come meanwhile as the
  next segment; :meth:`SegmentLedger.sync` waits for it. A driver that is killed (where a file has
  what was appended) leaves the ledger as a power cut leaves a file: without a tail of events that
  nothing outside follows from. The events of one append are in one segment, and so all there or
  none.
- There is one writer. A driver that opens the ledger puts a segment of its own, without events,
  at the first free number. An older driver, however late it wakes, finds its next number taken: it
  is fenced, and stops with a sentence. Nothing that it wrote before is lost, nothing after is read.
- Readers need no lock: a segment that is listed is whole.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from sweep.errors import StorageError, SweepError, UsageError
from sweep.ledger.events import Event
from sweep.ledger.journal import Clock, Journal, check_expected, check_version
from sweep.ledger.lease import Lease
from sweep.ledger.read import check_no_copy, first_event, parse_segments, segments_of
from sweep.ledger.segments import Fenced, SegmentWriter, loose_of
from sweep.ledger.store import Store

TRIES = 20
"""Take-overs that are tried, each at a later number, while an older driver goes on writing."""

LIMIT = 4 * 1024**2
"""Bytes that may wait: who adds more waits too."""


class SegmentLedger(Journal):
    """The one writer of a ledger of segments, opened with :meth:`open`."""

    path: Store

    def __init__(
        self, writer: SegmentWriter, events: list[Event], lease: Lease, clock: Clock
    ) -> None:
        super().__init__(writer.ledger, events, clock)
        self._writer, self._lease = writer, lease
        self._outbox = Outbox(writer.put)
        self._is_closed = self._is_told = False

    @classmethod
    def open(cls, path: Store, *, create: bool, clock: Clock = time.time) -> SegmentLedger:
        """Take the ledger at ``path`` (a sweep's address, and "ledger") over, and read it.

        ``create``: begin a new ledger (UsageError if there are events already); otherwise go on
        with one (UsageError if there is none, or nothing in it). UsageError too if another driver
        is at work, which may take a while to see, and is logged then. StorageError if the store
        refuses, the ledger is damaged, or of a newer version.
        """
        if not create and first_event(path) is None:
            raise UsageError(f"{path.parent} is no sweep: it has no {path.name}")
        check_no_copy(path)
        lease = Lease.take(path.parent)
        try:
            writer, events = _take_over(path, create)
        except BaseException:
            lease.release()
            raise
        ledger = cls(writer, events, lease, clock)
        lease.is_lost = ledger.is_fenced
        return ledger

    def _write(self, lines: bytes) -> None:
        self._outbox.add(lines)

    def sync(self) -> None:
        self._check()
        self._outbox.wait()
        self._check()

    @property
    def is_synced(self) -> bool:
        self._check()
        return self._outbox.is_empty

    def close(self) -> None:
        if self._is_closed:
            return
        try:
            if not self._is_told:
                self.sync()
        finally:
            self._is_closed = True
            self._outbox.close()
            self._lease.release()

    def discard(self) -> None:
        """Delete a closed ledger that has no events, unless another driver has come since."""
        found = segments_of(self.path)
        if all(self._writer.writer.encode() in segment.lines[0] for segment in found):
            self.path.remove_tree()

    def is_fenced(self) -> bool:
        """Whether another driver has taken over; stops then, although there is nothing to write."""
        if fenced := self._writer.fence():
            self._outbox.fail(fenced)
        return fenced is not None

    def _check(self) -> None:
        if self._is_closed:
            raise SweepError(f"{self.path} is closed")
        if (failure := self._outbox.failure) is not None:
            self._is_told = True
            if isinstance(failure, Fenced):
                raise failure
            raise StorageError(f"cannot write the ledger: {failure}") from failure


def _take_over(path: Store, create: bool) -> tuple[SegmentWriter, list[Event]]:
    """The writer that comes after all that is there, and what that is."""
    for _ in range(TRIES):
        found = segments_of(path)
        events = parse_segments(found, path)
        check_version(events, path)
        check_expected(events, create, path)
        number = found[-1].number + 1 if found else 1
        writer = SegmentWriter(path, number, loose_of(found, path.names()))
        try:
            writer.take_over()
        except Fenced:  # the older driver was faster by a segment
            continue
        return writer, events
    raise UsageError(f"{path.parent} is in use by another driver, which writes all the time")


class Outbox:
    """Pieces of bytes on their way. While some are being sent, those that are added wait together.

    A thread calls ``send`` with one or more whole pieces, joined, in order. Once it has failed
    nothing more is sent, and ``failure`` says why.
    """

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._waiting: list[bytes] = []
        self._sending = 0  # bytes, of those taken from the above
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self.failure: Exception | None = None

    def add(self, piece: bytes) -> None:
        """Have a piece sent soon. Waits while too much is on its way; drops it after a failure."""
        with self._change:
            self._change.wait_for(lambda: self._size < LIMIT or self.failure)
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
