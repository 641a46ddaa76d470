"""A sweep's ledger in an object store, where a file can be neither appended to nor renamed.

The log is numbered segments (:mod:`sweep.ledger.segments`), each put by *conditional create*: there
whole and for good, or not at all, and only where there was none. **The promise** is that of
:mod:`sweep.ledger.file`, in other words:

- What has had an effect outside of the driver is in the store before. :meth:`SegmentLedger.append`
  returns at once, and a thread puts all that has come meanwhile as the next segment;
  :meth:`SegmentLedger.sync` waits for it, and a driver calls that before an effect which follows
  from what it has appended. A driver that is killed (where a file has what was appended) leaves
  the ledger as a power cut leaves a file: without a tail of events that nothing outside follows
  from. The events of one append are in one segment, and so all there or none.
- There is one writer. A driver that opens the ledger puts a segment of its own, without events,
  at the first free number. An older driver, however late it wakes, finds its next number taken: it
  is fenced, and stops with a sentence. Nothing that it wrote before is lost, nothing after is read.
- Readers need no lock: a segment that is listed is whole.

Every 256 segments are packed into one object and deleted, but for those by which drivers took over:
they are the fence. 60,000 events, each its own segment, are some 240 objects to read.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

from sweep.errors import StorageError, SweepError, UsageError
from sweep.ledger.address import Address
from sweep.ledger.file import Clock, check_expected, check_version, time_of
from sweep.ledger.lease import Lease, Say
from sweep.ledger.lines import Event, encode
from sweep.ledger.outbox import Outbox
from sweep.ledger.reading import check_no_copy, first_event, loose_of, parse, read_segments
from sweep.ledger.segment_writer import Fenced, SegmentWriter

TRIES = 20
"""Take-overs that are tried, each at a later number, while an older driver goes on writing."""


class SegmentLedger:
    """The one writer of a ledger of segments, as :class:`sweep.ledger.file.Ledger` is of a file."""

    def __init__(
        self, writer: SegmentWriter, events: list[Event], lease: Lease, clock: Clock
    ) -> None:
        self.path, self.events = writer.address, events
        self._writer, self._lease, self._clock = writer, lease, clock
        self._last_time = max(map(time_of, events), default=0.0)
        self._outbox = Outbox(writer.put)
        self._is_closed = self._is_told = False

    @classmethod
    def open(
        cls,
        path: Address,
        *,
        create: bool,
        clock: Clock = time.time,
        say: Say = lambda line: None,
    ) -> SegmentLedger:
        """Take the ledger at ``path`` (a sweep's address, and "ledger") over, and read it.

        ``create``: begin a new ledger (UsageError if there are events already); otherwise go on
        with one (UsageError if there is none, or nothing in it). UsageError too if another driver
        is at work, which may take a while to see: ``say`` is told then. StorageError if the store
        refuses, the ledger is damaged, or of a newer version.
        """
        if not create and first_event(path) is None:
            raise UsageError(f"{path.parent} is no sweep: it has no {path.name}")
        check_no_copy(path)
        lease = Lease.take(path.parent, say)
        try:
            writer, events = _take_over(path, lambda found: check_expected(found, create, path))
        except BaseException:
            lease.release()
            raise
        ledger = cls(writer, events, lease, clock)
        lease.is_lost = ledger.is_fenced
        return ledger

    def append(self, *events: Event) -> list[Event]:
        """Have the events written in one piece; returns them as written, each with its ``time``.

        :meth:`sync` waits until they are in the store. ``time`` never goes backwards. StorageError
        once something could not be stored, for good. SweepError if one of them is no strict JSON;
        nothing is written then.
        """
        self._check()
        now = max(round(float(self._clock()), 3), self._last_time)
        stamped = [{**event, "time": now} for event in events]
        data = b"".join(encode(event) for event in stamped)
        self._outbox.add(data)
        self._last_time = now
        return stamped

    def sync(self) -> None:
        """Return when all that was appended is in the store. StorageError if it cannot be."""
        self._check()
        self._outbox.wait()
        self._check()

    @property
    def is_synced(self) -> bool:
        """Whether all that was appended is in the store. StorageError as for :meth:`sync`."""
        self._check()
        return self._outbox.is_empty

    def close(self) -> None:
        """Sync, and let others have it. Closing twice is fine.

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
            self._lease.release()

    def discard(self) -> None:
        """Delete a closed ledger that has no events, unless another driver has come since."""
        found = read_segments(self.path)
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

    def __enter__(self) -> SegmentLedger:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _take_over(path: Address, check: Callable[[list[Event]], None]) -> Taken:
    """The writer that comes after all that is there, and what that is.

    ``check`` may refuse the events.
    """
    for _ in range(TRIES):
        found = read_segments(path)
        events = parse(found, path)
        check_version(events, path)
        check(events)
        number = found[-1].number + 1 if found else 1
        writer = SegmentWriter(path, number, loose_of(found, path))
        try:
            writer.take_over()
        except Fenced:  # the older driver was faster by a segment
            continue
        return writer, events
    raise UsageError(f"{path.parent} is in use by another driver, which writes all the time")


Taken = tuple[SegmentWriter, list[Event]]
