"""Read the ledger of a sweep from one file, or from segments in an object store.

Reading never changes a ledger, needs no lock, and works while a sweep writes to it. A damaged
ledger is an error for every reader, as it is for a driver: a front without some of its trials would
be wrong in silence.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from sweep.errors import SweepError, UsageError
from sweep.ledger.events import Event
from sweep.ledger.lines import NotASweep, parse
from sweep.ledger.segments import FOLDER, Segment, joined, read_segments
from sweep.ledger.store import Store, store_at

FILE = "ledger.jsonl"


class Ledger(NamedTuple):
    """The ``events`` in file order, and the ``folder`` of the sweep."""

    events: list[Event]
    folder: Store


def read_events(ledger: Store | Path) -> list[Event]:
    """The events of a ledger (:data:`FILE` or a folder of segments), without a torn tail.

    Raises UsageError if there is no ledger, and StorageError if it cannot be read, is damaged
    before its tail, or has a newer version.
    """
    ledger = store_at(ledger)
    events = _events(ledger)
    if events is None:
        raise UsageError(f"{ledger.parent} is not a sweep: it has no {ledger.name}")
    return events


def _events(ledger: Store) -> list[Event] | None:
    """The events, or None if there is no ledger."""
    if ledger.name == FOLDER:
        return parse_segments(read_segments(ledger), ledger) or _events(ledger.parent / FILE)
    data = ledger.read_bytes()
    return None if data is None else parse(data, ledger).events


def first_event(ledger: Store) -> Event | None:
    """The first event of a ledger, or None if it has no event yet."""
    if ledger.name == FOLDER:
        for most in (4, None):  # the segments of take-overs have no events
            found = [segment for segment in read_segments(ledger, most) if segment.events]
            if found:
                return parse_segments([found[0]._replace(lines=found[0].lines[:2])], ledger)[0]
        return first_event(ledger.parent / FILE)
    data = ledger.read_bytes() or b""
    try:
        events = parse(data[: data.find(b"\n") + 1], ledger).events
    except SweepError:
        events = []  # what is wrong depends on the lines after it
    events = events or parse(data, ledger).events
    return events[0] if events else None


def parse_segments(found: list[Segment], ledger: Store) -> list[Event]:
    """The events of segments. Raises StorageError for a line that is not a valid event."""
    lines = joined(found)
    end = b"" if lines.endswith(b"\n") or not lines else b"\n"
    return parse(lines + end, ledger, is_file=False).events


def check_no_copy(ledger: Store) -> None:
    """Raise UsageError for a copy of a sweep from a folder: it can be read, but not continued."""
    if _events(ledger.parent / FILE) and not ledger.names():
        raise UsageError(
            f"{ledger.parent} has the {FILE} of a folder: a sweep that was copied to a store can "
            "be read there, but not resumed; resume it in its original folder"
        )


def read_ledger(path: str | Path | Store) -> Ledger:
    """Read the ledger of the sweep in folder ``path`` (or the ledger file ``path``).

    ``path`` may be any address that fsspec supports. An empty ledger gives no events. Raises
    :class:`NotASweep` if the path has no ledger of a sweep, StorageError (a ``NewerLedger`` for a
    newer version) if the ledger is damaged or cannot be read, and ``MissingPackage`` if the object
    store needs a package that is not installed.
    """
    store = store_at(path, to_write=False)
    if _is_file(store):  # the user may name it by a link
        return Ledger(_parsed(store.absolute(), store), store.parent)
    if found := read_segments(store / FOLDER):
        return Ledger(parse_segments(found, store / FOLDER), store)
    return Ledger(_parsed(store / FILE, store), store)


def _is_file(store: Store) -> bool:
    """Whether a path or an address is a ledger file, not the folder of a sweep."""
    return store.name.endswith(".jsonl") if store.local is None else store.local.is_file()


def _parsed(file: Store, named: Store) -> list[Event]:
    if named.local is not None and not named.local.exists():
        raise NotASweep(f"{named}: no such folder")
    if (content := file.read_bytes()) is None:
        raise NotASweep(f"{named} is not a sweep: it has no {FILE}")
    return parse(content, file).events
