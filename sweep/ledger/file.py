"""A ledger in a file: one JSON object a line, appended by one driver, never changed.

An append is written to the file at once, whole or not at all, and so survives the end of the
process, ``kill -9`` included. It survives a power cut once it is fsynced. The outbox's thread does
that as soon as the disk has taken what came before, so that all events which arrived meanwhile
share one fsync; :meth:`Ledger.sync` waits for it.

A crash can leave a torn tail, which the next :meth:`Ledger.open` cuts (:mod:`sweep.ledger.lines`);
damage anywhere else is an error that names the line, because nothing after it can be trusted to
follow from what is before.
"""

from __future__ import annotations

import fcntl
import os
import socket
import time
from pathlib import Path

from sweep.errors import StorageError, UsageError
from sweep.ledger.events import Event
from sweep.ledger.files import sync
from sweep.ledger.journal import Clock, Journal, Outbox, check_expected, check_version
from sweep.ledger.lines import WINDOW, parse

# POSIX locks belong to a process: a second take in the same one would be granted, but for this.
_held_here: set[str] = set()


class Lock:
    """One driver a sweep: a POSIX lock (lockf) on a file that names its holder.

    The system drops it when the process ends, however it ends, and a forked child does not inherit
    it, so that no orphan can lock a sweep out. It has a file of its own, because closing any other
    handle of that file in this process would drop it.
    """

    def __init__(self, fd: int, key: str) -> None:
        self._fd = fd
        self._key = key

    @classmethod
    def take(cls, path: Path) -> Lock:
        """UsageError if another holds it, StorageError if the file cannot be made or locked."""
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
        """Let others have it. Once only."""
        os.close(self._fd)
        _held_here.discard(self._key)


class Ledger(Journal):
    """The one writer of a ledger file, opened with :meth:`open`."""

    path: Path

    def __init__(
        self, path: Path, lock: Lock, fd: int, events: list[Event], size: int, clock: Clock
    ) -> None:
        super().__init__(path, events, clock, Outbox(self._sync, WINDOW))
        self._lock = lock
        self._fd = fd
        self._size = self._synced = size  # bytes written, and of those on the disk

    @classmethod
    def open(cls, path: str | Path, *, create: bool, clock: Clock = time.time) -> Ledger:
        """Lock the ledger, cut a torn tail, and read what is there; all of it is then on the disk.

        ``create``: begin a new ledger (UsageError if the file holds events already); otherwise
        go on with one (UsageError if there is none, or nothing in it). ``clock`` gives unix
        seconds. UsageError too if another driver holds the ledger; StorageError if the file cannot
        be opened or written, is damaged before its tail, or is of a newer version.
        """
        path = Path(path)
        if not create and not path.exists():
            raise UsageError(f"{path.parent} is no sweep: it has no {path.name}")
        lock = Lock.take(path.with_suffix(".lock"))
        fd = -1
        try:
            fd = _open_to_append(path)
            events, size = parse(path.read_bytes(), path)
            check_version(events, path)
            check_expected(events, create, path)
            if os.fstat(fd).st_size > size:
                os.ftruncate(fd, size)
            os.fsync(fd)
        except OSError as error:
            _give_up(fd, lock)
            raise StorageError(f"cannot open {path}: {error.strerror or error}") from error
        except BaseException:
            _give_up(fd, lock)
            raise
        return cls(path, lock, fd, events, size, clock)

    def _write(self, lines: bytes) -> None:
        before = self._size
        try:
            for start in range(0, len(lines), WINDOW):
                self._write_part(lines[start : start + WINDOW])
        except BaseException as error:  # an interrupt within it must not leave half a line either
            self._cut(before)
            if isinstance(error, OSError):
                raise self._cannot_write(error) from error
            raise

    def _write_part(self, data: bytes) -> None:
        """Write at most ``WINDOW`` bytes, so that no more are unsynced at any time."""
        self._outbox.make_room(len(data))
        self._check()
        self._size += len(data)
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]
        self._outbox.add(data)

    def _sync(self, data: bytes) -> None:
        """One fsync of all that is written. After one that failed, what the disk has is unknown."""
        size = self._size
        os.fsync(self._fd)
        self._synced = size

    def _told(self, failure: Exception) -> StorageError:
        """Only here, in the writer's thread, is an unsynced tail cut."""
        if not self._is_told:
            self._cut(self._synced)
        return self._cannot_write(failure)

    def _cannot_write(self, error: Exception) -> StorageError:
        reason = getattr(error, "strerror", None) or error
        return StorageError(f"cannot write {self.path}: {reason}")

    def _cut(self, good: int) -> None:
        """Cut what should not be there. If even that fails, refuse every later append."""
        self._outbox.wait()
        self._size = min(good, self._size)
        self._synced = min(self._synced, self._size)
        try:
            os.ftruncate(self._fd, self._size)
        except OSError as error:
            self._outbox.fail(error)

    def _release(self) -> None:
        _give_up(self._fd, self._lock)

    def discard(self) -> None:
        for path in (self.path, self.path.with_suffix(".lock")):
            path.unlink(missing_ok=True)


def _open_to_append(path: Path) -> int:
    """A descriptor that appends. The folder is synced too: a new name must survive a power cut."""
    is_new = not path.exists()
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    if is_new:
        sync(path.parent)
    return fd


def _give_up(fd: int, lock: Lock) -> None:
    if fd >= 0:
        os.close(fd)
    lock.release()
