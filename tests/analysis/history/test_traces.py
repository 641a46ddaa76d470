from __future__ import annotations

import copy

import numpy as np
import pytest

from analysis import Results
from analysis.history.traces import traces_table
from sweep.pareto import hypervolume
from tests.analysis.ledgers import LedgerBuilder, big_sweep, small_sweep

DIRECTIONS = [
    ({"accuracy": "max", "sparsity": "max"}, {"accuracy": 0.5, "sparsity": 0.1}),
    ({"accuracy": "max", "size_bytes": "min"}, {"accuracy": 0.1, "size_bytes": 80_000}),
    (
        {"accuracy": "max", "sparsity": "max", "epoch": "min"},
        {"accuracy": 0.1, "sparsity": 0.0, "epoch": 4.0},
    ),
]


@pytest.mark.parametrize(("directions", "reference"), DIRECTIONS)
def test_a_trace_has_the_hypervolume_of_each_prefix_of_the_ledger(
    directions: dict[str, str], reference: dict[str, float]
) -> None:
    ledger = big_sweep(12, seed=1).head(directions=directions, reference_point=reference)
    traces = ledger.load().traces()
    cut, row = copy.copy(ledger), 0
    for place, event in enumerate(ledger.events):
        if event["event"] != "record":
            continue
        cut.events = ledger.events[: place + 1]
        then = cut.load()
        found = traces.iloc[row]
        assert found["hypervolume"] == pytest.approx(then.hypervolume)
        assert found["epochs"] == then.cost.epochs_spent
        assert found["trials"] == then.counts["completed"] + then.counts["stopped"]
        assert found["seconds"] == pytest.approx(then.cost.wall_seconds)
        assert found["time"] == event["time"]
        row += 1
    assert row == len(traces) > 20


@pytest.mark.parametrize("objectives", [1, 2, 3, 4])
def test_the_volume_is_that_of_all_points_so_far(objectives: int) -> None:
    draw = np.random.default_rng(objectives)
    points = np.round(draw.random((60, objectives)), 1)
    ways = ["max", "min", "max", "min"][:objectives]
    reference = [0.1 if way == "max" else 0.9 for way in ways]
    expected = [hypervolume(points[: n + 1], reference, ways) for n in range(60)]
    pool = {(f"t{n}", 0): point for n, point in enumerate(points.tolist())}
    records = [{"event": "record", "trial_id": name, "epoch": 0, "time": 0.0} for name, _ in pool]
    assert traces_table(records, pool, reference, ways)["hypervolume"].tolist() == pytest.approx(
        expected
    )


def test_partial_records_cost_epochs_but_add_no_volume() -> None:
    ledger = LedgerBuilder().baseline().trial("a").record("a", 0, 800, 0.9, partial=True)
    traces = ledger.record("a", 1, 700, 0.5).load().traces()
    assert traces["hypervolume"].tolist() == [0.0, pytest.approx((700 / 872 - 0.1) * 0.5)]
    assert traces["epochs"].tolist() == [0, 1]


def test_infeasible_points_add_no_volume_if_others_are_feasible() -> None:
    ledger = small_sweep().search(constraints={"sparsity": {"max": 0.6}})
    results = ledger.load()
    assert results.traces()["hypervolume"].iloc[-1] == pytest.approx(results.hypervolume)
    assert results.hypervolume == pytest.approx((795 / 872 - 0.1) * 0.5)


def test_without_a_reference_there_are_steps_but_no_volume(small: Results) -> None:
    bare = small_sweep().head(reference_point={"sparsity": 0.0}).load().traces()
    assert bare["hypervolume"].isna().all()
    assert bare["epochs"].tolist() == small.traces()["epochs"].tolist()
    assert LedgerBuilder().load().traces().empty
