"""The ledger, read: one JSON object a line, in the order in which things happened.

Reading never changes the ledger and works while a sweep writes to it. A torn last line is left
out; a damaged line elsewhere is left out too, and said in ``Ledger.problems``. A line is damaged
too where :func:`misnamed` finds fault with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sweep.ledger import analysis_storage as storage
from sweep.ledger import segments

LEDGER = "ledger.jsonl"
VERSION = 1

Event = dict[str, Any]

# Every trial that a sweep proposes is named like t00012.
_TRIAL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_SEEDS = 2**32

# Lines that are parsed at once.
_TOGETHER = 4096


class NotASweep(ValueError):
    """There is no ledger of a sweep at this path."""


class NewerLedger(NotASweep):
    """The ledger was written by a newer version, whose meaning is not known here."""


class Ledger(NamedTuple):
    """``events`` in file order; ``problems``: one sentence for each line that was left out."""

    events: list[Event]
    problems: list[str]


def read_ledger(path: str | Path) -> Ledger:
    """Read the ledger of the sweep in folder ``path`` (or the ledger file ``path``).

    ``path`` may be an address (s3://, gs://, ...), where the ledger is segments
    (:mod:`sweep.ledger.segments`) or a file. A ledger in which nothing is written yet gives no
    events. Raises ``NotASweep`` for a path that has no ledger or whose ledger is something else,
    ``NewerLedger`` for one from a newer version, ``OSError`` for a file that cannot be read,
    ``MissingPackage`` where an object store needs a package that is not there.
    """
    place = storage.location(path)
    name = place.name if isinstance(place, Path) else storage.last_name(place)
    if not name.endswith(".jsonl") and (found := _segmented(place)):
        return parse(segments.joined(found), f"{place}/{segments.FOLDER}")
    if isinstance(place, Path):
        file = ledger_file(place)
        return parse(file.read_bytes(), file)
    address = place if name.endswith(".jsonl") else f"{place}/{LEDGER}"
    content = storage.read(address)
    if content is not None:
        return parse(content, address)
    raise NotASweep(f"{place}: not the folder of a sweep (it has no {LEDGER})")


def _segmented(place: str | Path) -> list[segments.Segment]:
    """The segments of a ledger that is in an object store, or was copied from one."""
    try:
        return segments.read_place(place)
    except segments.Damaged as error:
        raise NotASweep(f"{place}: the ledger is damaged: {error}") from error


def parse(content: bytes, file: str | Path) -> Ledger:
    """The ledger in the bytes of a ``file``, which is named in errors."""
    # What follows the last newline is being written, or was torn off by a crash. A last line that
    # is no event is a torn one too: the writer cuts both when it opens the ledger.
    lines = _lines(content)
    events: list[Event] = []
    problems: list[str] = []
    for number, event in enumerate(_each(lines), 1):
        if event is None:
            if number < len(lines):
                problems.append(f"line {number} of the ledger is not an event; it is left out")
        elif wrong := misnamed(event):
            problems.append(f"line {number} of the ledger: {wrong}; it is left out")
        else:
            events.append(event)
    _check(file, content, events)
    return Ledger(events, problems)


def misnamed(event: Event) -> str | None:
    """The sentence that says which id or seed of an event may not name a file; None for none.

    A trial's checkpoints lie in a folder named by its id, those of a retraining in one named by the
    trial's id and a seed. A ledger may come from someone else, and none of its names may be a path:
    what lies elsewhere would be overwritten, or deleted.
    """
    named = [each for each in (event, *_listed(event.get("points"))) if isinstance(each, dict)]
    for name in (each["trial_id"] for each in named if "trial_id" in each):
        if not (isinstance(name, str) and _TRIAL_ID.fullmatch(name)):
            return (
                "a trial_id is 1 to 64 ASCII letters, digits, '-' or '_', and begins with a letter "
                f"or a digit; got {name!a:.100}"
            )
    if event["event"].startswith("confirm"):
        for seed in (event.get("seed", 0), *_listed(event.get("seeds"))):
            if not (type(seed) is int and 0 <= seed < _SEEDS):
                return f"a seed is an integer from 0 to {_SEEDS - 1}; got {seed!a:.100}"
    return None


def _listed(value: Any) -> list[Any]:
    """What a list holds. Anything else that is there counts as one entry, which will not do."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _lines(content: bytes) -> Sequence[str | bytes]:
    """The lines that a newline ends: text where all of it is, which is parsed faster."""
    try:
        return content.decode("utf-8").split("\n")[:-1]
    except UnicodeDecodeError:
        return content.split(b"\n")[:-1]


def ledger_file(path: str | Path) -> Path:
    """The ledger's file for a sweep's folder or for the file itself; ``NotASweep`` if neither."""
    path = Path(path)
    if path.is_file():
        return path
    if not path.is_dir():
        raise NotASweep(f"{path}: there is no such folder")
    if not (path / LEDGER).is_file():
        raise NotASweep(f"{path}: not the folder of a sweep (it has no {LEDGER})")
    return path / LEDGER


def plain_figures(event: Event | None) -> dict[str, Any] | None:
    """What a dense model's event says, without its kind and the answers to single examples."""
    if event is None:
        return None
    return {name: value for name, value in event.items() if name not in ("event", "correct_bits")}


def _each(lines: Sequence[str | bytes]) -> Iterator[Event | None]:
    """The event of each line; None for a line that is none."""
    for start in range(0, len(lines), _TOGETHER):
        part = lines[start : start + _TOGETHER]
        yield from _at_once(part) or map(_event, part)


def _at_once(lines: Sequence[str | bytes]) -> list[Event] | None:
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
    except (ValueError, RecursionError):
        return None
    return value if _is_event(value) else None


def _is_event(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("event"), str)


def _check(file: str | Path, content: bytes, events: list[Event]) -> None:
    if not events:
        # A sweep that was just made: nothing yet, or a first line that is still being written.
        if content.strip() and (b"\n" in content or not content.startswith(b"{")):
            raise NotASweep(f"{file}: not the ledger of a sweep (no line of it is an event)")
        return
    if events[0]["event"] != "sweep":
        raise NotASweep(f"{file}: not the ledger of a sweep (its first event is not `sweep`)")
    version = events[0].get("version", VERSION)
    if not isinstance(version, int) or version > VERSION:
        raise NewerLedger(
            f"{file}: written as ledger version {version}; this program reads up to {VERSION}"
        )
