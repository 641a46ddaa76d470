"""Atomic writes of files and folders, the cache folder, and content digests.

:func:`cache_root` holds what later sweeps can reuse: tokenized data and dense models, keyed by
content. Workers that start together on one machine need the same entries at the same time: one
worker makes an entry while the others wait for it (:func:`once`).
"""

from __future__ import annotations

import fcntl
import gc
import hashlib
import json
import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from sweep.ledger.store_errors import StoreError


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Yield a scratch folder that is renamed to ``target`` if the block ends without an error.

    Its files are fsynced first, and get the modes that the umask allows (safetensors would let only
    the owner read them). If ``target`` has appeared in the meantime (another worker was faster), it
    is left unchanged and the scratch folder is deleted.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    scratch.mkdir()
    try:
        with _system_errors(target):
            yield scratch
        mode = scratch.stat().st_mode & 0o666
        for file in scratch.rglob("*"):
            if file.is_file():
                file.chmod(mode)
                sync(file)
        try:
            scratch.rename(target)
        except OSError:
            if not target.is_dir():  # otherwise another process made it, completely
                raise
        sync(target.parent)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _system_errors(path: Path) -> Iterator[None]:
    """Raise errors of the system as OSError, also those of packages in Rust (safetensors)."""
    try:
        yield
    except Exception as error:
        number = re.search(r"\(os error (\d+)\)", str(error))
        if number is None or isinstance(error, OSError):
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error


def write_text(path: Path, text: str) -> None:
    """Write a file atomically: a reader sees the old text or the new text."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file atomically: a reader sees the old bytes or the new bytes."""
    write_whole(path, lambda part: part.write_bytes(data))


def sync(path: Path) -> None:
    """Flush a file or a folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


REPORT_FOLDERS = ("figures", "tables")
"""The folders that a report writes beside ``report.html``."""


def write_whole(path: Path, write: Callable[[Path], object]) -> Path:
    """Call ``write`` with a temporary path, sync the file, and move it to ``path``, the result.

    The parent folder is created if needed. If ``write`` fails, an older ``path`` is unchanged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Writers choose a format by the suffix. The random name keeps a planted link from matching.
    part = path.with_name(f".{path.stem}.{secrets.token_hex(8)}.part{path.suffix}")
    try:
        write(part)
        sync(part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return path


def check_plain(path: Path) -> None:
    """Raise :class:`StoreError` if ``path`` is there, and is no regular file or folder."""
    with suppress(FileNotFoundError, NotADirectoryError):
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            raise StoreError(
                f"{path} is a symbolic link, which could make a sweep read, write or delete outside"
                " of its folder; remove it, or replace it by the file or folder that it points to"
            )
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise StoreError(f"{path} is a pipe, socket or device; allowed: a file or a folder")


def refuse_links(folder: Path, *names: str) -> None:
    """Raise :class:`StoreError` if one of ``names``, or a path below it, is not plain.

    A sweep's folder may come from another person. Reading, writing or deleting through a link in it
    would reach files outside of the sweep. The path to ``folder`` itself may have links, because
    the user chose it.
    """
    for root in (folder / name for name in names):
        check_plain(root)  # before it is listed
        for path in root.rglob("*"):
            check_plain(path)


def read_plain(path: Path, most: int | None = None) -> bytes:
    """The bytes of a regular file. Raises :class:`StoreError` for a link, a device, or ``most``."""
    check_plain(path)
    if most is not None and (size := path.stat().st_size) > most:
        raise StoreError(f"{path} has {size:,} bytes; allowed: at most {most:,}")
    return path.read_bytes()


def remove_empty(folders: Iterable[Path]) -> None:
    """Remove the folders that are empty, in the given order."""
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


POSSIBLE = "a path of at most 4000 characters, with names of at most 255 bytes, without NUL"
"""What :func:`is_possible` allows."""


def is_possible(path: str) -> bool:
    """Whether a file system can have a file or folder of this name."""
    try:
        parts = os.fsencode(path).split(b"/")
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return len(path) <= 4000 and not any(b"\0" in part or len(part) > 255 for part in parts)


def cache_root() -> Path:
    """``$PRUNESWEEP_CACHE`` if set, else ``prunesweep`` in the user's cache folder."""
    if explicit := os.environ.get("PRUNESWEEP_CACHE"):
        return Path(explicit)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "prunesweep"


def once(target: Path, make: Callable[[], None]) -> Path:
    """Return ``target``; call ``make`` first, which must create it atomically, if it is missing.

    If several processes call this at the same time, one runs ``make`` and the others wait. If that
    process dies or fails, the next one tries. On a file system without locks several processes may
    run ``make``, which wastes time but does no harm.
    """
    if not target.exists():
        with _lock_of(target):
            if not target.exists():
                make()
    return target


@contextmanager
def _lock_of(target: Path) -> Iterator[None]:
    """Hold the lock of a path. The system releases it when the process ends for any reason."""
    root = cache_root()
    root.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        with suppress(OSError):  # some network file systems have no locks
            file = held.enter_context((root / f".{fingerprint(str(target))}.lock").open("a"))
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def fingerprint(value: Any) -> str:
    """A short digest (16 hex digits) of a JSON value. The order of keys does not matter."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def file_digest(path: str | Path) -> str:
    """A short digest (16 hex digits) of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def tree_digest(path: str | Path) -> str:
    """A short digest (16 hex digits) of the names and bytes of a folder's files, or of one file."""
    root = Path(path)
    files = [root] if root.is_file() else sorted(f for f in root.rglob("*") if f.is_file())
    return fingerprint([(file.name, file_digest(file)) for file in files])


@contextmanager
def no_collector() -> Iterator[None]:
    """Disable the garbage collector while a large ledger is loaded.

    Loading creates a million objects that all stay alive, and every collection would visit them.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
