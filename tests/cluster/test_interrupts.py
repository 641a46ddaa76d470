from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from sweep.cluster.interrupts import OURS, Abort, CheckSignals, signals


@pytest.fixture
def check_signals() -> Iterator[CheckSignals]:
    with signals() as found:
        yield found


def send(number: int) -> None:
    os.kill(os.getpid(), number)


def raised(check_signals: CheckSignals) -> str | None:
    """The name of the signal that is raised; None if there is none."""
    try:
        check_signals()
    except Abort as left:
        return str(getattr(left.error, "signal_name", None))
    return None


def test_without_a_signal_nothing_is_raised(check_signals: CheckSignals) -> None:
    assert raised(check_signals) is None


@pytest.mark.parametrize("number", OURS)
def test_the_first_signal_is_raised_from_then_on(check_signals: CheckSignals, number: int) -> None:
    send(number)
    send(signal.SIGTERM)
    assert raised(check_signals) == raised(check_signals) == signal.Signals(number).name


@pytest.mark.parametrize("number", OURS)
def test_a_signal_that_another_handler_took_is_raised_too(
    check_signals: CheckSignals, number: int
) -> None:
    """While Ray starts, its handler raises SystemExit, which a callback may drop."""

    def leave(number: int, frame: object) -> None:
        raise SystemExit(number)

    signal.signal(number, leave)
    with suppress(SystemExit):
        send(number)
    assert raised(check_signals) == signal.Signals(number).name
    assert signal.getsignal(number) is not leave, "ours is back"


def test_other_signals_are_ignored(check_signals: CheckSignals) -> None:
    before = signal.signal(signal.SIGUSR2, lambda number, frame: None)
    send(signal.SIGUSR2)
    signal.signal(signal.SIGUSR2, before)
    assert raised(check_signals) is None


def test_a_third_signal_interrupts_at_once(check_signals: CheckSignals) -> None:
    send(signal.SIGINT)
    send(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        send(signal.SIGINT)


def test_afterwards_the_old_handlers_are_back() -> None:
    handlers = [signal.getsignal(number) for number in OURS]
    with signals():
        assert signal.set_wakeup_fd(-1) >= 0
    assert [signal.getsignal(number) for number in OURS] == handlers
    assert signal.set_wakeup_fd(-1) == -1


def test_in_another_thread_no_signal_is_caught() -> None:
    """Python sets handlers in its main thread alone, and a sweep may run in another."""

    def check() -> None:
        with signals() as check_signals:
            check_signals()

    with ThreadPoolExecutor(1) as threads:
        threads.submit(check).result()


def test_a_hangup_that_is_ignored_stays_ignored() -> None:
    """``nohup`` starts a driver so."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals() as check_signals:
            send(signal.SIGHUP)
            assert raised(check_signals) is None
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            send(signal.SIGTERM)
            assert raised(check_signals) == "SIGTERM"
    finally:
        signal.signal(signal.SIGHUP, before)
