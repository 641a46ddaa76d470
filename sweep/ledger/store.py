"""A place is a folder or file (``Path``), or an :class:`~sweep.ledger.address.Address`."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sweep.errors import StorageError
from sweep.ledger.address import Address
from sweep.ledger.files import write_text as write_file

Place = Path | Address

PATIENCE = 60.0
"""Seconds for which results are written again where the store is out of reach for a moment."""


def place(text: str | Path | Address) -> Place:
    """The place that a user names: an address where it has ``://`` in it.

    Raises :class:`~sweep.errors.UsageError` for an address that a sweep cannot use.
    """
    if isinstance(text, str) and "://" in text:
        return Address.of(text)
    return Path(text) if isinstance(text, str) else text


def absolute(where: Place) -> Place:
    """The same place for a process that stands elsewhere."""
    return where.resolve() if isinstance(where, Path) else where


def read_text(where: Place) -> str | None:
    """The text at a place; None where there is none. StorageError where it cannot be read."""
    try:
        return where.read_bytes().decode()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(f"cannot read {where}: {error.strerror or error}") from error


def write_text(where: Place, text: str) -> None:
    """Write a text whole. StorageError where it cannot be written."""
    if isinstance(where, Address):
        where.write_bytes(text.encode(), PATIENCE)
        return
    try:
        write_file(where, text)
    except OSError as error:
        raise StorageError(f"cannot write {where}: {error.strerror or error}") from error


def remove_tree(where: Place) -> None:
    """Delete all that is there, as far as that can be done."""
    if isinstance(where, Path):
        shutil.rmtree(where, ignore_errors=True)
        return
    try:
        where.remove_tree()
    except StorageError:  # as on a disk: what is left takes room, and does no harm
        return


@contextmanager
def writing(where: Place) -> Iterator[Path]:
    """A folder to write files into, which are at the place when the block has ended.

    The place itself where it is a folder; else one that is uploaded. StorageError where it cannot.
    """
    if isinstance(where, Path):
        yield where
        return
    with tempfile.TemporaryDirectory(prefix="prunesweep-") as scratch:
        yield Path(scratch)
        upload_folder(Path(scratch), where)


def upload_folder(folder: Path, where: Address, last: str | None = None) -> None:
    """Upload all files of a folder, that named ``last`` after all others."""
    files = [str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()]
    for name in sorted(files, key=lambda name: (name == last, name)):
        (where / name).upload(folder / name, PATIENCE)
