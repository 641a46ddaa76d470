"""One driver a sweep: an exclusive lock on a file that names its holder."""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path

from sweep.errors import StorageError, UsageError

# POSIX locks belong to a process: a second take in the same one would be granted, but for this.
_held_here: set[str] = set()


class Lock:
    """A POSIX lock (lockf), taken with :meth:`take`.

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
