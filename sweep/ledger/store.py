"""Where a sweep is: a folder on this machine or an address in an object store, used alike."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sweep.ledger import files
from sweep.ledger.store_errors import StoreError
from sweep.ledger.store_objects import PATIENCE, ObjectStore


@dataclass(frozen=True, order=True)
class Folder:
    """A folder on this machine, or a file in one; a store's objects have the same methods.

    Where something goes wrong, every method raises :class:`~sweep.ledger.store_errors.StoreError`
    (a StorageError, exit code 6, and an OSError) with a sentence that says what to do;
    ``FileNotFoundError`` and ``FileExistsError`` only where that is said below.
    ``patience``: for so many seconds, a store that is out of reach for a moment is tried again.
    """

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def __truediv__(self, name: str) -> Folder:
        return Folder(self.path / name)

    @property
    def name(self) -> str:
        """The last part of its path or address."""
        return self.path.name

    @property
    def parent(self) -> Folder:
        """The folder that it lies in."""
        return Folder(self.path.parent)

    @property
    def local(self) -> Path:
        """Its path; None of what is not on this machine."""
        return self.path

    def absolute(self) -> Folder:
        """The same place for a process that stands elsewhere."""
        return Folder(self.path.resolve())

    def read_bytes(self) -> bytes:
        """The bytes of a file. FileNotFoundError where there is none."""
        with _told("read", self.path, FileNotFoundError):
            return self.path.read_bytes()

    def read_all(self, names: Iterable[str]) -> list[bytes] | None:
        """The bytes of several files below; None where one of them is not there."""
        try:
            return [(self / name).read_bytes() for name in names]
        except FileNotFoundError:
            return None

    def names(self) -> list[str]:
        """All files below, by their names relative to this place, sorted; none where it is not."""
        found = [Path(above, name) for above, _, files in os.walk(self.path) for name in files]
        return sorted(file.relative_to(self.path).as_posix() for file in found)

    def children(self, patience: float = 0.0) -> list[str]:
        """The names of what lies directly below, sorted."""
        try:
            return sorted(os.listdir(self.path))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def write_bytes(self, data: bytes, patience: float = PATIENCE) -> None:
        """Write a file whole: a reader sees the old bytes or the new ones."""
        with _told("write", self.path):
            files.write_bytes(self.path, data)

    def create(self, data: bytes, patience: float = PATIENCE) -> None:
        """Write a file where there is none, in a folder that is there: else FileExistsError."""
        if not self.path.parent.is_dir():
            raise StoreError(
                f"there is no folder {self.path.parent}; on a cluster it must be shared, and "
                "mounted at the same path on every node"
            )
        try:
            with open(self.path, "xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except FileExistsError:
            raise
        except OSError as error:
            reason = error.strerror or error
            raise StoreError(f"{self.path.parent} cannot be written: {reason}") from error

    def remove(self) -> None:
        """Delete a file, or a folder that is empty, as far as it is there."""
        with _told("delete", self.path), suppress(FileNotFoundError, NotADirectoryError):
            if self.path.is_dir() and not self.path.is_symlink():
                files.remove_empty([self.path])
            else:
                self.path.unlink()

    def remove_all(self, names: Iterable[str]) -> None:
        """Delete several files below, as far as they are there."""
        for name in names:
            (self / name).remove()

    def remove_tree(self) -> None:
        """Delete all that is there, as far as that can be done: what is left does no harm."""
        shutil.rmtree(self.path, ignore_errors=True)

    def make(self) -> list[Path]:
        """Make the folder; returns the folders that were made for it, innermost first."""
        made = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            files.remove_empty(made)
            raise StoreError(f"{self.path} cannot be written: {error.strerror or error}") from error
        return made

    @contextmanager
    def replacing(self, last: str) -> Iterator[Path]:
        """A new folder, which takes the place of this one when the block ends without an error.

        A reader that finds the file ``last`` finds all others; whether they belong together it must
        check itself.
        """
        self.remove_tree()
        with files.new_folder(self.path) as scratch:
            yield scratch

    @contextmanager
    def writing(self) -> Iterator[Path]:
        """A folder on this machine to write files into, which are here when the block has ended."""
        yield self.path

    @contextmanager
    def reading(self, names: Sequence[str]) -> Iterator[Path | None]:
        """A folder on this machine that has these files; None where one of them is not there."""
        yield self.path if all((self.path / name).is_file() for name in names) else None


Store = Folder | ObjectStore
"""Whoever is given one does not ask which it is."""


def store_at(where: str | Path | Store, *, to_write: bool = True) -> Store:
    """The store that a user names: an object store where the text has ``://`` in it, else a folder.

    ``to_write``: one that a sweep can be kept in; else any that fsspec can read. Raises
    :class:`~sweep.errors.UsageError` for an address of no use.
    """
    if isinstance(where, str) and "://" in where:
        return ObjectStore.at(where, to_write=to_write)
    return Folder(Path(where)) if isinstance(where, str | os.PathLike) else where


def read_text(store: Store) -> str | None:
    """The text of a file; None where there is none."""
    try:
        return store.read_bytes().decode()
    except FileNotFoundError:
        return None


@contextmanager
def _told(what: str, path: Path, but: type[OSError] | tuple[()] = ()) -> Iterator[None]:
    """An error of the system, ``but`` this one, as a sentence."""
    try:
        yield
    except but:
        raise
    except OSError as error:
        raise StoreError(f"cannot {what} {path}: {error.strerror or error}") from error
