"""The ledger of a sweep, read: from one file, or from segments in an object store.

Reading never changes a ledger, needs no lock, and works while a sweep writes to it. A driver, and
whoever takes a sweep further, reads with :func:`read_events`: damage before the torn tail is an
error. Who only looks at a sweep reads with :func:`read_ledger`: what is damaged is left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from sweep.errors import StorageError, UsageError
from sweep.ledger import segments
from sweep.ledger.events import SWEEP, Event, ReadEvent
from sweep.ledger.journal import VERSION, check_version
from sweep.ledger.lines import each, misnamed, parse, salvage
from sweep.ledger.segments import FOLDER, Damaged, Segment, joined
from sweep.ledger.store import Store, store_at

FILE = "ledger.jsonl"


class NotASweep(UsageError, ValueError):
    """There is no ledger of a sweep at this path."""


class NewerLedger(NotASweep):
    """The ledger was written by a newer version, whose meaning is not known here."""


class Ledger(NamedTuple):
    """``events`` in file order; ``problems``: one sentence for each line that was left out.

    ``folder`` is that of the sweep.
    """

    events: list[ReadEvent]
    problems: list[str]
    folder: Store


def read_events(ledger: Store | Path) -> list[Event]:
    """The events of a ledger, :data:`FILE` or a folder of segments; a torn tail is left out.

    UsageError if there is none; StorageError if it cannot be read, is damaged before its tail, or
    is of a newer version.
    """
    ledger = store_at(ledger)
    events = _events(ledger)
    if events is None:
        raise UsageError(f"{ledger.parent} is no sweep: it has no {ledger.name}")
    check_version(events, ledger)
    return events


def _events(ledger: Store) -> list[Event] | None:
    """None where there is no ledger."""
    if ledger.name == FOLDER:
        return parse_segments(segments_of(ledger), ledger) or _events(ledger.parent / FILE)
    try:
        return parse(ledger.read_bytes(), ledger)[0]
    except FileNotFoundError:
        return None


def first_event(ledger: Store) -> Event | None:
    """The event that a ledger begins with; None where there is none yet."""
    if ledger.name == FOLDER:
        for most in (4, None):  # segments by which drivers took over have none
            found = [one for one in segments_of(ledger, most) if one.events]
            if found:
                return parse_segments([found[0]._replace(lines=found[0].lines[:2])], ledger)[0]
        return first_event(ledger.parent / FILE)
    try:
        data = ledger.read_bytes()
    except FileNotFoundError:
        return None
    first = data[: data.find(b"\n") + 1]
    events = parse(first, ledger)[0] or parse(data, ledger)[0]
    check_version(events, ledger)
    return events[0] if events else None


def segments_of(ledger: Store, most: int | None = None) -> list[Segment]:
    """The segments of a ledger, of its first ``most`` objects or of all.

    StorageError where they cannot be read.
    """
    try:
        return segments.read_segments(ledger, most)
    except Damaged as error:
        raise StorageError(f"{ledger} is damaged: {error}") from error


def parse_segments(found: list[Segment], ledger: Store) -> list[Event]:
    """The events of segments. StorageError for a line that is none, or is misnamed."""
    lines = joined(found)
    if not lines.endswith(b"\n"):
        lines += b"\n" if lines else b""  # a segment is whole: its last line is one too
    events: list[Event] = []
    for number, event in enumerate(each(lines), 1):
        wrong = None if event is None else misnamed(event)
        if event is None or wrong:
            segment, line = segments.place_of(number, found)
            where = f"segment {segment.number}"
            what = (
                f"line {line} of {where}: {wrong}" if wrong else f"{where} has a line without event"
            )
            raise StorageError(f"{ledger} is damaged: {what}")
        events.append(event)
    return events


def check_no_copy(ledger: Store) -> None:
    """UsageError for a copy of a folder's sweep, which can be read and not written."""
    if _events(ledger.parent / FILE) and not ledger.names():
        raise UsageError(
            f"{ledger.parent} has the {FILE} of a folder: a sweep that was copied to a store can "
            "be read there, but not gone on with; resume it in its folder"
        )


def read_ledger(path: str | Path | Store) -> Ledger:
    """Read the ledger of the sweep in folder ``path`` (or the ledger file ``path``).

    ``path`` may be an address that fsspec knows. A ledger in which nothing is written yet gives no
    events. Raises :class:`NotASweep` for a path that has no ledger or whose ledger is something
    else, :class:`NewerLedger` for one from a newer version,
    :class:`~sweep.ledger.store_errors.StoreError` (an OSError) for a file that cannot be read,
    ``MissingPackage`` where an object store needs a package that is not there.
    """
    store = store_at(path, to_write=False)
    if _is_file(store):
        return _salvaged(_content(store, store), store, store.parent)
    try:
        found = segments.read_segments(store / FOLDER)
    except Damaged as error:
        raise NotASweep(f"{store}: the ledger is damaged: {error}") from error
    if found:
        return _salvaged(joined(found), store / FOLDER, store)
    return _salvaged(_content(store / FILE, store), store / FILE, store)


def _is_file(store: Store) -> bool:
    """Whether a path or an address is that of a ledger's file, and not of a sweep's folder."""
    return store.name.endswith(".jsonl") if store.local is None else store.local.is_file()


def _content(file: Store, named: Store) -> bytes:
    if named.local is not None and not named.local.exists():
        raise NotASweep(f"{named}: there is no such folder")
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise NotASweep(f"{named}: not the folder of a sweep (it has no {FILE})") from None


def _salvaged(content: bytes, file: Store, folder: Store) -> Ledger:
    events, problems = salvage(content)
    _check(file, content, events)
    return Ledger(events, problems, folder)


def _check(file: Store, content: bytes, events: list[ReadEvent]) -> None:
    if not events:
        # A sweep that was just made: nothing yet, or a first line that is still being written.
        if content.strip() and (b"\n" in content or not content.startswith(b"{")):
            raise NotASweep(f"{file}: not the ledger of a sweep (no line of it is an event)")
        return
    if events[0]["event"] != SWEEP:
        raise NotASweep(f"{file}: not the ledger of a sweep (its first event is not `{SWEEP}`)")
    version = events[0].get("version", VERSION)
    if not isinstance(version, int) or version > VERSION:
        raise NewerLedger(
            f"{file}: written as ledger version {version}; this program reads up to {VERSION}"
        )
