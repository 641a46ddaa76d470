from __future__ import annotations

import pytest

from tests.analysis.ledgers import LedgerBuilder, small_sweep


def test_utilisation_is_work_over_workers_times_wall() -> None:
    # Two workers with one trial each at the same time: 1 s + 9 s of work each, in 20 s.
    ledger = LedgerBuilder().baseline().trial("a").trial("b")
    ledger.record("a", 0, 700, 0.5).record("b", 0, 700, 0.5, worker="host:2")
    cost = ledger.load().cost
    assert (cost.wall_seconds, cost.workers, cost.busy_seconds) == (20.0, 2, 2.0)
    assert cost.utilisation == pytest.approx(2 / (2 * 20))


def test_workers_are_those_that_the_driver_counted() -> None:
    cost = small_sweep().add("workers", count=4).load().cost
    assert cost.workers == 4
    assert cost.utilisation == pytest.approx(cost.busy_seconds / (4 * cost.wall_seconds))


def test_the_time_between_a_crash_and_the_resume_is_not_counted() -> None:
    ledger = LedgerBuilder().trial("a").record("a", 0, 700, 0.5)
    ledger.add("resume", 100_000, trials=1)
    ledger.add("start", trial_id="a", attempt=2, epoch=0, worker="host:9")
    ledger.record("a", 1, 700, 0.5, worker="host:9").end("a")
    results = ledger.load()
    cost, traces = results.cost, results.traces()
    assert (cost.wall_seconds, cost.workers, cost.busy_seconds) == (20.0, 1, 10.0)
    assert cost.utilisation == pytest.approx(10 / 20)
    assert (traces["seconds"].tolist(), traces["trials"].tolist()) == ([10.0, 20.0], [0, 0])


def test_without_any_run_there_is_no_utilisation() -> None:
    for ledger in (LedgerBuilder(), LedgerBuilder().baseline(), LedgerBuilder().trial("a")):
        results = ledger.load()
        assert results.cost.utilisation is None
        assert (results.cost.epochs_spent, results.cost.epochs_saved) == (0, 0)
