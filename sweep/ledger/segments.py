"""A ledger in an object store: numbered segments, from which the one file's lines are put together.

    ledger/00000001.jsonl            segment 1
    ledger/00000001-00000256.jsonl   a pack: segments 1 to 256, one after another
    ledger/00000257.jsonl            a segment that no pack holds yet

A segment is a line that is its head, ``{"segment": 257, "writer": ...}``, and the lines of events
after it. Segments are never changed; those that are in a pack may be deleted. Numbers have no gap.

A segment is put by *conditional create*: there whole and for good, or not at all, and only where
there was none. Every 256 are packed into one object and deleted, but for those by which drivers
took over: they are the fence. 60,000 events, each its own segment, are some 240 objects to read.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from sweep.errors import StorageError
from sweep.ledger.lease import driver_name
from sweep.ledger.store import Store

FOLDER = "ledger"

_NAME = re.compile(r"(\d{8})(?:-(\d{8}))?\.jsonl")
_HEAD = b'{"segment":'

PACK = 256
"""Segments that are packed together."""

# Listings and reads that packing may overtake are done again, so many times, so many seconds apart.
TRIES, PAUSE = 8, 0.25


class Part(NamedTuple):
    """An object of the ledger: the segments ``first`` to ``last``."""

    first: int
    last: int
    name: str


class Segment(NamedTuple):
    """``lines`` is all of it, its head too, each line ended by a newline."""

    number: int
    lines: list[bytes]

    @property
    def events(self) -> list[bytes]:
        """The lines of its events."""
        return self.lines[1:]


class Damaged(ValueError):
    """Segments are missing, or are none."""


class Fenced(StorageError):
    """Another driver has taken a sweep over: this one may write no more."""


def name_of(first: int, last: int | None = None) -> str:
    """The name of a segment, or of a pack.

    >>> name_of(7), name_of(1, 256)
    ('00000007.jsonl', '00000001-00000256.jsonl')
    """
    return f"{first:08d}.jsonl" if last is None else f"{first:08d}-{last:08d}.jsonl"


def head(number: int, **what: str) -> bytes:
    """The first line of a segment."""
    return json.dumps({"segment": number, **what}, separators=(",", ":")).encode() + b"\n"


def parts(names: Iterable[str]) -> list[Part]:
    """The objects to read, in order: packs where there are any, and what is after them.

    Raises :class:`Damaged` where a number is missing in between.

    >>> [p.name for p in parts(["00000001.jsonl", "00000001-00000002.jsonl", "00000003.jsonl"])]
    ['00000001-00000002.jsonl', '00000003.jsonl']
    """
    found = sorted(_parts(names), key=lambda part: (part.first, -part.last))
    chosen: list[Part] = []
    for part in found:
        due = chosen[-1].last + 1 if chosen else part.first
        if part.last < due:
            continue
        if part.first > due:
            raise Damaged(f"segment {due} is missing")
        chosen.append(part)
    return chosen


def _parts(names: Iterable[str]) -> Iterable[Part]:
    for name in names:
        if match := _NAME.fullmatch(name):
            first = int(match[1])
            yield Part(first, int(match[2] or first), name)


def segments(contents: Iterable[tuple[Part, bytes]]) -> list[Segment]:
    """The segments in the objects that :func:`parts` chose, each once.

    Raises :class:`Damaged` where an object does not hold what its name says.
    """
    found: list[Segment] = []
    for part, content in contents:
        for segment in _split(part, content):
            if not found or segment.number > found[-1].number:
                found.append(segment)
    return found


def _split(part: Part, content: bytes) -> list[Segment]:
    found: list[Segment] = []
    for line in content.splitlines(keepends=True):
        if line.startswith(_HEAD):
            found.append(Segment(_number(line), []))
        if found:
            found[-1].lines.append(line)
    if [each.number for each in found] != list(range(part.first, part.last + 1)):
        raise Damaged(f"{part.name} does not hold the segments that its name says")
    return found


def _number(line: bytes) -> int:
    try:
        return int(json.loads(line)["segment"])
    except (ValueError, TypeError):
        return -1


def read_segments(ledger: Store, most: int | None = None) -> list[Segment]:
    """The segments of the ledger at ``ledger``, of its first ``most`` objects or of all.

    A driver may pack segments meanwhile, and delete them: what does not fit is looked at again.
    Raises :class:`Damaged` if it never does.
    """
    for left in reversed(range(TRIES)):
        try:
            chosen = parts(ledger.children())[:most]
            contents = ledger.read_all([part.name for part in chosen])
            if contents is not None:
                return segments(zip(chosen, contents, strict=True))
        except Damaged:
            if not left:
                raise
        time.sleep(PAUSE)
    raise Damaged("its objects come and go faster than they can be read")


def loose_of(found: list[Segment], names: Iterable[str]) -> list[Segment]:
    """The segments at the end that no pack holds yet; ``names`` are those of the objects."""
    packed = max((part.last for part in parts(names) if part.last > part.first), default=0)
    return [segment for segment in found if segment.number > packed]


def joined(found: Iterable[Segment]) -> bytes:
    """The ledger as one file would have it."""
    return b"".join(line for segment in found for line in segment.events)


def place_of(number: int, found: Iterable[Segment]) -> tuple[Segment, int]:
    """The segment that has a line of the :func:`joined` ledger, and the number that it has there.

    Both count from 1, and a segment's first line is its head.
    """
    for segment in found:
        if number <= len(segment.events):
            return segment, number + 1
        number -= len(segment.events)
    raise ValueError(f"the ledger ends {number} lines before that")


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
