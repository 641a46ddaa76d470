"""Events as lines of JSON: encoding, parsing, and the definition of damage.

A process that dies can only leave the last line incomplete. A power failure loses data that was not
fsynced. It may also leave holes (pages of NUL bytes that were never written) with complete lines
after them. A writer never has more than ``WINDOW`` bytes unsynced, so a hole further from the end
of the file than that is damage to durable data; a hole nearer to the end is a torn tail.

Two functions use the same parser. :func:`parse`, for a driver, rejects a ledger that is damaged
before its tail. :func:`salvage`, for readers, leaves out damaged lines and reports them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, cast

from sweep.errors import StorageError, SweepError
from sweep.ledger.events import Event, ReadEvent, is_of_confirm

WINDOW = 64 * 1024
"""Most unsynced bytes at the end of the file, which may have holes after a power failure."""

# A sweep gives its trials ids like t00012.
_TRIAL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_SEEDS = 2**32

NO_EVENT = " is not an event"

# Number of lines that are parsed at once.
_BATCH = 4096


def encode(event: Event | ReadEvent) -> bytes:
    """The line of an event. Raises SweepError if the event is not strict JSON."""
    try:
        text = json.dumps(event, allow_nan=False, separators=(",", ":"))
        return text.encode() + b"\n"
    except (TypeError, ValueError) as error:
        raise SweepError(f"cannot write event {event.get('event')!r}: {error}") from error


def parse(data: bytes, path: object, may_be_torn: bool = True) -> tuple[list[Event], int]:
    """The events of a ledger, and its length in bytes without a torn tail, if it may have one.

    Raises StorageError if the content of ``path`` is damaged before its tail, or if an event has an
    id or a seed that :func:`unsafe_name` rejects.
    """
    count = data.count(b"\n")
    events: list[Event] = []
    for number, line in enumerate(checked_lines(data), 1):
        if isinstance(line, str):
            good = _line_start(number, data)
            is_last = number == count
            if may_be_torn and line == NO_EVENT and _is_torn(data, good, is_last):
                return events, good
            raise StorageError(f"{path} is damaged: line {number} of {count}{line}")
        events.append(line)
    return events, data.rfind(b"\n") + 1


def _line_start(number: int, data: bytes) -> int:
    """The offset of line ``number``, which counts from 1."""
    return sum(len(line) + 1 for line in data.split(b"\n")[: number - 1])


def _is_torn(data: bytes, start: int, is_last: bool) -> bool:
    """Whether a crash may explain the line at ``start``, which is not an event."""
    end = data.index(b"\n", start)
    is_hole = b"\0" in data[start:end] and len(data) - start <= WINDOW
    return is_hole or (is_last and end == len(data) - 1)


def salvage(data: bytes) -> tuple[list[ReadEvent], list[str]]:
    """The events, and a message for each damaged line, which is left out."""
    # Text after the last newline is being written, or was cut off by a crash. So is a last line
    # that is not an event: the writer removes both when it opens the ledger.
    last = data.count(b"\n")
    events: list[ReadEvent] = []
    problems: list[str] = []
    for number, line in enumerate(checked_lines(data), 1):
        if not isinstance(line, str):
            events.append(line)
        elif line != NO_EVENT or number < last:
            problems.append(f"line {number} of the ledger{line}; it is left out")
    return events, problems


def checked_lines(data: bytes) -> Iterator[Event | str]:
    """The event of each line that ends with a newline, or the end of a sentence on its damage."""
    lines = data.split(b"\n")[:-1]
    for start in range(0, len(lines), _BATCH):
        part = lines[start : start + _BATCH]
        for event in _parse_batch(part) or map(_parse_line, part):
            if event is None:
                yield NO_EVENT
            else:
                wrong = unsafe_name(event)
                yield f": {wrong}" if wrong else event


def unsafe_name(event: Event | ReadEvent) -> str | None:
    """Why an id or a seed of an event cannot be part of a file name; None if all of them can.

    The folder of a trial's checkpoints is named by the trial's id, that of a retraining by the id
    and a seed. A ledger may come from another person: a name that is a path could make the sweep
    overwrite or delete files outside of its folder.
    """
    points = event.get("points")
    named: list[Any] = [event] if points is None else [event, *_as_list(points)]
    for entry in named:
        if not (isinstance(entry, dict) and "trial_id" in entry):
            continue
        name = entry["trial_id"]
        if not (isinstance(name, str) and _TRIAL_ID.fullmatch(name)):
            return (
                "a trial_id must be 1 to 64 ASCII letters, digits, '-' or '_', and begin with a "
                f"letter or a digit; got {name!a:.100}"
            )
    if is_of_confirm(event):
        for seed in (event.get("seed", 0), *_as_list(event.get("seeds"))):
            if not (type(seed) is int and 0 <= seed < _SEEDS):
                return f"a seed must be an integer from 0 to {_SEEDS - 1}; got {seed!a:.100}"
    return None


def _as_list(value: Any) -> list[Any]:
    """``value`` if it is a list, [] for None, else a list with ``value`` as an invalid entry."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _parse_batch(lines: Sequence[bytes]) -> list[Event] | None:
    """Parse many lines as one JSON array, whose events share their keys: less time and memory.

    None if a line is not an event. (No crash leaves two events and a comma on one line,
    so an equal number of events and lines means that no line is damaged.)
    """
    try:
        values = json.loads(f"[{b','.join(lines).decode()}]")
    except (ValueError, RecursionError):
        return None
    return values if len(values) == len(lines) and all(map(_is_event, values)) else None


def _parse_line(line: bytes) -> Event | None:
    try:
        value = json.loads(line.decode())
    except (ValueError, RecursionError):  # bad JSON or bad UTF-8
        return None
    return cast(Event, value) if _is_event(value) else None


def _is_event(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("event"), str)
