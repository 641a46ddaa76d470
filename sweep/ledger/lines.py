"""Events as lines of JSON in a file: how they are written whole, and what a crash leaves of them.

A process that dies tears the last line at most. A power cut takes what was not fsynced yet: it may
also leave holes there, pages of NUL bytes that never came to be written, with whole lines after
them. A writer that never has more than ``WINDOW`` bytes unsynced can therefore tell such a tail
from damage to what was safe: its first hole begins that near to the end of the file.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from sweep.errors import StorageError, SweepError
from sweep.ledger.read import misnamed

WINDOW = 64 * 1024
"""Bytes at the end of the file that may be unsynced, and so may have holes after a power cut."""

Event = dict[str, Any]


def open_to_append(path: Path) -> int:
    """A descriptor that appends. The folder is synced too: a new name must survive a power cut."""
    is_new = not path.exists()
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    if is_new:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    return fd


def read_all(fd: int, path: Path) -> bytes:
    """The whole file. StorageError if it gets shorter meanwhile."""
    size = os.fstat(fd).st_size
    chunks = []
    offset = 0
    while offset < size:
        chunk = os.pread(fd, size - offset, offset)
        if not chunk:
            raise StorageError(f"{path} shrank while it was read")
        chunks.append(chunk)
        offset += len(chunk)
    return b"".join(chunks)


def parse(data: bytes, path: object) -> tuple[list[Event], int]:
    """The events, and the length in bytes of what is good. A torn tail is not part of it.

    StorageError if the file, read from ``path``, is damaged before its tail, or if an event of it
    is :func:`~sweep.ledger.read.misnamed`.
    """
    whole = data.rfind(b"\n") + 1
    lines = data[:whole].split(b"\n")[:-1]
    events: list[Event] = []
    good = 0
    for index, line in enumerate(lines):
        event = event_of(line)
        if event is None:
            is_last = index == len(lines) - 1 and whole == len(data)
            is_hole = b"\0" in line and len(data) - good <= WINDOW
            if is_last or is_hole:
                break
            raise StorageError(f"{path} is damaged: line {index + 1} of {len(lines)} is no event")
        if wrong := misnamed(event):
            raise StorageError(f"{path} is damaged: line {index + 1} of {len(lines)}: {wrong}")
        events.append(event)
        good += len(line) + 1
    return events, good


def event_of(line: bytes) -> Event | None:
    """The event of a line; None for a line that is none."""
    try:
        event = json.loads(line)
    except ValueError:  # bad JSON and bad UTF-8 alike
        return None
    return event if isinstance(event, dict) and isinstance(event.get("event"), str) else None


def encode(event: Event) -> bytes:
    """Its line. SweepError if it is no strict JSON."""
    try:
        text = json.dumps(event, allow_nan=False, separators=(",", ":"))
        return text.encode() + b"\n"
    except (TypeError, ValueError) as error:
        raise SweepError(f"event {event.get('event')!r} cannot be written: {error}") from error


def write_all(fd: int, data: bytes) -> None:
    """Write until all of it is written."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
