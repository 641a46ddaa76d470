"""The place of a sweep: a local folder or an address in an object store, with the same methods."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sweep.errors import UsageError
from sweep.ledger import files
from sweep.ledger.store_errors import StoreError
from sweep.ledger.store_objects import RETRY_SECONDS, ObjectStore


@dataclass(frozen=True, order=True)
class Folder:
    """A local folder or file. :class:`ObjectStore` has the same methods.

    All methods raise :class:`~sweep.ledger.store_errors.StoreError` (a StorageError, exit code 6,
    and an OSError) with a message for the user; only :meth:`create` raises ``FileExistsError``.
    ``retry_seconds``: how long to retry if an object store is temporarily unreachable.
    """

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def __truediv__(self, name: str) -> Folder:
        return Folder(self.path / name)

    @property
    def name(self) -> str:
        """The last part of the path or address."""
        return self.path.name

    @property
    def parent(self) -> Folder:
        """The parent folder."""
        return Folder(self.path.parent)

    @property
    def local(self) -> Path:
        """The local path; None in an object store."""
        return self.path

    def absolute(self) -> Folder:
        """The same place, valid in any working directory."""
        return Folder(self.path.resolve())

    def read_bytes(self, most: int | None = None) -> bytes | None:
        """The bytes of a file, or None if it does not exist.

        A file that has more than ``most`` bytes, a symbolic link or a device is a StoreError.
        """
        with errors_of("read", self.path), suppress(FileNotFoundError):
            return files.read_plain(self.path, most)
        return None

    def read_all(self, names: Sequence[str]) -> list[bytes] | None:
        """The bytes of several files in this folder, or None if one of them does not exist."""
        found = [data for name in names if (data := (self / name).read_bytes()) is not None]
        return found if len(found) == len(names) else None

    def names(self) -> list[str]:
        """The relative paths of all files below, sorted; [] if the folder does not exist."""
        found = [Path(above, name) for above, _, files in os.walk(self.path) for name in files]
        return sorted(file.relative_to(self.path).as_posix() for file in found)

    def children(self, retry_seconds: float = 0.0) -> list[str]:
        """The names of the files and folders directly in this folder, sorted."""
        try:
            return sorted(os.listdir(self.path))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def write_bytes(self, data: bytes, retry_seconds: float = RETRY_SECONDS) -> None:
        """Write a file atomically: a reader sees the old bytes or the new bytes."""
        with errors_of("write", self.path):
            files.write_bytes(self.path, data)

    def create(self, data: bytes, retry_seconds: float = RETRY_SECONDS) -> None:
        """Create a file in an existing folder. Raises FileExistsError if the file exists."""
        if not self.path.parent.is_dir():
            raise StoreError(
                f"there is no folder {self.path.parent}; on a cluster it must be shared, and "
                "mounted at the same path on every node"
            )
        wrapped = errors_of("write to", self.path.parent, FileExistsError)
        with wrapped, open(self.path, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def remove(self) -> None:
        """Delete a file or an empty folder, if it exists."""
        with errors_of("delete", self.path), suppress(FileNotFoundError, NotADirectoryError):
            if self.path.is_dir() and not self.path.is_symlink():
                files.remove_empty([self.path])
            else:
                self.path.unlink()

    def remove_all(self, names: Iterable[str]) -> None:
        """Delete several files in this folder, if they exist."""
        for name in names:
            (self / name).remove()

    def remove_tree(self) -> None:
        """Delete everything below, and ignore errors: leftover files do no harm."""
        shutil.rmtree(self.path, ignore_errors=True)

    def make(self) -> list[Path]:
        """Create the folder. Returns the folders that were created, innermost first."""
        made = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
        with errors_of("write to", self.path):
            try:
                self.path.mkdir(parents=True, exist_ok=True)
            except OSError:
                files.remove_empty(made)
                raise
        return made

    @contextmanager
    def replacing(self, last: str) -> Iterator[Path]:
        """Yield a new folder that replaces this one if the block ends without an error.

        A reader that finds the file ``last`` finds all other files too. It must check itself that
        they belong together.
        """
        self.remove_tree()
        with files.new_folder(self.path) as scratch:
            yield scratch

    @contextmanager
    def writing(self) -> Iterator[Path]:
        """Yield a local folder. The files written into it are stored here when the block ends."""
        with errors_of("write results into", self.path):
            yield self.path

    @contextmanager
    def reading(self, names: Sequence[str]) -> Iterator[Path | None]:
        """Yield a local folder with these files, or None if one of them does not exist."""
        yield self.path if all((self.path / name).is_file() for name in names) else None


Store = Folder | ObjectStore
"""Code that receives a store does not ask which kind it is."""


def store_at(where: str | Path | Store, *, to_write: bool = True) -> Store:
    """The store that a user names: an object store if the text has ``://``, else a folder.

    ``to_write``: allow only stores that can hold a sweep; else any store that fsspec can read.
    Raises :class:`~sweep.errors.UsageError` for a path or an address that is not allowed.
    """
    if isinstance(where, str) and "://" in where:
        return ObjectStore.at(where, to_write=to_write)
    if isinstance(where, str | os.PathLike) and not files.is_possible(os.fspath(where)):
        raise UsageError(
            f"{os.fspath(where)[:80]!r} cannot be the name of a folder; allowed: {files.POSSIBLE}"
        )
    return Folder(Path(where)) if isinstance(where, str | os.PathLike) else where


def read_text(store: Store) -> str | None:
    """The text of a file, or None if it does not exist. UsageError if it is not UTF-8 text."""
    data = store.read_bytes()
    try:
        return None if data is None else data.decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"{store} is not UTF-8 text: {error}") from None


@contextmanager
def errors_of(action: str, path: Path, but: type[OSError] | tuple[()] = ()) -> Iterator[None]:
    """Raise errors of the system, except ``but``, as a :class:`StoreError`."""
    try:
        yield
    except but:
        raise
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(f"cannot {action} {path}: {error.strerror or error}") from error
