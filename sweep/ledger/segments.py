"""A ledger in an object store: numbered segments, which together hold the lines of a ledger file.

    ledger/00000001.jsonl            segment 1
    ledger/00000001-00000256.jsonl   a pack: segments 1 to 256, in order
    ledger/00000257.jsonl            a segment that is not in a pack yet

A segment consists of a header line, ``{"segment": 257, "writer": ...}``, and the lines of its
events. Segments are never changed; a segment that is in a pack may be deleted. Numbers have no gap.

A segment is put by *conditional create*: atomically, for good, and only if the object does not
exist. A driver packs every 256 of its segments into one object and then deletes them, except that
with which it took over: it is the fencing token. A ledger of 60,000 one-event segments of one
driver has about 240 objects to read.
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
from sweep.ledger.store_errors import StoreError

FOLDER = "ledger"

_NAME = re.compile(r"(\d{8})(?:-(\d{8}))?\.jsonl")
_HEAD = re.compile(rb'\{"segment":(\d+)')

PACK = 256
"""Number of segments in a pack."""

# Tries of a listing and its reads, and seconds between them: packing may delete what was listed.
TRIES, PAUSE = 8, 0.25


class Part(NamedTuple):
    """An object of the ledger, with the segments ``first`` to ``last``."""

    first: int
    last: int
    name: str


class Segment(NamedTuple):
    """``lines`` are all lines, the header included. Each ends with a newline."""

    number: int
    lines: list[bytes]

    @property
    def events(self) -> list[bytes]:
        """The lines of the events."""
        return self.lines[1:]


class Damaged(StoreError):
    """A segment is missing or malformed."""


class Fenced(StorageError):
    """Another driver has taken over the sweep, and this one must stop writing."""


def name_of(first: int, last: int | None = None) -> str:
    """The object name of a segment or a pack.

    >>> name_of(7), name_of(1, 256)
    ('00000007.jsonl', '00000001-00000256.jsonl')
    """
    return f"{first:08d}.jsonl" if last is None else f"{first:08d}-{last:08d}.jsonl"


def head(number: int, **what: str) -> bytes:
    """The header line of a segment."""
    return json.dumps({"segment": number, **what}, separators=(",", ":")).encode() + b"\n"


def parts(names: Iterable[str]) -> list[Part]:
    """The objects to read, in order: the packs, then the segments after them.

    Raises :class:`Damaged` if a number is missing.

    >>> [p.name for p in parts(["00000001.jsonl", "00000001-00000002.jsonl", "00000003.jsonl"])]
    ['00000001-00000002.jsonl', '00000003.jsonl']
    """
    matches = [match for name in names if (match := _NAME.fullmatch(name))]
    found = [Part(int(match[1]), int(match[2] or match[1]), match[0]) for match in matches]
    chosen: list[Part] = []
    for part in sorted(found, key=lambda part: (part.first, -part.last)):
        expected = chosen[-1].last + 1 if chosen else part.first
        if part.last < expected:
            continue
        if part.first > expected:
            raise Damaged(f"segment {expected} is missing")
        chosen.append(part)
    return chosen


def segments(contents: Iterable[tuple[Part, bytes]]) -> list[Segment]:
    """The segments in the objects that :func:`parts` chose, without duplicates.

    Raises :class:`Damaged` if the content of an object does not match its name.
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
        if match := _HEAD.match(line):
            found.append(Segment(int(match[1]), []))
        if found:
            found[-1].lines.append(line)
    if [each.number for each in found] != list(range(part.first, part.last + 1)):
        raise Damaged(f"the segments in {part.name} do not match its name")
    return found


def read_segments(ledger: Store, most: int | None = None) -> list[Segment]:
    """The segments in the first ``most`` objects of a ledger, or in all.

    A driver may pack and delete segments during the read, so an inconsistent read is retried.
    Raises :class:`Damaged` if it stays inconsistent.
    """
    for left in reversed(range(TRIES)):
        try:
            chosen = parts(ledger.children())[:most]
            contents = ledger.read_all([part.name for part in chosen])
            if contents is not None:
                return segments(zip(chosen, contents, strict=True))
        except Damaged as error:
            if not left:
                raise Damaged(f"{ledger} is damaged: {error}") from error
        time.sleep(PAUSE)
    raise Damaged(f"{ledger} is damaged: its objects change faster than they can be read")


def joined(found: Iterable[Segment]) -> bytes:
    """The content of the ledger as a single file."""
    return b"".join(line for segment in found for line in segment.events)


class SegmentWriter:
    """Puts segments from ``number`` on, and packs them.

    Each segment is put by conditional create, so only one of two writers gets a number, and the
    other one notices. The first segment of a writer has no events and is never deleted, so that
    every earlier writer finds its next number taken.
    """

    def __init__(self, ledger: Store, number: int) -> None:
        self.ledger, self.number = ledger, number
        self.writer = secrets.token_hex(8)
        self._unpacked: list[Segment] = []

    def take_over(self) -> None:
        """Put the first segment. Raises :class:`Fenced` if another writer was faster."""
        self._put([head(self.number, writer=self.writer, driver=driver_name())])

    def put(self, lines: bytes) -> None:
        """Put complete lines of events as one segment, which is durable when this returns.

        Raises :class:`Fenced` if another driver has taken over, and StorageError if the store fails
        or cannot be reached for a minute. After a StorageError the segment may or may not exist;
        the next driver that opens the ledger will find out.
        """
        own = head(self.number, writer=self.writer)
        self._put([own, *lines.splitlines(keepends=True)])
        if len(self._unpacked) >= PACK:
            self.pack()

    def pack(self) -> None:
        """Write the unpacked segments as one object, then delete them.

        This can be interrupted or run twice without harm: all copies of a segment are equal.
        """
        first, last = self._unpacked[0].number, self._unpacked[-1].number
        lines = (line for segment in self._unpacked for line in segment.lines)
        with suppress(FileExistsError):
            (self.ledger / name_of(first, last)).create(b"".join(lines))
        self.ledger.remove_all(name_of(s.number) for s in self._unpacked if s.events)
        self._unpacked = []

    def fence(self) -> Fenced | None:
        """Ask the store whether another driver has taken over."""
        found = (self.ledger / name_of(self.number)).read_bytes()
        if found is None or self.writer.encode() in found.split(b"\n")[0]:
            return None
        return self._fenced(found)

    def _put(self, lines: list[bytes]) -> None:
        data = b"".join(lines)
        where = self.ledger / name_of(self.number)
        try:
            where.create(data)
        except FileExistsError:
            # It may be our own segment, from a try whose answer was lost.
            if (found := where.read_bytes()) != data:
                raise self._fenced(found or b"") from None
        self._unpacked.append(Segment(self.number, lines))
        self.number += 1

    def _fenced(self, found: bytes) -> Fenced:
        try:
            who = str(json.loads(found.split(b"\n")[0])["driver"])
        except (ValueError, KeyError, TypeError):
            who = "unknown"
        return Fenced(
            f"{self.ledger.parent} was taken over by another driver ({who}); this driver has "
            "stopped, and everything that it recorded before is kept"
        )
