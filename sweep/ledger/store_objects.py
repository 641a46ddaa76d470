"""Object stores (s3://, gs://, ...), read and written through fsspec.

fsspec is imported when a store is asked. Credentials and endpoints are the store's own matter
(AWS_..., GOOGLE_...), never an address's.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sweep.errors import StorageError, UsageError
from sweep.ledger.store_errors import (
    BadAddress,
    MissingPackage,
    StoreError,
    explained,
    is_absent,
    is_present,
    retry,
)

Value = TypeVar("Value")

SCHEMES = ("s3", "s3a", "gs", "gcs")
"""Stores of which it is known that they create an object only where there is none."""

PATIENCE = 60.0
"""Seconds for which results are written again where the store is out of reach for a moment."""

# What fsspec needs for the stores that people use, and the extra of ours that brings it; it says
# itself what others need.
_PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs"}
_EXTRAS = {"s3fs": "s3", "gcsfs": "gcs"}

# To fsspec, an address with one of these is a pattern that stands for others: some of its calls
# would read, and delete, what that finds.
_PATTERN = re.compile(r"[*?\[]")

# Seconds and tries that let a wrong endpoint be told within half a minute; s3fs tries again itself.
_S3 = {"config_kwargs": {"connect_timeout": 5, "read_timeout": 30, "retries": {"max_attempts": 1}}}
_SETTINGS: dict[str, dict[str, Any]] = {"s3": _S3, "s3a": _S3}


@dataclass(frozen=True, order=True)
class ObjectStore:
    """An address in an object store: an object, or all that lie below.

    ``url`` has no slash at its end. The methods are those of
    :class:`~sweep.ledger.store.Folder`; here is told what is another's matter in a store.
    """

    url: str

    @classmethod
    def at(cls, text: str, *, to_write: bool = True) -> ObjectStore:
        """The store at an address that a user names.

        ``to_write``: one that creates an object only where there is none, else two drivers could
        not be told apart there: :class:`~sweep.errors.UsageError` for another. A pattern is
        refused too, else with :class:`BadAddress`.
        """
        scheme, _, rest = text.partition("://")
        if to_write and scheme not in SCHEMES:
            raise UsageError(
                f"a sweep is kept in a folder, at s3://bucket/... or gs://bucket/...; got {text}"
            )
        if to_write and not rest.strip("/"):
            raise UsageError(f"{text} names no bucket: {scheme}://bucket/prefix")
        if found := _PATTERN.search(text):
            refused = UsageError if to_write else BadAddress
            raise refused(
                f"{text}: an address may not hold {found[0]!r}, which makes it a pattern for others"
            )
        return cls(text.rstrip("/"))

    def __str__(self) -> str:
        return self.url

    def __truediv__(self, name: str) -> ObjectStore:
        return ObjectStore(f"{self.url}/{name}")

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]

    @property
    def parent(self) -> ObjectStore:
        return ObjectStore(self.url.rpartition("/")[0])

    @property
    def local(self) -> None:
        return None

    def absolute(self) -> ObjectStore:
        """The same address: it means the same everywhere."""
        return self

    def read_bytes(self) -> bytes:
        content = self._call(lambda: _if_there(lambda: self._files.cat_file(self.url), None))
        if content is None:
            raise FileNotFoundError(f"{self}: there is no such object")
        return bytes(content)

    def names(self, patience: float = 0.0) -> list[str]:
        root = self._files._strip_protocol(self.url)
        none: list[str] = []
        found = self._call(lambda: _if_there(lambda: self._files.find(root), none), patience)
        return sorted(name[len(root) + 1 :] for name in found if name.startswith(f"{root}/"))

    def children(self, patience: float = 0.0) -> list[str]:
        return sorted({name.partition("/")[0] for name in self.names(patience)})

    def read_all(self, names: Iterable[str], patience: float = 0.0) -> list[bytes] | None:
        urls = [f"{self.url}/{name}" for name in names]
        return self._call(lambda: self._read_together(urls), patience) if urls else []

    def write_bytes(self, data: bytes, patience: float = PATIENCE) -> None:
        self._call(lambda: self._files.pipe_file(self.url, data), patience)

    def create(self, data: bytes, patience: float = PATIENCE) -> None:
        """Write the object where there is none: FileExistsError where there is.

        A try that the store heard but did not answer makes the next one find the object there: who
        tries must know its own.
        """
        self._call(lambda: self._files.pipe_file(self.url, data, mode="create"), patience)

    def remove(self) -> None:
        self.remove_all([""])

    def remove_all(self, names: Iterable[str]) -> None:
        """Delete objects below, as far as they are there; "" is this one itself."""
        urls = [f"{self.url}/{name}" if name else self.url for name in names]
        if urls:
            self._call(lambda: _if_there(lambda: self._files.rm(urls), None))

    def remove_tree(self) -> None:
        with suppress(StorageError):
            self.remove_all(self.names())

    @contextmanager
    def replacing(self, last: str) -> Iterator[Path]:
        """A new folder whose files are all that is below this address when the block has ended.

        The file ``last`` goes first and comes last: while it is not there, nothing is whole.
        """
        (self / last).remove()
        with tempfile.TemporaryDirectory(prefix="prunesweep-") as scratch:
            yield Path(scratch)
            self._upload(Path(scratch), last)

    @contextmanager
    def writing(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="prunesweep-") as scratch:
            yield Path(scratch)
            self._upload(Path(scratch))

    @contextmanager
    def reading(self, names: Sequence[str]) -> Iterator[Path | None]:
        contents = self.read_all(names, PATIENCE)
        if contents is None:
            yield None
            return
        with tempfile.TemporaryDirectory(prefix="prunesweep-") as scratch:
            for name, content in zip(names, contents, strict=True):
                (Path(scratch) / name).write_bytes(content)
            yield Path(scratch)

    def make(self) -> list[Path]:
        return []

    def _upload(self, folder: Path, last: str | None = None) -> None:
        """Upload all files of a folder, that named ``last`` after all others."""
        files = [str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()]
        for name in sorted(files, key=lambda name: (name == last, name)):
            put = partial(self._files.put_file, str(folder / name), f"{self.url}/{name}")
            self._call(put, PATIENCE)  # a large one goes in parts

    def _read_together(self, urls: list[str]) -> list[bytes] | None:
        files = self._files
        found = files.cat(urls, on_error="return")
        contents = [found[files._strip_protocol(url)] for url in urls]
        for content in contents:
            if isinstance(content, Exception):
                if is_absent(content):
                    return None
                raise content
        return contents

    @property
    def _files(self) -> Any:
        return _file_system(self.url)

    def _call(self, do: Callable[[], Value], patience: float = 0.0) -> Value:
        try:
            return retry(do, patience)
        except MissingPackage:
            raise
        except Exception as error:  # each store has errors of its own
            if is_present(error):
                raise FileExistsError(f"{self} is there already") from error
            raise explained(error, self.url) from error


def package_of(address: str) -> str | None:
    """What an address needs installed beside fsspec, as far as that is known; None for a path.

    >>> package_of("s3://bucket/digits"), package_of("results/digits")
    ('s3fs', None)
    """
    scheme, is_address, _ = address.partition("://")
    return _PACKAGES.get(scheme) if is_address else None


def _if_there(do: Callable[[], Value], otherwise: Value) -> Value:
    try:
        return do()
    except Exception as error:
        if is_absent(error):
            return otherwise
        raise


def _file_system(url: str) -> Any:
    """The fsspec file system of an address, whose listings are never taken from a cache."""
    scheme = url.partition("://")[0]
    package = package_of(url)
    try:
        import fsspec

        return fsspec.filesystem(scheme, use_listings_cache=False, **_SETTINGS.get(scheme, {}))
    except ImportError as error:
        how = f"pip install 'prunesweep[{_EXTRAS[package]}]'" if package else f"{error}"
        raise MissingPackage(
            f"{url}: {scheme}:// addresses need {package or 'fsspec'}, which is not installed: "
            f"{how}"
        ) from error
    except ValueError as error:
        raise StoreError(f"{url}: {scheme}:// is no kind of address that fsspec knows") from error
