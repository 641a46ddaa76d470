"""Where a sweep's files are: a folder here, or an address in an object store (s3://, gs://, ...).

Object stores are read through fsspec, which is imported when an address is given.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

# What fsspec needs for the stores that people use; it says itself what others need.
_PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs"}


class MissingPackage(ImportError):
    """A package that reads this kind of store is not installed; the message says which."""


def is_address(path: str | Path) -> bool:
    """Whether ``path`` is an address of a store, and no path of this machine.

    >>> is_address("s3://bucket/sweeps/digits"), is_address("results/digits")
    (True, False)
    """
    return "://" in str(path)


def location(path: str | Path) -> str | Path:
    """``path`` as it is kept: an address as text without a slash at its end, else a ``Path``.

    >>> location("gs://bucket/digits/")
    'gs://bucket/digits'
    """
    # A Path would make one slash of two.
    return str(path).rstrip("/") if is_address(path) else Path(path)


def parent(place: str | Path) -> str | Path:
    """The folder of a file."""
    return place.parent if isinstance(place, Path) else place.rpartition("/")[0]


def last_name(place: str | Path) -> str:
    """The last part of a folder's name."""
    return place.resolve().name if isinstance(place, Path) else place.rpartition("/")[2]


def read(address: str) -> bytes | None:
    """The bytes of the file at an address; None where there is none.

    Raises :class:`MissingPackage` where the store's package is not installed, ``OSError`` for a
    store that cannot be reached or a file that cannot be read.
    """
    scheme = address.partition("://")[0]
    files = _open_store(scheme, address)
    try:
        content: bytes = files.cat_file(address)
    except (FileNotFoundError, IsADirectoryError):
        return None
    except OSError:
        raise
    except Exception as error:  # each store has errors of its own
        raise OSError(f"{address}: cannot be read ({error or type(error).__name__})") from error
    return content


def _open_store(scheme: str, address: str) -> Any:
    package = _PACKAGES.get(scheme)
    try:
        import fsspec

        return fsspec.filesystem(scheme)
    except ImportError as error:
        needed = f"fsspec {package}" if package else "fsspec"
        detail = "" if package else f" ({error})"
        raise MissingPackage(
            f"{address}: to read {scheme}:// addresses, pip install {needed}{detail}"
        ) from error
    except ValueError as error:
        raise OSError(f"{address}: {scheme}:// is no kind of address that fsspec knows") from error
