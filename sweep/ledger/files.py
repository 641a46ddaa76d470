"""Files and folders: there whole or not at all, made once, known by what they hold.

What a second sweep need not make again lies in :func:`cache_root`: tokenised data and dense models,
by content. Workers that start at once on one machine ask for the same things at once: the first
makes each, and the others wait for it (:func:`once`).
"""

from __future__ import annotations

import fcntl
import gc
import hashlib
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sweep.ledger.store_errors import StoreError


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A scratch folder that becomes ``target`` when the block ends without an error.

    Its files are fsynced first. A ``target`` that appeared meanwhile (another worker was faster)
    is left as it is, and the scratch folder goes.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        yield scratch
        for file in scratch.rglob("*"):
            if file.is_file():
                sync(file)
        scratch.chmod(0o755)
        try:
            scratch.rename(target)
        except OSError:
            if not target.is_dir():  # else someone else's, and whole
                raise
        sync(target.parent)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a file whole: a reader sees the old text or the new one."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, data: bytes) -> None:
    """The same, of bytes."""

    def write(part: Path) -> None:
        part.write_bytes(data)
        sync(part)

    write_whole(path, write)


def sync(path: Path) -> None:
    """Flush a file or a folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


REPORTED = ("figures", "tables")
"""The folders that a report writes its files into, beside ``report.html``."""


def write_whole(path: Path, write: Callable[[Path], object]) -> Path:
    """Let ``write`` make a file beside ``path``, then move it there; returns ``path``.

    The folder is made if need be. When ``write`` fails, an older ``path`` stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # The suffix stays last: writers pick a format by it. No link can wait under a random name.
    part = path.with_name(f".{path.stem}.{secrets.token_hex(8)}.part{path.suffix}")
    try:
        write(part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return path


def refuse_links(folder: Path, *names: str) -> None:
    """Raise :class:`StoreError` where one of ``names``, or what is below it, is a link.

    A sweep's folder may come from someone else. What is written or deleted through a symbolic link
    in it lies elsewhere, and is not the sweep's. The way to ``folder`` may have links: that is how
    the user named it.
    """
    for path in _within(folder, names):
        if path.is_symlink():
            raise StoreError(
                f"{path} is a symbolic link: through one, nothing in a sweep's folder is written "
                "or deleted; remove it, or move what it leads to into its place"
            )


def _within(folder: Path, names: tuple[str, ...]) -> Iterator[Path]:
    """Each of the names before what is below it."""
    for name in names:
        yield folder / name
        for above, folders, files in os.walk(folder / name):
            yield from (Path(above, each) for each in (*folders, *files))


def remove_empty(folders: Iterable[Path]) -> None:
    """Remove those of the folders that are empty, in their order."""
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


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


@contextmanager
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
        with suppress(OSError):  # ENOLCK, ENOTSUP: some network file systems
            fcntl.flock(file, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
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


@contextmanager
def no_collector() -> Iterator[None]:
    """Keep the garbage collector out of the way of code that makes a million objects that stay.

    Nothing that a ledger gives is garbage, and each search for garbage walks all of it.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
