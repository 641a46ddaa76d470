"""SIGINT, SIGTERM and SIGHUP, which a driver obeys between two events.

:class:`Abort` then ends Ray Tune's loop at once. Other errors that end a session use it too.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from sweep.errors import Interrupted, SweepError


class Abort(BaseException):
    """Raised in a hook of Tune, it ends Tune's loop.

    It is not an ``Exception``: Tune catches exceptions, treats them as failures of a trial, and
    waits up to 15 s for busy workers to stop. We need no such wait, because the ledger already
    holds everything.
    """

    def __init__(self, error: SweepError) -> None:
        self.error = error
        super().__init__(str(error))


OURS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

CheckSignals = Callable[[], None]
"""A function that raises :class:`Abort` if a signal has arrived."""


@contextmanager
def signals() -> Iterator[CheckSignals]:
    """Remember the signals `OURS` for the time of the block; the yielded function raises them.

    A SIGHUP that is ignored stays so: ``nohup`` asks for that. Python handles signals in its main
    thread only. In any other thread the block catches none.

    While Ray starts, Ray's own handler answers SIGTERM with SystemExit. If Python is then inside a
    callback that drops exceptions (filelock has such a callback at a fork), the signal would be
    lost. So signals are read from a pipe too: the interpreter writes their numbers to it, whichever
    handler is installed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    is_kept = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    ours = OURS[:-1] if is_kept else OURS
    got: list[int] = []

    def remember(number: int, frame: object) -> None:
        got.append(number)
        if len(got) > 2:  # the user pressed Ctrl-C a third time
            raise KeyboardInterrupt

    def check_signals() -> None:
        for number in ours:  # ray.init replaces our handlers
            if signal.getsignal(number) is not remember:
                signal.signal(number, remember)
        with suppress(BlockingIOError):  # the pipe is empty
            missed = [number for number in os.read(reader, 4096) if number in ours]
            got.extend(missed[:1] if not got else [])
        if got:
            raise Abort(Interrupted(signal.Signals(got[0]).name, got[0]))

    before = {n: signal.signal(n, remember) for n in ours}
    with _pipe() as reader:
        try:
            yield check_signals
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def _pipe() -> Iterator[int]:
    """A pipe to which the interpreter writes the number of each signal; yields its reading end."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield reader
    finally:
        signal.set_wakeup_fd(before)
        os.close(reader)
        os.close(writer)
