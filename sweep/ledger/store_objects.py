"""Object stores (s3://, gs://, ...), read and written through fsspec.

fsspec is imported at the first request. Credentials and endpoints come from the environment
(AWS_..., GOOGLE_...), never from an address.
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
    as_store_error,
    is_absent,
    is_present,
    retry,
)
from sweep.printable import has_password

Value = TypeVar("Value")

SCHEMES = ("s3", "s3a", "gs", "gcs")
"""Stores that are known to support conditional create (create only if there is no object)."""

RETRY_SECONDS = 60.0
"""Seconds for which writes of results are retried if the store is temporarily unreachable."""

# The packages that fsspec needs for common stores, and our extras that install them. For other
# stores, the error message of fsspec names the package.
_PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs"}
_EXTRAS = {"s3fs": "s3", "gcsfs": "gcs"}

# For fsspec, an address with one of these characters is a pattern: some of its calls would read or
# delete all objects that match it.
_PATTERN = re.compile(r"[*?\[]")

# With these limits a wrong endpoint is reported within half a minute; s3fs also retries itself.
_S3 = {"config_kwargs": {"connect_timeout": 5, "read_timeout": 30, "retries": {"max_attempts": 1}}}
_SETTINGS: dict[str, dict[str, Any]] = {"s3": _S3, "s3a": _S3}


@dataclass(frozen=True, order=True)
class ObjectStore:
    """An address in an object store: an object, or all objects below the address.

    ``url`` has no slash at its end. The methods are those of
    :class:`~sweep.ledger.store.Folder`; the docstrings here describe only differences.
    """

    url: str

    @classmethod
    def at(cls, text: str, *, to_write: bool = True) -> ObjectStore:
        """The store at an address that a user names.

        ``to_write``: allow only stores with conditional create, which keeps two drivers apart.
        Raises :class:`~sweep.errors.UsageError` for another store, :class:`BadAddress` (a
        UsageError) for a pattern.
        """
        scheme, _, rest = text.partition("://")
        bucket = rest.partition("/")[0]
        if has_password(text) or (scheme in SCHEMES and set("@:") & set(bucket)):
            raise UsageError(
                f"an address {scheme}://... must have no user and no password, because it is "
                "printed and saved; the store's package reads them from the environment"
            )
        if to_write and scheme not in SCHEMES:
            raise UsageError(
                f"a sweep must be in a folder, at s3://bucket/... or at gs://bucket/...; got {text}"
            )
        if to_write and not rest.strip("/"):
            raise UsageError(f"{text} names no bucket; write {scheme}://bucket/prefix")
        if found := _PATTERN.search(text):
            raise BadAddress(
                f"{text}: an address must have no {found[0]!r}, which would make it a pattern"
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
        """The same address: it does not depend on the working directory."""
        return self

    def read_bytes(self, most: int | None = None) -> bytes | None:
        nothing: bytes | None = None
        if most is not None:
            size = self._call(lambda: _if_there(lambda: self._files.size(self.url), 0)) or 0
            if size > most:
                raise StoreError(f"{self} has {size:,} bytes; allowed: at most {most:,}")
        return self._call(lambda: _if_there(lambda: self._files.cat_file(self.url), nothing))

    def names(self, retry_seconds: float = 0.0) -> list[str]:
        root = self._files._strip_protocol(self.url)
        none: list[str] = []
        found = self._call(lambda: _if_there(lambda: self._files.find(root), none), retry_seconds)
        return sorted(name[len(root) + 1 :] for name in found if name.startswith(f"{root}/"))

    def children(self, retry_seconds: float = 0.0) -> list[str]:
        return sorted({name.partition("/")[0] for name in self.names(retry_seconds)})

    def read_all(self, names: Sequence[str], retry_seconds: float = 0.0) -> list[bytes] | None:
        urls = [f"{self.url}/{name}" for name in names]
        return self._call(lambda: self._read_together(urls), retry_seconds) if urls else []

    def write_bytes(self, data: bytes, retry_seconds: float = RETRY_SECONDS) -> None:
        self._call(lambda: self._files.pipe_file(self.url, data), retry_seconds)

    def create(self, data: bytes, retry_seconds: float = RETRY_SECONDS) -> None:
        """Create the object. Raises FileExistsError if it exists.

        If the answer to a successful try is lost, the next try finds the object there. The caller
        must recognize its own object.
        """
        self._call(lambda: self._files.pipe_file(self.url, data, mode="create"), retry_seconds)

    def remove(self) -> None:
        self.remove_all([""])

    def remove_all(self, names: Iterable[str]) -> None:
        """Delete objects below this address, if they exist; "" is this object itself."""
        urls = [f"{self.url}/{name}" if name else self.url for name in names]
        if urls:
            self._call(lambda: _if_there(lambda: self._files.rm(urls), None))

    def remove_tree(self) -> None:
        with suppress(StorageError):
            self.remove_all(self.names())

    @contextmanager
    def replacing(self, last: str) -> Iterator[Path]:
        """Yield a local folder. Its files replace the objects below this address.

        The file ``last`` is deleted first and written last: without it, the others are incomplete.
        """
        (self / last).remove()
        with self.writing(last) as scratch:
            yield scratch

    @contextmanager
    def writing(self, last: str | None = None) -> Iterator[Path]:
        """The file ``last`` is uploaded after all others."""
        with tempfile.TemporaryDirectory(prefix="prunesweep-") as scratch:
            yield Path(scratch)
            files = [file for file in Path(scratch).rglob("*") if file.is_file()]
            for file in sorted(files, key=lambda file: (file.name == last, file)):
                url = f"{self.url}/{file.relative_to(scratch)}"
                put = partial(self._files.put_file, str(file), url)
                self._call(put, RETRY_SECONDS)  # in parts, if the file is large

    @contextmanager
    def reading(self, names: Sequence[str]) -> Iterator[Path | None]:
        contents = self.read_all(names, RETRY_SECONDS)
        if contents is None:
            yield None
            return
        with tempfile.TemporaryDirectory(prefix="prunesweep-") as scratch:
            for name, content in zip(names, contents, strict=True):
                (Path(scratch) / name).write_bytes(content)
            yield Path(scratch)

    def make(self) -> list[Path]:
        return []

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

    def _call(self, do: Callable[[], Value], retry_seconds: float = 0.0) -> Value:
        try:
            return retry(do, retry_seconds)
        except MissingPackage:
            raise
        except Exception as error:  # each store has its own error types
            if is_present(error):
                raise FileExistsError(f"{self} already exists") from error
            raise as_store_error(error, self.url) from error


def package_of(address: str) -> str | None:
    """The package that an address needs besides fsspec, if known; None for a path.

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
    """The fsspec file system of an address, without a cache of listings."""
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
        raise StoreError(f"{url}: fsspec does not support {scheme}:// addresses") from error
