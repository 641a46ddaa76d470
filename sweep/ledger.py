"""The ledger: one JSON object a line, appended by one driver, never changed: a sweep's truth.

What has been appended is on the disk (fsync) before :meth:`Ledger.append` returns, whole or not at
all. A crash can leave a torn tail, which the next :meth:`Ledger.open` cuts; damage anywhere else is
an error that names the line, because nothing after it can be trusted to follow from what is before.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from sweep.errors import StorageError, SweepError, UsageError

VERSION = 1

Event = dict[str, Any]

# POSIX locks belong to a process: a second open in the same one would be granted, but for this.
_held_here: set[str] = set()


class Ledger:
    """The one writer of a ledger file. ``events`` holds what the file held when it was opened."""

    def __init__(self, path: Path, lock: _Lock, fd: int, events: list[Event], clock: Clock) -> None:
        self.path = path
        self.events = events
        self._lock = lock
        self._fd = fd
        self._clock = clock
        self._last_time = max((_time_of(event) for event in events), default=0.0)
        self._damaged = False

    @classmethod
    def open(cls, path: str | Path, *, create: bool, clock: Clock = time.time) -> Ledger:
        """Lock the ledger, cut a torn tail, and read what is there.

        ``create``: begin a new ledger (UsageError if the file holds events already); otherwise
        go on with one (UsageError if there is none, or nothing in it). ``clock`` gives unix
        seconds. UsageError too if another driver holds the ledger; StorageError if the file cannot
        be opened or written, is damaged before its last line, or is of a newer version.
        """
        path = Path(path)
        if not create and not path.exists():
            raise UsageError(f"{path.parent} is no sweep: it has no {path.name}")
        lock = _Lock.take(path.with_suffix(".lock"))
        fd = -1
        try:
            fd = _open_file(path)
            events, size = _parse(_read_all(fd, path), path)
            _check_version(events, path)
            _check_expected(events, create, path)
            if os.fstat(fd).st_size > size:
                os.ftruncate(fd, size)
                os.fsync(fd)
        except OSError as error:
            _give_up(fd, lock)
            raise StorageError(f"cannot open {path}: {error.strerror or error}") from error
        except BaseException:
            _give_up(fd, lock)
            raise
        return cls(path, lock, fd, events, clock)

    def append(self, *events: Event) -> list[Event]:
        """Write the events in one piece and return them as written, each with its ``time``.

        ``time`` never goes backwards, whatever the clock does. StorageError if they cannot be
        stored; the file is then as it was before. SweepError if one of them is no strict JSON
        (NaN, infinity, an object); nothing is written then either.
        """
        if self._fd < 0:
            raise SweepError(f"{self.path} is closed")
        if self._damaged:
            raise StorageError(f"{self.path} could not be mended after a failed write")
        now = max(round(float(self._clock()), 3), self._last_time)
        stamped = [{**event, "time": now} for event in events]
        data = b"".join(_line(event) for event in stamped)
        good = os.fstat(self._fd).st_size  # the one writer's last good length
        try:
            _write_all(self._fd, data)
            os.fsync(self._fd)
        except OSError as error:
            self._roll_back(good)
            raise StorageError(f"cannot write {self.path}: {error.strerror or error}") from error
        except BaseException:  # an interrupt in the middle of a write must not leave half a line
            self._roll_back(good)
            raise
        self._last_time = now
        return stamped

    def _roll_back(self, good: int) -> None:
        """Cut what a failed write left. If even that fails, refuse every later append."""
        try:
            os.ftruncate(self._fd, good)
            os.fsync(self._fd)
        except OSError:
            self._damaged = True

    def close(self) -> None:
        """Close the file and release the lock. Closing twice is fine."""
        if self._fd >= 0:
            _give_up(self._fd, self._lock)
            self._fd = -1

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def read_events(path: str | Path) -> list[Event]:
    """The events of a ledger, for readers: no lock, no change, a torn last line is left out.

    UsageError if there is no such file; StorageError if it cannot be read, is damaged before its
    last line, or is of a newer version.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UsageError(f"{path.parent} is no sweep: it has no {path.name}") from None
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror or error}") from error
    events, _ = _parse(data, path)
    _check_version(events, path)
    return events


Clock = Callable[[], float]


class _Lock:
    """An exclusive lock on a file beside the ledger, which names its holder.

    A POSIX lock (lockf): the system drops it when the process ends, however it ends, and a forked
    child does not inherit it, so that no orphan can lock a sweep out. It is not taken on the ledger
    itself, because closing any other handle of that file in this process would drop it.
    """

    def __init__(self, fd: int, key: str) -> None:
        self._fd = fd
        self._key = key

    @classmethod
    def take(cls, path: Path) -> _Lock:
        key = os.path.realpath(path)
        if key in _held_here:
            raise UsageError(f"{path.parent} is in use by this very process (pid {os.getpid()})")
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise StorageError(f"cannot open {path}: {error.strerror or error}") from error
        try:
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"pid {os.getpid()} on {socket.gethostname()}".encode(), 0)
        except (BlockingIOError, PermissionError):
            holder = os.pread(fd, 200, 0).decode(errors="replace") or "an unknown process"
            os.close(fd)
            raise UsageError(f"{path.parent} is in use by another driver: {holder}") from None
        except OSError as error:
            os.close(fd)
            raise StorageError(f"cannot lock {path}: {error.strerror or error}") from error
        _held_here.add(key)
        return cls(fd, key)

    def release(self) -> None:
        os.close(self._fd)
        _held_here.discard(self._key)


def _give_up(fd: int, lock: _Lock) -> None:
    if fd >= 0:
        os.close(fd)
    lock.release()


def _open_file(path: Path) -> int:
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


def _read_all(fd: int, path: Path) -> bytes:
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


def _parse(data: bytes, path: Path) -> tuple[list[Event], int]:
    """The events, and the length in bytes of what is good. A torn tail is not part of it."""
    whole = data.rfind(b"\n") + 1
    lines = data[:whole].split(b"\n")[:-1]
    events: list[Event] = []
    for index, line in enumerate(lines):
        event = _event(line)
        if event is None:
            is_tail = index == len(lines) - 1 and whole == len(data)
            if is_tail:
                return events, whole - len(line) - 1
            raise StorageError(f"{path} is damaged: line {index + 1} of {len(lines)} is no event")
        events.append(event)
    return events, whole


def _event(line: bytes) -> Event | None:
    try:
        event = json.loads(line)
    except ValueError:  # bad JSON and bad UTF-8 alike
        return None
    return event if isinstance(event, dict) and isinstance(event.get("event"), str) else None


def _line(event: Event) -> bytes:
    try:
        text = json.dumps(event, allow_nan=False, separators=(",", ":"))
        return text.encode() + b"\n"
    except (TypeError, ValueError) as error:
        raise SweepError(f"event {event.get('event')!r} cannot be written: {error}") from error


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _check_version(events: list[Event], path: Path) -> None:
    version = events[0].get("version", VERSION) if events else VERSION
    if not isinstance(version, int) or version > VERSION:
        raise StorageError(
            f"{path} is of version {version}, and this prunesweep reads up to version {VERSION}"
        )


def _check_expected(events: list[Event], create: bool, path: Path) -> None:
    if create and events:
        raise UsageError(
            f"{path.parent} holds a sweep already: resume it, or choose another folder"
        )
    if not create and not events:
        raise UsageError(f"{path.parent} is no sweep yet: its {path.name} is empty")


def _time_of(event: Event) -> float:
    value = event.get("time", 0.0)
    return float(value) if isinstance(value, int | float) else 0.0
