"""front.csv is the non-dominated set of records.csv, by moocore."""

from __future__ import annotations

from pathlib import Path

import moocore
import numpy as np
import pandas as pd
import pytest

from analysis import Results
from analysis.tables.files import write_tables
from analysis.tables.front import main_objective
from sweep.ledger.metric import PrimaryMetric
from tests.analysis.ledgers import EXAMPLES, LedgerBuilder, big_sweep, small_sweep

DIRECTIONS = [
    {"accuracy": "max", "sparsity": "max"},
    {"accuracy": "max", "size_bytes": "min"},
    {"loss": "min", "sparsity": "max", "epoch": "min"},
    {"accuracy": "max", "size_bytes": "min", "epoch": "min", "seconds": "min"},
    {"accuracy": "max"},
]
REFERENCE = {
    "accuracy": 0.1,
    "sparsity": 0,
    "size_bytes": 80_000,
    "loss": 3,
    "epoch": 4,
    "seconds": 50,
}


@pytest.mark.parametrize("directions", DIRECTIONS)
@pytest.mark.parametrize("seed", range(3))
def test_front_csv_is_what_moocore_computes_from_records_csv(
    tmp_path: Path, directions: dict[str, str], seed: int
) -> None:
    ledger = big_sweep(60, seed).head(directions=directions)
    write_tables(ledger.load(), tmp_path)
    records, front = pd.read_csv(tmp_path / "records.csv"), pd.read_csv(tmp_path / "front.csv")
    pool = records[(records["partial"] == False) & (records["stage"] != "baseline")]  # noqa: E712
    maximise = [way == "max" for way in directions.values()]
    points = pool[list(directions)].to_numpy(float)
    expected = moocore.filter_dominated(points, maximise=maximise)
    got = front[list(directions)].to_numpy(float)
    assert sorted(map(tuple, got)) == sorted(map(tuple, expected))
    # The same rows, not only the same objectives: the first of equal points represents them.
    rows = pool[moocore.is_nondominated(points, maximise=maximise)]
    key = ["trial_id", "stage", "epoch"]
    assert sorted(front[key].itertuples(index=False)) == sorted(rows[key].itertuples(index=False))


def test_of_equal_points_the_first_is_on_the_front() -> None:
    ledger = LedgerBuilder().baseline().points(b=(700, 0.5), a=(700, 0.5), c=(700, 0.5))
    assert ledger.load().front["trial_id"].tolist() == ["b"]


def test_trials_of_any_status_are_candidates() -> None:
    ledger = small_sweep().trial("t9").record("t9", 0, 200, 0.99).end("t9", "failed", "oh")
    front = ledger.load().front
    assert front["status"].tolist() == ["completed", "stopped", "running", "failed"]
    assert front["sparsity"].is_monotonic_increasing


def test_partial_records_and_the_dense_model_are_no_candidates() -> None:
    ledger = LedgerBuilder().baseline(correct=EXAMPLES).trial("a")
    ledger.record("a", 0, 800, 0.9, partial=True).record("a", 1, 500, 0.5)
    results = ledger.load()
    assert results.front[["trial_id", "epoch"]].values.tolist() == [["a", 1]]
    assert len(results.candidates) == 1


def test_intervals_contain_the_accuracy_and_test_columns_are_missing(big: Results) -> None:
    front = big.front
    assert (front["accuracy_low"] < front["accuracy"]).all()
    assert (front["accuracy"] < front["accuracy_high"]).all()
    waiting = ["test_accuracy", "test_accuracy_low", "test_accuracy_high", "seeds"]
    assert front[waiting].isna().all(axis=None)


@pytest.mark.parametrize("directions", DIRECTIONS)
def test_hypervolume_is_that_of_moocore(directions: dict[str, str]) -> None:
    results = big_sweep().head(directions=directions, reference_point=REFERENCE).load()
    points = results.candidates[list(directions)].to_numpy(np.float64)
    ways = [way == "max" for way in directions.values()]
    corner = [REFERENCE[name] for name in directions]
    expected = moocore.hypervolume(points, ref=corner, maximise=ways)
    assert results.hypervolume == pytest.approx(expected) != 0


def test_the_main_objective_orders_the_front() -> None:
    metric = PrimaryMetric()
    assert main_objective({"accuracy": "max", "size_bytes": "min"}, metric) == "size_bytes"
    assert main_objective({"size_bytes": "min", "sparsity": "max"}, metric) == "sparsity"
    assert main_objective({"accuracy": "max"}, metric) == "sparsity"
