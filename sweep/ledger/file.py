"""A ledger in a file: one JSON object per line, appended by one driver, never changed.

An append is written to the file at once and atomically. It therefore survives the end of the
process, ``kill -9`` included. It survives a power failure once it is fsynced. The thread of the
outbox starts an fsync as soon as the previous one has ended, so that all events that arrived
in between share one fsync. :meth:`Ledger.sync` waits for it.

A crash can leave a torn tail, which the next :meth:`Ledger.open` cuts and keeps as a copy
(:mod:`sweep.ledger.lines`). Damage anywhere else is an error that names the line, because events
after the damage may depend on events that are lost.
"""

from __future__ import annotations

import fcntl
import logging
import os
from datetime import UTC, datetime
from pathlib import Path

from sweep.errors import StorageError, UsageError
from sweep.ledger.events import Event
from sweep.ledger.files import check_plain, read_plain, sync, write_text
from sweep.ledger.journal import Journal, Outbox, check_expected
from sweep.ledger.lease import driver_name
from sweep.ledger.lines import WINDOW, parse
from sweep.ledger.store import errors_of

logger = logging.getLogger(__name__)

_open_here: set[int] = set()  # the descriptors of locked ledgers


def _close_all() -> None:
    """A forked child would keep the lock of a ledger after the death of its driver."""
    while _open_here:
        os.close(_open_here.pop())


os.register_at_fork(after_in_child=_close_all)


class Ledger(Journal):
    """The only writer of a ledger file. Create it with :meth:`open`."""

    path: Path

    def __init__(self, path: Path, fd: int, events: list[Event], size: int) -> None:
        super().__init__(path, events, Outbox(self._sync, WINDOW))
        self._fd = fd
        self._size = self._synced = size  # bytes written; bytes safe on the disk

    @classmethod
    def open(cls, path: str | Path, *, create: bool) -> Ledger:
        """Lock the ledger, remove a torn tail, and read and fsync the events in the file.

        Arguments and errors are those of :meth:`sweep.ledger.folder.SweepFolder.open`.
        """
        path = Path(path)
        if not create and not path.exists():
            raise UsageError(f"{path.parent} is not a sweep: it has no {path.name}")
        with errors_of("open", path):
            fd = _open_locked(path)
            try:
                data = path.read_bytes()
                events, size = parse(data, path)
                check_expected(events, create, path)
                if len(data) > size:
                    _keep_tail(path, data[size:])
                    os.ftruncate(fd, size)
                os.fsync(fd)
                return cls(path, fd, events, size)
            except BaseException:
                _close(fd)
                raise

    def _write(self, lines: bytes) -> None:
        if not _is_at(self._fd, self.path):
            raise StorageError(f"{self.path} was removed or replaced while this driver wrote to it")
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
        _close(self._fd)

    def discard(self) -> None:
        for path in (self.path, self.path.with_suffix(".lock")):
            path.unlink(missing_ok=True)


def _open_locked(path: Path) -> int:
    """Open a ledger for appending, and lock it for this driver.

    The lock (flock) is that of the file itself, so that no other file can be removed to get around
    it. The system releases it when the process ends for any reason. ``ledger.lock`` is only a note
    that names the driver. Raises UsageError if another driver has the ledger.
    """
    while True:
        is_new = not path.exists()
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o666)
        _open_here.add(fd)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            _close(fd)
            if not isinstance(error, BlockingIOError):
                raise StorageError(f"cannot lock {path}: {error.strerror or error}") from error
            who = f"another driver: {_holder(path)}"
            if who.endswith(driver_name()):
                who = f"this same process (pid {os.getpid()})"
            raise UsageError(f"{path.parent} is in use by {who}") from None
        if _is_at(fd, path):
            write_text(path.with_suffix(".lock"), driver_name())
            if is_new:
                sync(path.parent)  # so that its name survives a power failure
            return fd
        _close(fd)  # the driver that had it has just discarded it


def driver_of(path: Path) -> str | None:
    """The driver that has a ledger open, maybe on another machine; None if there is none."""
    check_plain(path)
    try:
        fd = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _holder(path)
    finally:
        os.close(fd)
    return None


def _holder(path: Path) -> str:
    note = path.with_suffix(".lock")
    text = read_plain(note).decode(errors="replace")[:200] if note.is_file() else ""
    return text or "an unknown process"


def _is_at(fd: int, path: Path) -> bool:
    """Whether an open file is still the one at ``path``."""
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path, follow_symlinks=False))
    except FileNotFoundError:
        return False


def _close(fd: int) -> None:
    _open_here.discard(fd)
    os.close(fd)


def _keep_tail(path: Path, tail: bytes) -> None:
    """Save what a crash left after the last whole event, before it is cut from the ledger."""
    copy = path.with_name(f"{path.name}.cut-{datetime.now(UTC):%Y%m%dT%H%M%S%f}")
    with open(copy, "xb") as file:
        file.write(tail)
        file.flush()
        os.fsync(file.fileno())
    logger.warning(
        "%s: %d bytes after the last whole event, which a crash left incomplete, are cut; a copy "
        "is %s",
        *(path, len(tail), copy.name),
    )
