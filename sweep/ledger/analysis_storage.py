"""Where a sweep's files are: a folder here, or an address in an object store (s3://, gs://, ...).

Object stores are read through fsspec, which is imported when an address is given.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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

_S3_KEYS = (
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the machine a role"
)
_GS_KEYS = "set GOOGLE_APPLICATION_CREDENTIALS, or give the machine a service account"
_WHENCE = {"s3": _S3_KEYS, "s3a": _S3_KEYS, "gs": _GS_KEYS, "gcs": _GS_KEYS}
_ANYWHERE = "set those that the store's package looks for"


class MissingPackage(ImportError):
    """A package that reads this kind of store is not installed; the message says which."""


class BadAddress(ValueError):
    """An address that no sweep can be kept at."""


def is_address(path: str | Path) -> bool:
    """Whether ``path`` is an address of a store, and no path of this machine.

    >>> is_address("s3://bucket/sweeps/digits"), is_address("results/digits")
    (True, False)
    """
    return "://" in str(path)


def location(path: str | Path) -> str | Path:
    """``path`` as it is kept: an address as text without a slash at its end, else a ``Path``.

    Raises :class:`BadAddress` for one that is a pattern.

    >>> location("gs://bucket/digits/")
    'gs://bucket/digits'
    """
    if not is_address(path):
        return Path(path)
    if found := _PATTERN.search(str(path)):
        raise BadAddress(
            f"{path}: an address may not hold {found[0]!r}, which makes it a pattern for others"
        )
    return str(path).rstrip("/")  # a Path would make one slash of two


def package_of(address: str) -> str | None:
    """What an address needs installed beside fsspec, as far as that is known.

    >>> package_of("s3://bucket/digits"), package_of("results/digits")
    ('s3fs', None)
    """
    return _PACKAGES.get(address.partition("://")[0]) if is_address(address) else None


def parent(place: str | Path) -> str | Path:
    """The folder of a file."""
    return place.parent if isinstance(place, Path) else place.rpartition("/")[0]


def last_name(place: str | Path) -> str:
    """The last part of a folder's name."""
    return place.resolve().name if isinstance(place, Path) else place.rpartition("/")[2]


def read(address: str) -> bytes | None:
    """The bytes of the file at an address; None where there is none.

    Raises :class:`MissingPackage` where the store's package is not installed, ``OSError`` for a
    store that cannot be reached, a bucket that is not there or a file that cannot be read.
    """
    files = open_store(address)
    try:
        content: bytes = files.cat_file(address)
    except Exception as error:  # each store has errors of its own
        if is_absent(error):
            return None
        raise explain(error, address) from error
    return content


def read_all(addresses: Sequence[str]) -> list[bytes] | None:
    """The bytes of several files of one store, read side by side; None where one is not there.

    Raises as :func:`read` does.
    """
    if not addresses:
        return []
    files = open_store(addresses[0])
    try:
        found = files.cat(list(addresses), on_error="return")
    except Exception as error:
        raise explain(error, addresses[0]) from error
    contents = [found[files._strip_protocol(address)] for address in addresses]
    for content in contents:
        if isinstance(content, Exception):
            if is_absent(content):
                return None
            raise explain(content, addresses[0]) from content
    return contents


def names(address: str) -> list[str]:
    """The files below an address, by their names relative to it, sorted; none where it is not.

    Raises as :func:`read` does.
    """
    files = open_store(address)
    root = files._strip_protocol(address)
    try:
        found = files.find(root)
    except Exception as error:
        if is_absent(error):
            return []
        raise explain(error, address) from error
    return sorted(name[len(root) + 1 :] for name in found if name.startswith(f"{root}/"))


def open_store(address: str) -> Any:
    """The fsspec file system of an address, whose listings are never taken from a cache.

    Raises :class:`MissingPackage`, and ``OSError`` for an address of no known kind.
    """
    scheme = address.partition("://")[0]
    package = package_of(address)
    try:
        import fsspec

        return fsspec.filesystem(scheme, use_listings_cache=False, **_SETTINGS.get(scheme, {}))
    except ImportError as error:
        how = f"pip install 'prunesweep[{_EXTRAS[package]}]'" if package else f"{error}"
        raise MissingPackage(
            f"{address}: {scheme}:// addresses need {package or 'fsspec'}, which is not installed: "
            f"{how}"
        ) from error
    except ValueError as error:
        raise OSError(f"{address}: {scheme}:// is no kind of address that fsspec knows") from error


def is_absent(error: BaseException) -> bool:
    """Whether an error only says that a file is not there, in a bucket that is."""
    missing = isinstance(error, FileNotFoundError | IsADirectoryError)
    return missing and code_of(error) != "NoSuchBucket"


def code_of(error: BaseException) -> str:
    """The store's own code for an error ("AccessDenied", "SlowDown"), "" where it gave none."""
    for one in (error, error.__cause__):
        response = getattr(one, "response", None)
        if isinstance(response, dict):
            return str(response.get("Error", {}).get("Code", ""))
    return ""


def explain(error: BaseException, address: str) -> OSError:
    """An error of a store as a sentence that says what to do."""
    kind, code = type(error).__name__, code_of(error)
    scheme, _, rest = address.partition("://")
    bucket = rest.partition("/")[0]
    text = " ".join(str(error).split()) or kind
    if "Credential" in kind and "Partial" not in kind:
        return OSError(f"{address}: no credentials were found; {_WHENCE.get(scheme, _ANYWHERE)}")
    if code == "NoSuchBucket" or isinstance(error, FileNotFoundError):
        return OSError(f"{address}: there is no bucket {bucket!r}; make it, or name another")
    if isinstance(error, PermissionError) or code in ("401", "403") or "Forbidden" in text:
        said = f"{code}: {text}" if code and code not in text else text
        return PermissionError(
            f"{address}: the store refused ({said}); check the credentials, and that they may "
            f"list, read, write and delete there"
        )
    if "Connect" in kind or "Timeout" in kind:
        return OSError(
            f"{address}: the store cannot be reached ({text}); check the network, and the endpoint "
            "where one is set (AWS_ENDPOINT_URL)"
        )
    return OSError(f"{address}: the store gave an error ({text})")
