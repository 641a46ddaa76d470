"""What an object store refuses only for a moment is asked again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from sweep.ledger.analysis_storage import code_of

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
"""Codes of stores for what may be otherwise in a moment."""

KINDS = ("Timeout", "Connection", "Connect", "HTTPClientError", "ClientError", "Disconnected")
"""Words in the names of errors of the network."""


def patiently(do: Callable[[], Value], seconds: float) -> Value:
    """``do()``, tried again for so many seconds while what goes wrong may pass."""
    pauses = _pauses()
    deadline = time.monotonic() + seconds
    while True:
        try:
            return do()
        except Exception as error:
            pause = next(pauses)
            if not is_passing(error) or time.monotonic() + pause > deadline:
                raise
            time.sleep(pause)


def is_passing(error: BaseException) -> bool:
    """Whether an error may be gone in a moment: the network's, or a store's that is busy."""
    chain = [error, error.__cause__]
    if code := next((code for one in chain if one and (code := code_of(one))), ""):
        return code in PASSING
    if isinstance(error, FileExistsError | FileNotFoundError | PermissionError):
        return False
    names = [type(one).__name__ for one in chain if one]
    return any(kind in name for kind in KINDS for name in names) and "Credential" not in names[0]


def _pauses() -> Iterator[float]:
    """Twice as long each time, and never the same for two who wait for the same."""
    pause = FIRST_PAUSE
    while True:
        yield pause * random.uniform(0.7, 1.3)
        pause = min(2 * pause, LONGEST_PAUSE)
