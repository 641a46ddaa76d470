"""What a second sweep need not make again: tokenised data and dense models, by content.

Workers that start at once on one machine ask for the same things at once: the first makes each,
and the others wait for it (:func:`once`).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


def cache_root() -> Path:
    """``$PRUNESWEEP_CACHE``, or ``prunesweep`` in the user's cache folder."""
    if explicit := os.environ.get("PRUNESWEEP_CACHE"):
        return Path(explicit)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "prunesweep"


def once(target: Path, make: Callable[[], None]) -> Path:
    """``target``, which ``make`` makes, whole or not at all, where it is not there yet.

    Of processes that ask at once, on a machine or where the file system knows locks, one makes it,
    and the others wait. If that one dies or fails, the next tries. On a file system without locks
    all may make it: a waste, no harm.
    """
    if not target.exists():
        with _alone(target):
            if not target.exists():
                make()
    return target


@contextlib.contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Hold the lock of a path, which the system drops when the process ends, however it does."""
    root = cache_root()
    root.mkdir(parents=True, exist_ok=True)
    lock = root / f".{fingerprint(str(target))}.lock"
    file = _locked(lock)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)  # still locked: who waits for it sees that it is gone
        os.close(file)


def _locked(lock: Path) -> int:
    """An open lock file, locked, that is the one at its path: not one removed meanwhile."""
    while True:
        file = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        with contextlib.suppress(OSError):  # ENOLCK, ENOTSUP: some network file systems
            fcntl.flock(file, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file), lock.stat()):
                return file
        os.close(file)


def fingerprint(value: Any) -> str:
    """A short digest (16 hex digits) of any JSON value, key order aside."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def file_digest(path: str | Path) -> str:
    """A short digest (16 hex digits) of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def tree_digest(path: str | Path) -> str:
    """A short digest of a folder's files (or of one file), names and bytes."""
    root = Path(path)
    files = [root] if root.is_file() else sorted(f for f in root.rglob("*") if f.is_file())
    return fingerprint([(file.name, file_digest(file)) for file in files])
