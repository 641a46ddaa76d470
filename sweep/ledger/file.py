"""A ledger in a file: one JSON object per line, appended by one driver, never changed.

An append is written to the file at once and atomically. It therefore survives the end of the
process, ``kill -9`` included. It survives a power failure once it is fsynced. The thread of the
outbox starts an fsync as soon as the previous one has ended, so that all events that arrived
in between share one fsync. :meth:`Ledger.sync` waits for it.

A crash can leave a torn tail, which the next :meth:`Ledger.open` removes
(:mod:`sweep.ledger.lines`). Damage anywhere else is an error that names the line, because events
after the damage may depend on events that are lost.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import ExitStack
from pathlib import Path

from sweep.errors import StorageError, UsageError
from sweep.ledger.events import Event
from sweep.ledger.files import sync
from sweep.ledger.journal import Journal, Outbox, check_expected, check_version
from sweep.ledger.lease import driver_name
from sweep.ledger.lines import WINDOW, parse
from sweep.ledger.store import errors_of

# A POSIX lock belongs to a process: without this set, the same process could take it twice.
_held_here: set[str] = set()


class Lock:
    """A POSIX lock (lockf) that allows one driver per sweep. The lock file names the holder.

    The system releases the lock when the process ends for any reason, and a forked child does not
    inherit it, so that an orphan process cannot block a sweep. The lock has its own file because
    closing any other handle of a locked file in this process would release the lock.
    """

    def __init__(self, path: Path) -> None:
        """Take the lock. UsageError if another driver holds it; StorageError if the file cannot be
        locked.
        """
        key = os.path.realpath(path)
        if key in _held_here:
            raise UsageError(f"{path.parent} is in use by this same process (pid {os.getpid()})")
        with errors_of("open", path):
            fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(fd, 0)
            os.pwrite(fd, driver_name().encode(), 0)
        except (BlockingIOError, PermissionError):
            holder = os.pread(fd, 200, 0).decode(errors="replace") or "an unknown process"
            os.close(fd)
            raise UsageError(f"{path.parent} is in use by another driver: {holder}") from None
        except OSError as error:
            os.close(fd)
            raise StorageError(f"cannot lock {path}: {error.strerror or error}") from error
        _held_here.add(key)
        self._fd, self._key = fd, key

    def release(self) -> None:
        """Release the lock. Call this only once."""
        os.close(self._fd)
        _held_here.discard(self._key)


class Ledger(Journal):
    """The only writer of a ledger file. Create it with :meth:`open`."""

    path: Path

    def __init__(
        self, path: Path, held: ExitStack, fd: int, events: list[Event], size: int
    ) -> None:
        super().__init__(path, events, Outbox(self._sync, WINDOW))
        self._held, self._fd = held, fd
        self._size = self._synced = size  # bytes written; bytes safe on the disk

    @classmethod
    def open(cls, path: str | Path, *, create: bool) -> Ledger:
        """Lock the ledger, remove a torn tail, and read and fsync the events in the file.

        Arguments and errors are those of :meth:`sweep.ledger.folder.SweepFolder.open`.
        """
        path = Path(path)
        if not create and not path.exists():
            raise UsageError(f"{path.parent} is not a sweep: it has no {path.name}")
        lock = Lock(path.with_suffix(".lock"))
        with ExitStack() as held, errors_of("open", path):
            held.callback(lock.release)
            fd = _open_to_append(path)
            held.callback(os.close, fd)
            events, size = parse(path.read_bytes(), path)
            check_version(events, path)
            check_expected(events, create, path)
            if os.fstat(fd).st_size > size:
                os.ftruncate(fd, size)
            os.fsync(fd)
            return cls(path, held.pop_all(), fd, events, size)

    def _write(self, lines: bytes) -> None:
        before = self._size
        try:
            for start in range(0, len(lines), WINDOW):
                self._write_part(lines[start : start + WINDOW])
        except BaseException as error:  # an interrupt must not leave half a line either
            self._cut(before)
            if isinstance(error, OSError):
                raise self._cannot_write(error) from error
            raise

    def _write_part(self, data: bytes) -> None:
        """Write at most ``WINDOW`` bytes, so that never more than that are unsynced."""
        self._outbox.make_room(len(data))
        self._check()
        self._size += len(data)
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]
        self._outbox.add(data)

    def _sync(self, data: bytes) -> None:
        """Fsync everything written so far. If an fsync fails, the state of the disk is unknown."""
        size = self._size
        os.fsync(self._fd)
        self._synced = size

    def _error_for(self, failure: Exception) -> StorageError:
        # This runs in the writer's thread, the only one that may remove an unsynced tail.
        if not self._is_failure_raised:
            self._cut(self._synced)
        return self._cannot_write(failure)

    def _cannot_write(self, error: Exception) -> StorageError:
        reason = getattr(error, "strerror", None) or error
        return StorageError(f"cannot write {self.path}: {reason}")

    def _cut(self, good: int) -> None:
        """Truncate the file to ``good`` bytes. If that fails, every later append is refused."""
        self._outbox.wait()
        self._size = min(good, self._size)
        self._synced = min(self._synced, self._size)
        try:
            os.ftruncate(self._fd, self._size)
        except OSError as error:
            self._outbox.fail(error)

    def _release(self) -> None:
        self._held.close()

    def discard(self) -> None:
        for path in (self.path, self.path.with_suffix(".lock")):
            path.unlink(missing_ok=True)


def _open_to_append(path: Path) -> int:
    """Open for appending. A new file's folder is synced, so that its name survives a power cut."""
    is_new = not path.exists()
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    if is_new:
        sync(path.parent)
    return fd
