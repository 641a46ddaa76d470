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

import json
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from sweep.errors import StorageError, SweepError, UsageError
from sweep.ledger.address import Address
from sweep.ledger.file import Clock, check_expected, check_version, time_of
from sweep.ledger.lease import Lease, Say, driver_name
from sweep.ledger.lines import Event, encode
from sweep.ledger.reading import check_no_copy, first_event, loose_of, parse, read_segments
from sweep.ledger.segments import Segment, head, name_of
from sweep.ledger.store import PATIENCE

# What waits to be sent to a store, and the thread that sends it: all that waits, in one piece.

LIMIT = 4 * 1024**2
"""Bytes that may wait: who adds more waits too."""


class Outbox:
    """Pieces of bytes on their way. While some are being sent, those that are added wait together.

    ``send`` gets one or more whole pieces, joined, in order. Once it has failed nothing more is
    sent, and ``failure`` says why.
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


# The writer's side of a ledger of segments (:mod:`sweep.ledger.segments`): fencing, and
# packing.

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

    def __init__(self, address: Address, number: int, loose: list[Segment]) -> None:
        self.address, self.number = address, number
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
            (self.address / name_of(first, last)).create(b"".join(lines), PATIENCE)
        self.address.remove_all(name_of(s.number) for s in self._loose if s.events)
        self._loose = []

    def fence(self) -> Fenced | None:
        """Whether another driver has taken over, looked up."""
        number = self.number
        try:
            found = (self.address / name_of(number)).read_bytes()
        except FileNotFoundError:
            return None
        return None if self.writer.encode() in found.split(b"\n")[0] else self._fenced(found)

    def _put(self, lines: list[bytes]) -> None:
        data = b"".join(lines)
        where = self.address / name_of(self.number)
        try:
            where.create(data, PATIENCE)
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
            f"{self.address.parent} was taken over by another driver ({who}): this one has "
            "stopped, and what it had recorded by then is kept"
        )


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
