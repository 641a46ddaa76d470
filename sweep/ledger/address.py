"""An address in an object store, with as much of a ``Path`` as a sweep needs.

Stores are reached through fsspec. What goes wrong there is a :class:`~sweep.errors.StorageError`
with a sentence that says what to do; only "not there" and "there already" are the usual OSErrors,
and a package that is not installed is a :class:`~sweep.errors.UsageError`.
Credentials and endpoints are the store's own matter (AWS_..., GOOGLE_...), never an address's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sweep.errors import StorageError, UsageError
from sweep.ledger import analysis_storage as storage
from sweep.ledger.patience import patiently

Value = TypeVar("Value")

SCHEMES = ("s3", "s3a", "gs", "gcs")
"""Stores of which it is known that they create an object only where there is none."""


@dataclass(frozen=True, order=True)
class Address:
    """``url`` has no slash at its end."""

    url: str

    @classmethod
    def of(cls, text: str) -> Address:
        """Raises :class:`~sweep.errors.UsageError` for what is no address that a sweep can use."""
        scheme, _, rest = text.partition("://")
        if scheme not in SCHEMES:
            raise UsageError(
                f"a sweep is kept in a folder, at s3://bucket/... or gs://bucket/...; got {text}"
            )
        if not rest.strip("/"):
            raise UsageError(f"{text} names no bucket: {scheme}://bucket/prefix")
        try:
            return cls(str(storage.location(text)))
        except storage.BadAddress as error:
            raise UsageError(str(error)) from error

    def __str__(self) -> str:
        return self.url

    def __truediv__(self, name: str) -> Address:
        return Address(f"{self.url}/{name}")

    @property
    def name(self) -> str:
        """The last part."""
        return self.url.rpartition("/")[2]

    @property
    def parent(self) -> Address:
        """The address without its last part."""
        return Address(self.url.rpartition("/")[0])

    def read_bytes(self) -> bytes:
        """The object's bytes. FileNotFoundError where there is none."""
        return _whole(self, self._call(lambda: storage.read(self.url)))

    def names(self, patience: float = 0.0) -> list[str]:
        """The objects below, by their names relative to this address, sorted.

        ``patience``: for so many seconds what may pass (a store that is slow, or out of reach for a
        moment) is tried again.
        """
        return self._call(lambda: storage.names(self.url), patience)

    def read_all(self, names: Iterable[str], patience: float = 0.0) -> list[bytes] | None:
        """The bytes of several objects below; None where one of them is not there."""
        urls = [f"{self.url}/{name}" for name in names]
        return self._call(lambda: storage.read_all(urls), patience)

    def write_bytes(self, data: bytes, patience: float = 0.0) -> None:
        """Write the object whole, in place of what is there."""
        self._call(lambda: self._files.pipe_file(self.url, data), patience)

    def create(self, data: bytes, patience: float = 0.0) -> None:
        """Write the object where there is none: FileExistsError where there is.

        A try that the store heard but did not answer makes the next one find the object there: who
        tries must know its own.
        """
        self._call(lambda: self._files.pipe_file(self.url, data, mode="create"), patience)

    def upload(self, file: Path, patience: float = 0.0) -> None:
        """Write a file's bytes as this object; large files go in parts."""
        self._call(lambda: self._files.put_file(str(file), self.url), patience)

    def remove(self) -> None:
        """Delete the object, if there is one."""
        self.remove_all([""])

    def remove_all(self, names: Iterable[str]) -> None:
        """Delete objects below, as far as they are there; "" is this one itself."""
        urls = [f"{self.url}/{name}" if name else self.url for name in names]
        if urls:
            self._call(lambda: _gone(lambda: self._files.rm(urls)))

    def remove_tree(self) -> None:
        """Delete everything below."""
        self.remove_all(self.names())

    @property
    def _files(self) -> Any:
        return storage.open_store(self.url)

    def _call(self, do: Callable[[], Value], patience: float = 0.0) -> Value:
        try:
            return patiently(do, patience)
        except FileExistsError:
            raise
        except storage.MissingPackage as error:
            raise UsageError(str(error)) from error
        except Exception as error:  # each store has errors of its own
            if storage.code_of(error) in ("PreconditionFailed", "412"):  # older s3fs
                raise FileExistsError(f"{self} is there already") from error
            told = isinstance(error, OSError) and str(error).startswith(self.url)
            text = str(error) if told else str(storage.explain(error, self.url))
            raise StorageError(text) from error


def _whole(address: Address, content: bytes | None) -> bytes:
    if content is None:
        raise FileNotFoundError(f"{address}: there is no such object")
    return content


def _gone(remove: Callable[[], object]) -> None:
    try:
        remove()
    except FileNotFoundError as error:
        if not storage.is_absent(error):
            raise
