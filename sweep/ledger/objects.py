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

import time

from sweep.errors import StorageError, UsageError
from sweep.ledger.events import Event
from sweep.ledger.journal import Clock, Journal, Outbox, check_expected, check_version
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
        super().__init__(writer.ledger, events, clock, Outbox(writer.put, LIMIT))
        self._writer, self._lease = writer, lease

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
        self._outbox.make_room(len(lines))
        self._outbox.add(lines)

    def _release(self) -> None:
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

    def _told(self, failure: Exception) -> StorageError:
        if isinstance(failure, Fenced):
            return failure
        return StorageError(f"cannot write the ledger: {failure}")


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
