"""SIGINT and SIGTERM, which a driver obeys between two events.

:class:`Abort` is how it then leaves Ray Tune's loop at once, and for other reasons too.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sweep.errors import Interrupted, SweepError


class Abort(BaseException):
    """Ends the loop from inside a hook.

    Not an ``Exception``: Tune catches those, turns them into trial failures, and would spend up to
    15 s asking busy workers to stop. Nothing of ours needs that: the ledger has everything.
    """

    def __init__(self, error: SweepError) -> None:
        self.error = error
        super().__init__(str(error))


OURS = (signal.SIGINT, signal.SIGTERM)

Heed = Callable[[], None]
"""Raises :class:`Abort` if a signal came."""


@contextmanager
def signals() -> Iterator[Heed]:
    """For the time of the block SIGINT and SIGTERM are remembered, until they are heeded.

    Python handles signals in its main thread only: in any other thread the block heeds none.

    While Ray starts, a handler of its own answers SIGTERM with SystemExit, wherever Python is just
    then: in a callback that drops exceptions (filelock has one at a fork) it would be lost. So
    signals are heard on a pipe too, which the interpreter writes to whoever handles them.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    got: list[int] = []

    def remember(number: int, frame: object) -> None:
        got.append(number)
        if len(got) > 2:  # a person who insists
            raise KeyboardInterrupt

    def heed() -> None:
        for number in OURS:  # ray.init puts its own in place of ours
            if signal.getsignal(number) is not remember:
                signal.signal(number, remember)
        missed = [number for number in _drained(heard) if number in OURS]
        if missed and not got:
            got.append(missed[0])
        if got:
            raise Abort(Interrupted(signal.Signals(got[0]).name, got[0]))

    before = {n: signal.signal(n, remember) for n in OURS}
    with _pipe() as heard:
        try:
            yield heed
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def _pipe() -> Iterator[int]:
    """The end of a pipe at which the interpreter's signals are heard, for the time of the block."""
    heard, told = os.pipe()
    os.set_blocking(heard, False)
    os.set_blocking(told, False)
    before = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    try:
        yield heard
    finally:
        signal.set_wakeup_fd(before)
        os.close(heard)
        os.close(told)


def _drained(heard: int) -> bytes:
    """The numbers of the signals that came since it was last asked."""
    try:
        return os.read(heard, 4096)
    except BlockingIOError:
        return b""


def cause(left: Abort | SystemExit) -> SweepError:
    """Why a driver's loop was left."""
    if isinstance(left, Abort):
        return left.error
    # While Ray starts, a handler of its own answers SIGTERM with SystemExit.
    return Interrupted("SIGTERM", signal.SIGTERM)
