"""A ledger in an object store: numbered segments, from which the one file's lines are put together.

    ledger/00000001.jsonl            segment 1
    ledger/00000001-00000256.jsonl   a pack: segments 1 to 256, one after another
    ledger/00000257.jsonl            a segment that no pack holds yet

A segment is a line that is its head, ``{"segment": 257, "writer": ...}``, and the lines of events
after it. Segments are never changed; those that are in a pack may be deleted. Numbers have no gap.
The writer's side is `sweep.ledger.objects`.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from typing import NamedTuple

from sweep.ledger.store import Store

FOLDER = "ledger"

_NAME = re.compile(r"(\d{8})(?:-(\d{8}))?\.jsonl")
_HEAD = b'{"segment":'

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
