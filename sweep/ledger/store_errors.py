"""What goes wrong with a store: which errors pass in a moment, and in which words others are told.

Each store has errors of its own. What leaves :mod:`sweep.ledger.store` is a :class:`StoreError`, or
the usual ``FileNotFoundError`` or ``FileExistsError`` where a file is not there, or there already.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from sweep.errors import StorageError, UsageError

Value = TypeVar("Value")

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
"""Seconds between two tries: at first, and at most."""

PASSING = (
    "409",
    "429",
    "500",
    "502",
    "503",
    "ConditionalRequestConflict",
    "InternalError",
    "OperationAborted",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
)
"""Codes of stores for errors that may be gone in a moment."""

KINDS = ("Timeout", "Connection", "Connect", "HTTPClientError", "ClientError", "Disconnected")
"""Words in the names of errors of the network."""

_S3_KEYS = (
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the machine a role"
)
_GS_KEYS = "set GOOGLE_APPLICATION_CREDENTIALS, or give the machine a service account"
_WHENCE = {"s3": _S3_KEYS, "s3a": _S3_KEYS, "gs": _GS_KEYS, "gcs": _GS_KEYS}
_ANYWHERE = "set those that the store's package looks for"


class StoreError(StorageError, OSError):
    """A folder or an object store cannot be read or written."""


class MissingPackage(UsageError, ImportError):
    """A package that reads this kind of store is not installed; the message says which."""


class BadAddress(UsageError, ValueError):
    """An address that no sweep can be kept at."""


def retry(do: Callable[[], Value], seconds: float) -> Value:
    """``do()``, tried again for so many seconds while its error may pass."""
    pause, deadline = FIRST_PAUSE, time.monotonic() + seconds
    while True:
        try:
            return do()
        except Exception as error:
            wait = pause * random.uniform(0.7, 1.3)  # not the same for two who began at once
            if not is_passing(error) or time.monotonic() + wait > deadline:
                raise
            time.sleep(wait)
            pause = min(2 * pause, LONGEST_PAUSE)


def is_passing(error: BaseException) -> bool:
    """Whether an error may be gone in a moment: the network's, or a store's that is busy."""
    chain = [error, error.__cause__]
    if code := next((code for one in chain if one and (code := code_of(one))), ""):
        return code in PASSING
    if isinstance(error, FileExistsError | FileNotFoundError | PermissionError):
        return False
    names = [type(one).__name__ for one in chain if one]
    return any(kind in name for kind in KINDS for name in names) and "Credential" not in names[0]


def is_absent(error: BaseException) -> bool:
    """Whether an error only says that a file is not there, in a bucket that is."""
    missing = isinstance(error, FileNotFoundError | IsADirectoryError)
    return missing and code_of(error) != "NoSuchBucket"


def is_present(error: BaseException) -> bool:
    """Whether an error says that the object to be created is there already."""
    told = code_of(error) in ("PreconditionFailed", "412")  # older s3fs
    return told or isinstance(error, FileExistsError)


def code_of(error: BaseException) -> str:
    """The store's own code for an error ("AccessDenied", "SlowDown"), "" where it gave none."""
    for one in (error, error.__cause__):
        response = getattr(one, "response", None)
        if isinstance(response, dict):
            return str(response.get("Error", {}).get("Code", ""))
    return ""


def explained(error: BaseException, address: str) -> StoreError:
    """An error of an object store as a sentence that says what to do."""
    kind, code = type(error).__name__, code_of(error)
    scheme, _, rest = address.partition("://")
    bucket = rest.partition("/")[0]
    text = " ".join(str(error).split()) or kind
    if "Credential" in kind and "Partial" not in kind:
        return StoreError(f"{address}: no credentials were found; {_WHENCE.get(scheme, _ANYWHERE)}")
    if code == "NoSuchBucket" or isinstance(error, FileNotFoundError):
        return StoreError(f"{address}: there is no bucket {bucket!r}; make it, or name another")
    if isinstance(error, PermissionError) or code in ("401", "403") or "Forbidden" in text:
        said = f"{code}: {text}" if code and code not in text else text
        return StoreError(
            f"{address}: the store refused ({said}); check the credentials, and that they may "
            f"list, read, write and delete there"
        )
    if "Connect" in kind or "Timeout" in kind:
        return StoreError(
            f"{address}: the store cannot be reached ({text}); check the network, and the endpoint "
            "where one is set (AWS_ENDPOINT_URL)"
        )
    return StoreError(f"{address}: the store gave an error ({text})")
