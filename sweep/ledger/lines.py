"""Events as lines of JSON: encoding, parsing, and the definition of damage.

A ledger may come from another person, or from a disk that failed. So every line is checked: it is
strict JSON, its keys have the types of :mod:`sweep.ledger.events`, and it can follow the lines
before it (:class:`sweep.ledger.fold.Order`). Drivers and readers use the same parser.

A process that dies can only leave the last line incomplete. A power failure loses data that was not
fsynced, and may leave NUL bytes where data was never written. A writer never has more than
``WINDOW`` bytes unsynced. So text after the last newline, and NUL bytes nearer to the end than that
with no whole event after them, are a *torn tail*, which the next driver cuts. All else is damage.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Annotated, Any, NamedTuple, NoReturn, TypeVar, cast

from sweep.errors import StorageError, SweepError, UsageError
from sweep.ledger.events import KINDS, Event, ReadEvent
from sweep.ledger.fold import Order

WINDOW = 64 * 1024
"""Most unsynced bytes at the end of the file, which may have holes after a power failure."""

VERSION = 1
"""The newest version of ledgers that this package reads, and the one that it writes."""

NO_EVENT = " is not an event"

T = TypeVar("T")

# Number of lines that are parsed at once.
_BATCH = 4096


class NotASweep(UsageError, ValueError):
    """A path has no ledger of a sweep."""


class NewerLedger(StorageError, ValueError):
    """A ledger was written by a newer version, which this version cannot read."""


class Parsed(NamedTuple):
    """The ``events`` of a ledger, and its ``size`` in bytes without a torn tail."""

    events: list[Event]
    size: int


def encode(event: Event | ReadEvent) -> bytes:
    """The line of an event. Raises SweepError if the event is not strict JSON."""
    try:
        text = json.dumps(event, allow_nan=False, separators=(",", ":"))
        return text.encode() + b"\n"
    except (TypeError, ValueError) as error:
        raise SweepError(f"cannot write event {event.get('event')!r}: {error}") from error


def parse(data: bytes, path: object, is_file: bool = True) -> Parsed:
    """The events of the ledger ``path`` with the content ``data``. Only a file can be torn.

    Raises :class:`NotASweep` if none of its lines is an event, :class:`NewerLedger` for a newer
    version, and StorageError if it is damaged: the message has the number of the line, and says how
    to keep the lines before it.
    """
    lines = data.split(b"\n")
    if b"\0" not in lines[-1]:
        lines.pop()
    if not lines and data.strip() and not data.startswith(b"{"):
        raise NotASweep(f"{path} is not the ledger of a sweep: it is not text in lines")
    events: list[Event] = []
    for number, line in enumerate(checked(lines, path), 1):
        if isinstance(line, str):
            good = sum(len(each) + 1 for each in lines[: number - 1])
            whole = sum(_parse_line(each) is not None for each in lines[number:])
            if is_file and not whole and b"\0" in lines[number - 1] and len(data) - good <= WINDOW:
                return Parsed(events, good)
            if number == 1 and not any(map(_is_ours, lines)):
                raise NotASweep(
                    f"{path} is not the ledger of a sweep: none of its lines is an event of one"
                )
            keep = (
                f", or keep the {number - 1} lines before: move it to COPY, then "
                f"`head -n {number - 1} COPY > {shlex.quote(str(path))}`"
            )
            raise StorageError(
                f"{path} is damaged: line {number} of {len(lines)}{line} ({whole} whole events "
                f"follow it). Restore it from a backup{keep if is_file else ''}"
            )
        events.append(line)
    return Parsed(events, data.rfind(b"\n") + 1)


def checked(lines: Sequence[bytes], path: object) -> Iterator[Event | str]:
    """The event of each line, up to the first damaged one: of that the end of a sentence on it.

    Raises :class:`NewerLedger`.
    """
    order = Order()
    first: Any = (_parse_line(lines[0]) if lines else None) or {}
    version = first.get("version", VERSION)
    if isinstance(version, int) and version > VERSION:
        raise NewerLedger(
            f"{path} has ledger version {version}; this prunesweep reads up to version {VERSION}"
        )
    for start in range(0, len(lines), _BATCH):
        part = lines[start : start + _BATCH]
        events = _parse_batch(part) or list(map(_parse_line, part))
        wrong = wrong_types(events)
        for place, event in enumerate(events):
            if event is None:
                yield NO_EVENT
                return
            problem = wrong.get(place) or order.problem(event)
            if problem:
                yield f": {problem}"
                return
            yield event


_OF_ROWS = "must be a name, a number of weights, and for what is left out a reason"
_OF_IDS = "must be 1 to 64 ASCII letters, digits, '-' or '_', and begin with a letter or a digit"


@cache
def _types() -> Any:
    """The checker of a list of events. It is made at first use: pydantic takes long to import."""
    from pydantic import ConfigDict, Field, TypeAdapter

    strict = ConfigDict(strict=True, allow_inf_nan=False)
    return TypeAdapter(list[Annotated[Event, Field(discriminator="event")]], config=strict)


@cache
def _list_of(kind: Any) -> Any:
    """The checker of a list of values of a kind."""
    from pydantic import ConfigDict, TypeAdapter

    strict = ConfigDict(strict=True, allow_inf_nan=False, extra="allow")
    return TypeAdapter(list[kind], config=strict)


def parse_json(kind: type[T], data: bytes) -> T:
    """A JSON value of a kind, such as a TypedDict. Raises ValueError if it has other types."""
    from pydantic import ValidationError

    try:
        found: list[T] = _list_of(cast(Any, kind)).validate_json(b"[%s]" % data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"][1:]))
        raise ValueError(f"{where}: {first['msg']}".removeprefix(": ")) from None
    if len(found) != 1:
        raise ValueError(f"it has {len(found)} values")
    return found[0]


def wrong_types(events: Sequence[Event | None]) -> dict[int, str]:
    """A sentence on the first event of a known kind whose keys are wrong, by its place."""
    from pydantic import ValidationError

    known = [place for place, event in enumerate(events) if event and event["event"] in KINDS]
    try:
        _types().validate_python([events[place] for place in known])
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place, kind, *where = first["loc"]
        name, reason = ".".join(map(str, where)), first["msg"][0].lower() + first["msg"][1:]
        if first["type"] == "predicate_failed":
            reason = _OF_IDS if where[-1] == "trial_id" else _OF_ROWS
        if first["type"] != "missing":
            reason += f"; got {first['input']!a:.80}"
        return {known[int(place)]: f"{name} of the `{kind}` event: {reason}"}
    return {}


def _parse_batch(lines: Sequence[bytes]) -> Sequence[Event | None] | None:
    """Parse many lines as one JSON array, whose events share their keys: less time and memory.

    None if a line is not an event. (No crash leaves two events and a comma on one line,
    so an equal number of events and lines means that no line is damaged.)
    """
    try:
        values = _decode(b"[%s]" % b",".join(lines))
    except (ValueError, RecursionError):
        return None
    return values if len(values) == len(lines) and all(map(_is_event, values)) else None


def _parse_line(line: bytes) -> Event | None:
    try:
        value = _decode(line)
    except (ValueError, RecursionError):  # bad JSON or bad UTF-8
        return None
    return cast(Event, value) if _is_event(value) else None


def _is_ours(line: bytes) -> bool:
    event = _parse_line(line)
    return event is not None and event["event"] in KINDS


def _decode(text: bytes) -> Any:
    return json.loads(text.decode(), parse_constant=_refuse)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _is_event(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("event"), str)
