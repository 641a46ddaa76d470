"""Read the ledger of a sweep from one file, or from segments in an object store.

Reading never changes a ledger, needs no lock, and works while a sweep writes to it. Code that
continues a sweep uses :func:`read_events`, which raises an error for damage before the torn tail.
Code that only shows a sweep uses :func:`read_ledger`, which leaves out damaged lines.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, Self

from sweep.errors import StorageError, UsageError
from sweep.ledger.events import SWEEP, Event, ReadEvent
from sweep.ledger.journal import check_version
from sweep.ledger.lines import parse, salvage
from sweep.ledger.segments import FOLDER, Segment, joined, read_segments
from sweep.ledger.store import Store, store_at

FILE = "ledger.jsonl"


class NotASweep(UsageError, ValueError):
    """The path has no ledger of a sweep."""


class NewerLedger(NotASweep):
    """The ledger was written by a newer version, which this version cannot read."""


class Ledger(NamedTuple):
    """``events`` in file order, one message in ``problems`` for each line that was left out, and
    the ``folder`` of the sweep.
    """

    events: list[ReadEvent]
    problems: list[str]
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
    check_version(events, ledger)
    return events


def _events(ledger: Store) -> list[Event] | None:
    """The events, or None if there is no ledger."""
    if ledger.name == FOLDER:
        return parse_segments(read_segments(ledger), ledger) or _events(ledger.parent / FILE)
    data = ledger.read_bytes()
    return None if data is None else parse(data, ledger)[0]


def first_event(ledger: Store) -> Event | None:
    """The first event of a ledger, or None if it has no event yet."""
    if ledger.name == FOLDER:
        for most in (4, None):  # the segments of take-overs have no events
            found = [segment for segment in read_segments(ledger, most) if segment.events]
            if found:
                return parse_segments([found[0]._replace(lines=found[0].lines[:2])], ledger)[0]
        return first_event(ledger.parent / FILE)
    data = ledger.read_bytes() or b""
    first = data[: data.find(b"\n") + 1]
    events = parse(first, ledger)[0] or parse(data, ledger)[0]
    check_version(events, ledger)
    return events[0] if events else None


def parse_segments(found: list[Segment], ledger: Store) -> list[Event]:
    """The events of segments. Raises StorageError for a line that is not a valid event."""
    lines = joined(found)
    end = b"" if lines.endswith(b"\n") or not lines else b"\n"
    return parse(lines + end, ledger, may_be_torn=False)[0]


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
    :class:`NotASweep` if the path has no ledger of a sweep, :class:`NewerLedger` for a ledger of a
    newer version, :class:`~sweep.ledger.store_errors.StoreError` (an OSError) if a file cannot be
    read or a segment is damaged, and ``MissingPackage`` if the object store needs a package that is
    not installed.
    """
    store = store_at(path, to_write=False)
    if _is_file(store):
        return _salvaged(_content(store, store), store, store.parent)
    if found := read_segments(store / FOLDER):
        return _salvaged(joined(found), store / FOLDER, store)
    return _salvaged(_content(store / FILE, store), store / FILE, store)


def _is_file(store: Store) -> bool:
    """Whether a path or an address is a ledger file, not the folder of a sweep."""
    return store.name.endswith(".jsonl") if store.local is None else store.local.is_file()


def _content(file: Store, named: Store) -> bytes:
    if named.local is not None and not named.local.exists():
        raise NotASweep(f"{named}: no such folder")
    if (content := file.read_bytes()) is None:
        raise NotASweep(f"{named} is not a sweep: it has no {FILE}")
    return content


def _salvaged(content: bytes, file: Store, folder: Store) -> Ledger:
    events, problems = salvage(content)
    if not events:
        # A sweep that has just begun: no line yet, or a first line that is still being written.
        if content.strip() and (b"\n" in content or not content.startswith(b"{")):
            raise NotASweep(f"{file} is not the ledger of a sweep: none of its lines is an event")
    elif events[0]["event"] != SWEEP:
        raise NotASweep(f"{file} is not the ledger of a sweep: its first event is not `{SWEEP}`")
    try:
        check_version(events, file)
    except StorageError as error:
        raise NewerLedger(f"{error}") from None
    return Ledger(events, problems, folder)


class Fold:
    """Folds events into a state: each goes to the method ``on_<kind>``, if there is one."""

    def apply(self, event: Event | ReadEvent) -> None:
        """Apply one event."""
        method = getattr(self, f"on_{event['event']}", None)
        if method is not None:
            method(event)

    def replay(self, events: Iterable[Event | ReadEvent]) -> Self:
        """Apply several events. Returns ``self``."""
        for event in events:
            self.apply(event)
        return self
