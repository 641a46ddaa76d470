"""SIGINT and SIGTERM, as a question that a driver asks itself between two events."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sweep.driver.abort import Abort, Interrupted
from sweep.errors import SweepError

Stopped = Callable[[], Interrupted | None]
"""Whether a signal came, and which."""


@contextmanager
def signals() -> Iterator[Stopped]:
    """Turn SIGINT and SIGTERM into an answer to "were we stopped?" for the time of the block."""
    got: list[int] = []

    def remember(number: int, frame: object) -> None:
        got.append(number)
        if len(got) > 2:  # a person who insists
            raise KeyboardInterrupt

    def stopped() -> Interrupted | None:
        for number in (signal.SIGINT, signal.SIGTERM):  # ray.init puts its own in place of ours
            if signal.getsignal(number) is not remember:
                signal.signal(number, remember)
        return Interrupted(signal.Signals(got[0]).name, got[0]) if got else None

    before = {n: signal.signal(n, remember) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stop_if_asked(stopped: Stopped) -> None:
    """Raises :class:`~sweep.driver.abort.Abort` if a signal came."""
    if interrupted := stopped():
        raise Abort(interrupted)


def cause(left: Abort | SystemExit) -> SweepError:
    """Why a driver's loop was left."""
    if isinstance(left, Abort):
        return left.error
    # While Ray starts, a handler of its own answers SIGTERM with SystemExit.
    return Interrupted("SIGTERM", signal.SIGTERM)
