"""The writer of a ledger in an object store, where no file can be appended to or renamed.

The log consists of numbered segments, each put by *conditional create*
(:mod:`sweep.ledger.segments`).

- :meth:`SegmentLedger.append` returns at once. A thread puts all events that have arrived as the
  next segment, and :meth:`SegmentLedger.sync` waits for it. A killed driver may lose a tail of
  events that had no effect outside, as a file does in a power failure. The events of one append are
  in one segment, so that all of them are stored or none.
- There is one writer. A driver that opens the ledger puts a segment without events at the first
  free number. This works as a fencing token: an older driver finds its next number taken and stops
  with an error. Nothing that it wrote before is lost, and nothing that it writes later is read.
- Readers need no lock, because a segment that is listed is complete.
"""

from __future__ import annotations

from sweep.errors import StorageError, UsageError
from sweep.ledger.events import Event
from sweep.ledger.journal import Journal, Outbox, check_expected
from sweep.ledger.lease import Lease
from sweep.ledger.read import check_no_copy, first_event, parse_segments
from sweep.ledger.segments import Fenced, SegmentWriter, read_segments
from sweep.ledger.store import Store

TRIES = 20
"""Attempts to take over, each at a later number, while an older driver continues to write."""

LIMIT = 4 * 1024**2
"""Most bytes in the queue of the outbox; an append that would exceed it waits."""


class SegmentLedger(Journal):
    """The only writer of a ledger of segments. Create it with :meth:`open`."""

    path: Store

    def __init__(self, writer: SegmentWriter, events: list[Event], lease: Lease) -> None:
        super().__init__(writer.ledger, events, Outbox(writer.put, LIMIT))
        self._writer, self._lease = writer, lease

    @classmethod
    def open(cls, path: Store, *, create: bool) -> SegmentLedger:
        """Take over the ledger at ``path`` (a sweep's address plus "/ledger") and read it.

        Arguments and errors are those of :meth:`sweep.ledger.folder.SweepFolder.open`.
        """
        if not create and first_event(path) is None:
            raise UsageError(f"{path.parent} is not a sweep: it has no {path.name}")
        check_no_copy(path)
        lease = Lease(path.parent)
        try:
            writer, events = _take_over(path, create)
        except BaseException:
            lease.release()
            raise
        ledger = cls(writer, events, lease)
        lease.is_lost = ledger.is_fenced
        return ledger

    def _write(self, lines: bytes) -> None:
        self._outbox.make_room(len(lines))
        self._outbox.add(lines)

    def _release(self) -> None:
        self._lease.release()

    def discard(self) -> None:
        """Delete a closed ledger that has no events, unless another driver has taken over."""
        found = read_segments(self.path)
        if all(self._writer.writer.encode() in segment.lines[0] for segment in found):
            self.path.remove_tree()

    def is_fenced(self) -> bool:
        """Whether another driver has taken over. If so, every later call of this ledger fails."""
        if fenced := self._writer.fence():
            self._outbox.fail(fenced)
        return fenced is not None

    def _error_for(self, failure: Exception) -> StorageError:
        if isinstance(failure, Fenced):
            return failure
        return StorageError(f"cannot write the ledger: {failure}")


def _take_over(path: Store, create: bool) -> tuple[SegmentWriter, list[Event]]:
    """A writer after the last segment, and the events before it."""
    for _ in range(TRIES):
        found = read_segments(path)
        events = parse_segments(found, path)
        check_expected(events, create, path)
        number = found[-1].number + 1 if found else 1
        writer = SegmentWriter(path, number)
        try:
            writer.take_over()
        except Fenced:  # the older driver has just put another segment
            continue
        return writer, events
    raise UsageError(f"{path.parent} is in use by another driver, which is writing to it")
