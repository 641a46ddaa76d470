"""The table of a grid: its rows and columns, the means over seeds, and when there is no table."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from analysis.certainty.measured import Measured, over_seeds
from analysis.certainty.statistics import wilson
from analysis.report.grid import cells, grid_table
from analysis.report.write import sweep_report
from sweep.ledger.metric import PrimaryMetric
from tests.analysis.ledgers import CONFIG, EXAMPLES, LedgerBuilder, small_sweep

SEARCH = {"sampler": "grid", "scheduler": "fifo", "trials": 64, "seed": 0}


def correct(method: str, sparsity: float, seed: int, epoch: int) -> int:
    return int(700 - 300 * sparsity - 50 * (method == "random") + 7 * seed + 20 * epoch)


def grid(sampler: str = "grid", ramp: int = 0) -> LedgerBuilder:
    """2 methods x 2 sparsities x 2 seeds, with records of epochs 0 and 1; random has no scope."""
    config = {**CONFIG, "search": SEARCH | {"sampler": sampler}}
    ledger = LedgerBuilder(config=config).baseline()
    points = itertools.product(("l1-norm", "random"), (0.5, 0.9), (0, 1))
    for number, (method, sparsity, seed) in enumerate(points):
        name = f"t{number:05}"
        given = {"sparsity": sparsity, "method": method, "finetune_epochs": 1, "ramp_epochs": ramp}
        scope = "local" if method == "l1-norm" else None
        ledger.trial(name, seed=seed, scope=scope, **given)
        ledger.events[-2]["params"]["seed"] = seed
        for epoch in (0, 1):
            right = correct(method, sparsity, seed, epoch)
            ledger.record(name, epoch, right, sparsity, partial=epoch < ramp)
        ledger.end(name)
    return ledger


def test_a_cell_is_the_mean_over_seeds_with_its_interval() -> None:
    found = cells(grid().load())
    assert len(found) == 2 * 2 * 2 and (found["seeds"] == 2).all()
    one = found[(found["method"] == "random") & (found["sparsity"] == 0.9) & (found["epoch"] == 1)]
    shares = [correct("random", 0.9, seed, 1) / EXAMPLES for seed in (0, 1)]
    seeds = [Measured(share, np.nan, EXAMPLES) for share in shares]
    expected = over_seeds(seeds, PrimaryMetric())
    assert one[["accuracy", "low", "high"]].iloc[0].tolist() == pytest.approx(expected)
    low, high = wilson(sum(shares) / 2 * EXAMPLES, EXAMPLES)
    assert expected[1] < float(low) < float(high) < expected[2], "seeds differ: that counts too"


def test_rows_are_settings_and_epochs_columns_sparsities() -> None:
    table = grid_table(grid().load())
    assert table is not None
    assert [c.title for c in table.columns] == ["method", "scope", "epoch", "50 %", "90 %"]
    assert [row[:3] for row in table.rows] == [
        ["l1-norm", "local", "0"],
        ["l1-norm", "local", "1"],
        ["random", "-", "0"],
        ["random", "-", "1"],
    ]
    mean = (correct("l1-norm", 0.9, 0, 1) + correct("l1-norm", 0.9, 1, 1)) / 2 / EXAMPLES
    assert table.rows[1][4].startswith(f"{100 * mean:.1f} % (")


def test_epochs_can_be_chosen() -> None:
    results = grid().load()
    table = grid_table(results, [1, 3])
    assert table is not None and {row[2] for row in table.rows} == {"1"}
    assert grid_table(results, [7]) is None


def test_records_within_a_ramp_are_no_cells() -> None:
    found = cells(grid(ramp=1).load())
    assert set(found["epoch"]) == {1}


def test_only_the_report_of_a_grid_has_the_table() -> None:
    keys = {
        name: [s.key for s in sweep_report(made.load(), []).sections]
        for name, made in {
            "grid": grid(),
            "tpe": grid("tpe"),
            "empty": LedgerBuilder(config={**CONFIG, "search": SEARCH}),
            "odd": LedgerBuilder(config={**CONFIG, "search": None}),
            "small": small_sweep(),
        }.items()
    }
    assert [name for name, found in keys.items() if "grid" in found] == ["grid"]
