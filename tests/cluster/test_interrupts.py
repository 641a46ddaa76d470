from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from sweep.cluster.interrupts import OURS, Abort, Heed, signals


@pytest.fixture
def heed() -> Iterator[Heed]:
    with signals() as found:
        yield found


def tell(number: int) -> None:
    os.kill(os.getpid(), number)


def heard(heed: Heed) -> str | None:
    """The name of the signal that is heeded."""
    try:
        heed()
    except Abort as left:
        return str(getattr(left.error, "signal_name", None))
    return None


def test_nothing_came(heed: Heed) -> None:
    assert heard(heed) is None


@pytest.mark.parametrize("number", OURS)
def test_the_first_signal_is_the_answer_from_then_on(heed: Heed, number: int) -> None:
    tell(number)
    tell(signal.SIGTERM)
    assert heard(heed) == heard(heed) == signal.Signals(number).name


@pytest.mark.parametrize("number", OURS)
def test_one_that_another_handler_took_is_heard(heed: Heed, number: int) -> None:
    """As Ray's does while it starts, whose SystemExit a callback may drop."""

    def leave(number: int, frame: object) -> None:
        raise SystemExit(number)

    signal.signal(number, leave)
    with suppress(SystemExit):
        tell(number)
    assert heard(heed) == signal.Signals(number).name
    assert signal.getsignal(number) is not leave, "ours is back"


def test_other_signals_are_none_of_ours(heed: Heed) -> None:
    before = signal.signal(signal.SIGUSR2, lambda number, frame: None)
    tell(signal.SIGUSR2)
    signal.signal(signal.SIGUSR2, before)
    assert heard(heed) is None


def test_who_insists_gets_through(heed: Heed) -> None:
    tell(signal.SIGINT)
    tell(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        tell(signal.SIGINT)


def test_afterwards_all_is_as_it_was() -> None:
    handlers = [signal.getsignal(number) for number in OURS]
    with signals():
        assert signal.set_wakeup_fd(-1) >= 0
    assert [signal.getsignal(number) for number in OURS] == handlers
    assert signal.set_wakeup_fd(-1) == -1


def test_in_a_thread_of_its_own_none_is_heeded() -> None:
    """Python sets handlers in its main thread alone, and a sweep may run in another."""

    def heeds() -> None:
        with signals() as heed:
            heed()

    with ThreadPoolExecutor(1) as threads:
        threads.submit(heeds).result()
