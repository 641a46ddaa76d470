"""The attempts at trials, also after losses of workers and crashes of the driver."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from analysis import Results
from analysis.history.timeline import TIMELINE, timeline
from tests.analysis.charts.sweeps import rich_sweep
from tests.analysis.ledgers import LedgerBuilder, small_sweep


def rows(ledger: LedgerBuilder) -> list[tuple[Any, ...]]:
    """(trial, attempt, from, to, status), in seconds since the first event."""
    table, zero = timeline(ledger.events), ledger.events[0]["time"]
    return [
        (row.trial_id, row.attempt, row.start - zero, row.end - zero, row.status)
        for row in table.itertuples()
    ]


def test_each_trial_from_its_start_to_its_end() -> None:
    assert rows(small_sweep()) == [
        ("t00000", 1, 9, 39, "completed"),
        ("t00001", 1, 39, 59, "stopped"),
        ("t00002", 1, 59, 59, "failed"),
        ("t00003", 1, 59, 79, "running"),
    ]


def test_the_worker_is_that_of_the_records() -> None:
    ledger = LedgerBuilder().add("start", trial_id="a", attempt=1, epoch=None)
    assert timeline(ledger.events)["worker"].tolist() == [pd.NA]
    ledger.record("a", 0, 500, 0.5, worker="host:7")
    assert timeline(ledger.events)["worker"].tolist() == ["host:7"]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        # A worker is lost, and the trial continues on another one.
        (
            [("lost", 4, {}), ("start", 3, {"attempt": 2})],
            [(1, 0, 14, "lost"), (2, 17, 17, "running")],
        ),
        # A trial that is assigned again without an end was lost at its last event.
        ([("start", 90, {"attempt": 2})], [(1, 0, 10, "lost"), (2, 100, 100, "running")]),
        # The driver was killed, or interrupted.
        ([("resume", 500, {"trials": 3})], [(1, 0, 10, "interrupted")]),
        (
            [("interrupt", 2, {"signal": "SIGINT"}), ("resume", 500, {"trials": 3})],
            [(1, 0, 12, "interrupted")],
        ),
    ],
)
def test_what_ends_an_attempt(events: list[Any], expected: list[Any]) -> None:
    ledger = LedgerBuilder().trial("a").record("a", 0, 500, 0.5)
    for kind, wait, fields in events:
        ledger.add(kind, wait, **({"trial_id": "a"} if kind in ("lost", "start") else {}), **fields)
    assert rows(ledger) == [("a", *row) for row in expected]


def test_a_confirmation_is_ignored() -> None:
    ledger = LedgerBuilder().trial("a").record("a", 0, 500, 0.5).end("a")
    before = rows(ledger)
    ledger.confirm_round({("a", 0): {1: 500}})
    assert rows(ledger) == before


def test_seconds_add_up_and_types_stay(rich: Results) -> None:
    table = rich.timeline
    assert table["seconds"].equals(table["end"] - table["start"])
    ends = {"completed", "stopped", "failed", "lost", "interrupted", "running"}
    assert set(table["status"]) <= ends
    assert table["status"].value_counts()["completed"] == rich.counts["completed"]
    pd.testing.assert_series_equal(timeline(()).dtypes, table.dtypes)
    assert list(table) == list(TIMELINE)


@pytest.mark.parametrize("seed", range(3))
def test_a_worker_has_one_trial_at_a_time(seed: int) -> None:
    table = timeline(rich_sweep(40, 3, seed).events).dropna(subset=["worker"])
    for _, mine in table.groupby("worker"):
        mine = mine.sort_values("start")
        assert (mine["start"].iloc[1:].to_numpy() >= mine["end"].iloc[:-1].to_numpy() - 1e-6).all()
