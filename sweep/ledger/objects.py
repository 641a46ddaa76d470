"""The writer of a ledger in an object store, where a file can be neither appended to nor renamed.

The log is numbered segments (:mod:`sweep.ledger.segments`), each put by *conditional create*: there
whole and for good, or not at all, and only where there was none.

- :meth:`SegmentLedger.append` returns at once, and a thread puts all that has come meanwhile as the
  next segment; :meth:`SegmentLedger.sync` waits for it. A driver that is killed (where a file has
  what was appended) leaves the ledger as a power cut leaves a file: without a tail of events that
  nothing outside follows from. The events of one append are in one segment, and so all there or
  none.
- There is one writer. A driver that opens the ledger puts a segment of its own, without events,
  at the first free number. An older driver, however late it wakes, finds its next number taken: it
  is fenced, and stops with a sentence. Nothing that it wrote before is lost, nothing after is read.
- Readers need no lock: a segment that is listed is whole.

Every 256 segments are packed into one object and deleted, but for those by which drivers took over:
they are the fence. 60,000 events, each its own segment, are some 240 objects to read.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from contextlib import suppress

from sweep.errors import StorageError, SweepError, UsageError
from sweep.ledger.events import Event
from sweep.ledger.journal import Clock, Journal, check_expected, check_version
from sweep.ledger.lease import Lease, driver_name
from sweep.ledger.outbox import Outbox
from sweep.ledger.read import check_no_copy, first_event, parse_segments, segments_of
from sweep.ledger.segments import Segment, head, loose_of, name_of
from sweep.ledger.store import Store

PACK = 256
"""Segments that are packed together."""


class Fenced(StorageError):
    """Another driver has taken a sweep over: this one may write no more."""


class SegmentWriter:
    """Puts segments after those that are there (``loose``: those of them that no pack holds).

    A segment is created where there is none, or not at all, so that of two writers one gets a
    number, and the other learns of it. The first segment of a writer has no events, and is never
    deleted: all writers before it find their next number taken, for ever.
    """

    def __init__(self, ledger: Store, number: int, loose: list[Segment]) -> None:
        self.ledger, self.number = ledger, number
        self.writer = secrets.token_hex(8)
        self._loose = list(loose)

    def take_over(self) -> None:
        """Put the first segment. :class:`Fenced` where another was faster."""
        self._put([head(self.number, writer=self.writer, driver=driver_name())])

    def put(self, lines: bytes) -> None:
        """Put whole lines of events as one segment: it is there, and stays, when this returns.

        :class:`Fenced` if another driver has taken over since; StorageError if the store refuses,
        or cannot be reached for a minute. Then the segment is there or it is not: who opens the
        ledger next will see.
        """
        own = head(self.number, writer=self.writer)
        self._put([own, *lines.splitlines(keepends=True)])
        if len(self._loose) >= PACK:
            self.pack()

    def pack(self) -> None:
        """Write what is loose as one object, then delete what that holds.

        Whoever writes it, and whatever is left when it is cut short, says the same.
        """
        first, last = self._loose[0].number, self._loose[-1].number
        lines = (line for segment in self._loose for line in segment.lines)
        with suppress(FileExistsError):
            (self.ledger / name_of(first, last)).create(b"".join(lines))
        self.ledger.remove_all(name_of(s.number) for s in self._loose if s.events)
        self._loose = []

    def fence(self) -> Fenced | None:
        """Whether another driver has taken over, looked up."""
        number = self.number
        try:
            found = (self.ledger / name_of(number)).read_bytes()
        except FileNotFoundError:
            return None
        return None if self.writer.encode() in found.split(b"\n")[0] else self._fenced(found)

    def _put(self, lines: list[bytes]) -> None:
        data = b"".join(lines)
        where = self.ledger / name_of(self.number)
        try:
            where.create(data)
        except FileExistsError:
            # A try of our own may have got there, and its answer not here.
            if (found := where.read_bytes()) != data:
                raise self._fenced(found) from None
        self._loose.append(Segment(self.number, lines))
        self.number += 1

    def _fenced(self, found: bytes) -> Fenced:
        try:
            who = str(json.loads(found.split(b"\n")[0])["driver"])
        except (ValueError, KeyError, TypeError):
            who = "unknown"
        return Fenced(
            f"{self.ledger.parent} was taken over by another driver ({who}): this one has "
            "stopped, and what it had recorded by then is kept"
        )


TRIES = 20
"""Take-overs that are tried, each at a later number, while an older driver goes on writing."""


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
    def open(
        cls,
        path: Store,
        *,
        create: bool,
        clock: Clock = time.time,
    ) -> SegmentLedger:
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
            writer, events = _take_over(path, lambda found: check_expected(found, create, path))
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


def _take_over(
    path: Store, check: Callable[[list[Event]], None]
) -> tuple[SegmentWriter, list[Event]]:
    """The writer that comes after all that is there, and what that is.

    ``check`` may refuse the events.
    """
    for _ in range(TRIES):
        found = segments_of(path)
        events = parse_segments(found, path)
        check_version(events, path)
        check(events)
        number = found[-1].number + 1 if found else 1
        writer = SegmentWriter(path, number, loose_of(found, path.names()))
        try:
            writer.take_over()
        except Fenced:  # the older driver was faster by a segment
            continue
        return writer, events
    raise UsageError(f"{path.parent} is in use by another driver, which writes all the time")
