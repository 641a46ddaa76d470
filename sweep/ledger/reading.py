"""The reader's side of a ledger of segments: nothing here writes."""

from __future__ import annotations

from sweep.errors import StorageError, UsageError
from sweep.ledger import segments
from sweep.ledger.address import Address
from sweep.ledger.file import check_version
from sweep.ledger.lines import Event, event_of
from sweep.ledger.lines import parse as parse_file
from sweep.ledger.read import misnamed
from sweep.ledger.segments import Damaged, Segment

FILE = "ledger.jsonl"
"""The ledger of a sweep's folder, which may have been copied to a store, for readers."""


def read_segments(path: Address, most: int | None = None) -> list[Segment]:
    """The segments of the ledger at ``path``, of its first ``most`` objects or of all.

    StorageError where they cannot be read.
    """

    def names() -> list[str]:
        return [part.name for part in segments.parts(path.names())[:most]]

    try:
        return segments.read_segments(names, path.read_all)
    except Damaged as error:
        raise StorageError(f"{path} is damaged: {error}") from error


def parse(found: list[Segment], path: Address) -> list[Event]:
    """The events of segments. StorageError for a line that is none, or is misnamed."""
    return [_event(line, segment, path) for segment in found for line in segment.events]


def _event(line: bytes, segment: Segment, path: Address) -> Event:
    event = event_of(line)
    if event is None:
        raise StorageError(f"{path} is damaged: segment {segment.number} has a line without event")
    if wrong := misnamed(event):
        number = segment.lines.index(line) + 1
        raise StorageError(f"{path} is damaged: line {number} of segment {segment.number}: {wrong}")
    return event


def read_events(path: Address) -> list[Event]:
    """The events of a ledger. UsageError if there is none; StorageError if it cannot be read."""
    events = parse(read_segments(path), path) or _copied(path)
    if not events:
        raise UsageError(f"{path.parent} is no sweep: it has no {path.name}")
    check_version(events, path)
    return events


def first_event(path: Address) -> Event | None:
    """The event that a ledger begins with; None where there is none yet."""
    for most in (4, None):  # segments by which drivers took over have none
        for segment in read_segments(path, most):
            if segment.events:
                return _event(segment.events[0], segment, path)
    return next(iter(_copied(path)), None)


def check_no_copy(path: Address) -> None:
    """UsageError for a copy of a folder's sweep, which can be read and not written."""
    if _copied(path) and not path.names():
        raise UsageError(
            f"{path.parent} has the {FILE} of a folder: a sweep that was copied to a store can be "
            "read there, but not gone on with; resume it in its folder"
        )


def loose_of(found: list[Segment], path: Address) -> list[Segment]:
    """The segments at the end that no pack holds yet."""
    listed = segments.parts(path.names())
    packed = max((part.last for part in listed if part.last > part.first), default=0)
    return [segment for segment in found if segment.number > packed]


def _copied(path: Address) -> list[Event]:
    try:
        content = (path.parent / FILE).read_bytes()
    except FileNotFoundError:
        return []
    return parse_file(content, path.parent / FILE)[0]
