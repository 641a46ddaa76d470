"""Events as lines of JSON: how they are written, what of them is read back, and what is damage.

A process that dies tears the last line at most. A power cut takes what was not fsynced yet: it may
also leave holes there, pages of NUL bytes that never came to be written, with whole lines after
them. A writer that never has more than ``WINDOW`` bytes unsynced can therefore tell such a tail
from damage to what was safe: its first hole begins that near to the end of the file.

There is one parser, and two ways to take what it finds: :func:`parse`, for a driver, refuses a
ledger that is damaged before its tail; :func:`salvage`, for who only looks, leaves out what is
damaged and says so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, cast

from sweep.errors import StorageError, SweepError
from sweep.ledger.events import Event, ReadEvent, is_of_confirm

WINDOW = 64 * 1024
"""Bytes at the end of the file that may be unsynced, and so may have holes after a power cut."""

# Every trial that a sweep proposes is named like t00012.
_TRIAL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_SEEDS = 2**32

# Lines that are parsed at once.
_TOGETHER = 4096

Lines = Sequence[str] | Sequence[bytes]


def encode(event: Event | ReadEvent) -> bytes:
    """The line of an event. SweepError if it is no strict JSON."""
    try:
        text = json.dumps(event, allow_nan=False, separators=(",", ":"))
        return text.encode() + b"\n"
    except (TypeError, ValueError) as error:
        raise SweepError(f"event {event.get('event')!r} cannot be written: {error}") from error


def parse(data: bytes, path: object) -> tuple[list[Event], int]:
    """The events, and the length in bytes of what is good. A torn tail is not part of it.

    StorageError if the file, read from ``path``, is damaged before its tail, or if an event of it
    is :func:`misnamed`.
    """
    count = data.count(b"\n")
    events: list[Event] = []
    for number, event in enumerate(each(data), 1):
        if event is None:
            good = _start_of(number, data)
            if _is_torn(data, good, is_last=number == count):
                return events, good
            raise StorageError(f"{path} is damaged: line {number} of {count} is no event")
        if wrong := misnamed(event):
            raise StorageError(f"{path} is damaged: line {number} of {count}: {wrong}")
        events.append(event)
    return events, data.rfind(b"\n") + 1


def _start_of(number: int, data: bytes) -> int:
    """Where a line begins; the first is number 1."""
    return sum(len(line) + 1 for line in data.split(b"\n")[: number - 1])


def _is_torn(data: bytes, start: int, is_last: bool) -> bool:
    """Whether a crash may have left the line that begins at ``start``, which is no event."""
    end = data.index(b"\n", start)
    is_hole = b"\0" in data[start:end] and len(data) - start <= WINDOW
    return is_hole or (is_last and end == len(data) - 1)


def salvage(data: bytes) -> tuple[list[ReadEvent], list[str]]:
    """The events, and a sentence for each line that is left out because it is damaged."""
    # What follows the last newline is being written, or was torn off by a crash. A last line that
    # is no event is a torn one too: the writer cuts both when it opens the ledger.
    last = data.count(b"\n")
    events: list[ReadEvent] = []
    problems: list[str] = []
    for number, event in enumerate(each(data), 1):
        if event is None:
            if number < last:
                problems.append(f"line {number} of the ledger is not an event; it is left out")
        elif wrong := misnamed(event):
            problems.append(f"line {number} of the ledger: {wrong}; it is left out")
        else:
            events.append(event)
    return events, problems


def each(data: bytes) -> Iterator[Event | None]:
    """The event of each line that a newline ends; None for a line that is none."""
    lines = _lines(data)
    for start in range(0, len(lines), _TOGETHER):
        part = lines[start : start + _TOGETHER]
        yield from _at_once(part) or map(_event, part)


def misnamed(event: Event | ReadEvent) -> str | None:
    """The sentence that says which id or seed of an event may not name a file; None for none.

    A trial's checkpoints lie in a folder named by its id, those of a retraining in one named by the
    trial's id and a seed. A ledger may come from someone else, and none of its names may be a path:
    what lies elsewhere would be overwritten, or deleted.
    """
    points = event.get("points")
    named: list[Any] = [event] if points is None else [event, *_listed(points)]
    for each in named:
        if not (isinstance(each, dict) and "trial_id" in each):
            continue
        name = each["trial_id"]
        if not (isinstance(name, str) and _TRIAL_ID.fullmatch(name)):
            return (
                "a trial_id is 1 to 64 ASCII letters, digits, '-' or '_', and begins with a letter "
                f"or a digit; got {name!a:.100}"
            )
    if is_of_confirm(event):
        for seed in (event.get("seed", 0), *_listed(event.get("seeds"))):
            if not (type(seed) is int and 0 <= seed < _SEEDS):
                return f"a seed is an integer from 0 to {_SEEDS - 1}; got {seed!a:.100}"
    return None


def _listed(value: Any) -> list[Any]:
    """What a list holds. Anything else that is there counts as one entry, which will not do."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _lines(data: bytes) -> Lines:
    """The lines that a newline ends: text where all of it is, which is parsed faster."""
    whole = data[: data.rfind(b"\n") + 1]
    try:
        return whole.decode("utf-8").split("\n")[:-1]
    except UnicodeDecodeError:
        return whole.split(b"\n")[:-1]


def _at_once(lines: Lines) -> list[Event] | None:
    """Many lines as one array, whose events then share their keys: less time, and less memory.

    None where a line is not an event, or is not text. (No crash leaves two events and a comma on
    one line, so the number of events tells that none is damaged.)
    """
    text = [line for line in lines if isinstance(line, str)]
    try:
        values = json.loads(f"[{','.join(text)}]")
    except (ValueError, RecursionError):
        return None
    return values if len(values) == len(lines) and all(map(_is_event, values)) else None


def _event(line: str | bytes) -> Event | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):  # bad JSON and bad UTF-8 alike
        return None
    return cast(Event, value) if _is_event(value) else None


def _is_event(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("event"), str)
