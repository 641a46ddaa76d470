"""The budget of a sweep: sums over its events, also over several sessions."""

from __future__ import annotations

import random
from typing import Any

import pytest

from sweep.search.budget import Budget
from tests.search.studies import config, record

REFERENCE = {"accuracy": 0.1, "sparsity": 0.0}


def budget(**limits: Any) -> Budget:
    """Of a sweep whose dense model is evaluated."""
    found = Budget(config(search={"budget": limits}))
    found.clock({"event": "baseline", "reference_point": REFERENCE})
    return found


def test_epochs_are_those_recorded_whichever_order_trials_report_in() -> None:
    chance = random.Random(0)
    trials = {trial: chance.randrange(6) for trial in range(20)}
    total = sum(trials.values())
    reports = [t for t, epochs in trials.items() for _ in range(epochs + 1)]
    chance.shuffle(reports)
    found, nexts = budget(epochs=total), dict.fromkeys(trials, 0)
    for trial in reports:
        assert (found.spent is None) == (found.epochs < total)
        found.record(record(str(trial), 0.5, 0.5, epoch=nexts[trial]))
        nexts[trial] += 1
    assert found.epochs == total
    assert f"{total} of {total}" in found.spent


SESSIONS = [("sweep", 100.0), ("record", 110.0), ("record", 130.5)]  # a session of 30.5 s
SESSIONS += [("resume", 9000.0), ("workers", 9001.0), ("interrupt", 9010.0)]  # of 10 s
CONFIRMED = [("sweep", 0.0), ("finish", 30.0), ("confirm", 5000.0), ("confirm_finish", 9000.0)]
CONFIRMED += [("resume", 9999.0), ("workers", 10009.5)]


@pytest.mark.parametrize(("times", "spent"), [(SESSIONS, 40.5), (CONFIRMED, 40.5)])
def test_seconds_are_those_of_the_sessions_and_not_the_time_between_or_of_a_confirmation(
    times: list[tuple[str, float]], spent: float
) -> None:
    found = budget(seconds=50)
    for kind, time in [*times, ("resume", 9_999_000.0)]:
        found.clock({"event": kind, "time": time})
    assert found.seconds == pytest.approx(spent)
    assert found.spent is None
    found.clock({"event": "record", "time": 9_999_009.5})
    assert found.seconds == pytest.approx(spent + 9.5)
    assert found.spent.startswith("search.budget.seconds")


def test_a_plateau_is_no_growth_over_so_many_ended_trials() -> None:
    found = budget(plateau={"trials": 3, "gain": 0.01})

    def end(trial: int, accuracy: float, sparsity: float) -> str | None:
        found.record(record(str(trial), accuracy, sparsity))
        found.end()
        return found.spent

    assert end(0, 0.9, 0.5) is None  # covers 0.8 x 0.5
    assert [end(1, 0.8, 0.5), end(2, 0.9, 0.4)] == [None, None]  # beaten
    assert end(3, 0.9, 0.51) is None  # grows by 0.02 of itself
    assert [end(4, 0.9, 0.5), end(5, 0.9, 0.512)] == [None, None]  # by 0.004 of itself
    assert (end(6, 0.2, 0.1) or "").startswith("search.budget.plateau: over 3 trials")


def test_while_nothing_beats_the_reference_point_there_is_no_plateau() -> None:
    found = budget(plateau={"trials": 2})
    for trial in range(20):
        found.record(record(str(trial), 0.1, 0.5))
        found.end()
    assert found.spent is None


def test_what_is_spent_stays_spent() -> None:
    found = budget(plateau={"trials": 1})
    for trial in range(2):
        found.record(record(str(trial), 0.5, 0.5))
        found.end()
    said = found.spent
    found.record(record("2", 0.99, 0.99))
    found.end()
    assert found.spent == said != None  # noqa: E711


def test_partial_records_cost_epochs_and_are_on_no_front() -> None:
    found = budget(epochs=100, plateau={"trials": 1})
    for trial in range(3):
        accuracy = 0.9 + trial / 100
        found.record(record(str(trial), accuracy, 0.5, epoch=2, partial=True))
        found.end()
    assert found.epochs == 6
    assert found.spent is None
