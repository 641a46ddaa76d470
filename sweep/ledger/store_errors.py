"""Errors of stores: which ones are retried, and the messages for the others.

Each store raises errors of its own types. :mod:`sweep.ledger.store` converts them to
:class:`StoreError`, or to ``FileExistsError``.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from sweep.errors import StorageError, UsageError

Value = TypeVar("Value")

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
"""Seconds between two tries: the first pause, and the longest."""

TRANSIENT_CODES = (
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
"""Error codes of stores for which a retry may succeed."""

NETWORK = ("Timeout", "Connection", "Connect", "HTTPClientError", "ClientError", "Disconnected")
"""Parts of the class names of network errors."""

_S3_KEYS = (
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the machine a role"
)
_GS_KEYS = "set GOOGLE_APPLICATION_CREDENTIALS, or give the machine a service account"
_CREDENTIALS_HELP = {"s3": _S3_KEYS, "s3a": _S3_KEYS, "gs": _GS_KEYS, "gcs": _GS_KEYS}
_OTHER_HELP = "set the credentials that the store's package looks for"


class StoreError(StorageError, OSError):
    """A folder or an object store cannot be read or written."""


class MissingPackage(UsageError, ImportError):
    """The package for this kind of store is not installed. The message names it."""


class BadAddress(UsageError, ValueError):
    """An address that cannot hold a sweep."""


def retry(do: Callable[[], Value], seconds: float) -> Value:
    """Call ``do()``, and retry for up to ``seconds`` while its error is transient."""
    pause, deadline = FIRST_PAUSE, time.monotonic() + seconds
    while True:
        try:
            return do()
        except Exception as error:
            wait = pause * random.uniform(0.7, 1.3)  # so that two callers do not retry together
            if not is_transient(error) or time.monotonic() + wait > deadline:
                raise
            time.sleep(wait)
            pause = min(2 * pause, LONGEST_PAUSE)


def is_transient(error: BaseException) -> bool:
    """Whether a retry may succeed: an error of the network, or of a busy store."""
    chain = [error, error.__cause__]
    if code := next((code for one in chain if one and (code := code_of(one))), ""):
        return code in TRANSIENT_CODES
    if isinstance(error, FileExistsError | FileNotFoundError | PermissionError):
        return False
    names = [type(one).__name__ for one in chain if one]
    return any(part in name for part in NETWORK for name in names) and "Credential" not in names[0]


def is_absent(error: BaseException) -> bool:
    """Whether the error means that a file does not exist in an existing bucket."""
    missing = isinstance(error, FileNotFoundError | IsADirectoryError)
    return missing and code_of(error) != "NoSuchBucket"


def is_present(error: BaseException) -> bool:
    """Whether the error means that the object to create already exists."""
    precondition_failed = code_of(error) in ("PreconditionFailed", "412")  # older s3fs
    return precondition_failed or isinstance(error, FileExistsError)


def code_of(error: BaseException) -> str:
    """The store's own code for an error ("AccessDenied", "SlowDown"), or "" if it has none."""
    for each in (error, error.__cause__):
        response = getattr(each, "response", None)
        if isinstance(response, dict):
            return str(response.get("Error", {}).get("Code", ""))
    return ""


def as_store_error(error: BaseException, address: str) -> StoreError:
    """An error of an object store as a :class:`StoreError` that tells the user what to do."""
    kind, code = type(error).__name__, code_of(error)
    scheme, _, rest = address.partition("://")
    bucket = rest.partition("/")[0]
    text = " ".join(str(error).split()) or kind
    if "Credential" in kind and "Partial" not in kind:
        how = _CREDENTIALS_HELP.get(scheme, _OTHER_HELP)
        return StoreError(f"{address}: no credentials were found; {how}")
    if code == "NoSuchBucket" or isinstance(error, FileNotFoundError):
        return StoreError(f"{address}: there is no bucket {bucket!r}; create it, or name another")
    if isinstance(error, PermissionError) or code in ("401", "403") or "Forbidden" in text:
        reason = f"{code}: {text}" if code and code not in text else text
        return StoreError(
            f"{address}: the store refused the request ({reason}); check the credentials, and that "
            "they allow to list, read, write and delete there"
        )
    if "Connect" in kind or "Timeout" in kind:
        return StoreError(
            f"{address}: the store cannot be reached ({text}); check the network, and the endpoint "
            "if one is set (AWS_ENDPOINT_URL)"
        )
    return StoreError(f"{address}: the store returned an error ({text})")
