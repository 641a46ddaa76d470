"""Measures of finished searches against hand-computed values."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.search.cell import Cell, make_cells, ratios
from benchmarks.search.measures import (
    CHOSEN,
    SECONDS,
    at_budgets,
    attained,
    bands_above,
    needed,
    quartiles,
)
from benchmarks.search.methods import BASE
from benchmarks.search.table import load_table
from benchmarks.search.world import World
from benchmarks.tests.search_tables import write

CURVE = [(0, 3.0, 0.2, 0.3), (4, 20.0, 0.6, 0.6), (9, 44.0, 0.5, 0.8)]


def test_a_curve_holds_its_value_until_it_changes() -> None:
    assert at_budgets(CURVE, [0, 3, 4, 8, 9, 50]).tolist() == [0.2, 0.2, 0.6, 0.6, 0.5, 0.5]
    assert at_budgets(CURVE, [8.9, 9], CHOSEN).tolist() == [0.6, 0.8]
    assert at_budgets(CURVE[1:], [3, 4]).tolist() == [0.0, 0.6], "nothing was found before"


def test_needed_is_the_first_budget_that_reaches_the_target() -> None:
    assert needed(CURVE, 0.2) == 0
    assert needed(CURVE, 0.55) == 4
    assert needed(CURVE, 0.55, SECONDS) == 20
    assert needed(CURVE, 0.7) == math.inf


def test_quartiles_may_be_infinite() -> None:
    assert quartiles([3, 1, 2, math.inf]).tolist() == [2, 3, math.inf]
    assert quartiles([1, math.inf, math.inf]).tolist() == [math.inf] * 3
    assert quartiles(np.arange(5) * 10).tolist() == [10, 20, 30]


def test_attained_is_the_best_accuracy_at_least_as_sparse() -> None:
    front = [(0.9, 0.2), (0.7, 0.8)]
    assert attained(front, np.array([0, 0.2, 0.3, 0.8, 0.9]), 0.5).tolist() == [
        0.9, 0.9, 0.7, 0.7, 0.5
    ]  # fmt: skip
    assert attained([], np.array([0.1]), 0.5).tolist() == [0.5]


def test_a_band_is_above_only_without_overlap() -> None:
    ours = np.array([[0.5, 0.5], [0.6, 0.6], [0.7, 0.7]])
    assert bands_above(ours, ours + np.array([0.1, 0.3])).tolist() == [False, True]


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Cell:
    """A budget of 40 epochs. random+fifo ends at 0.8 (target 0.792), which ours reaches after 10
    epochs and another method after 20; a slow method has a budget of 10 epochs."""
    world = World(load_table(write(tmp_path_factory.mktemp("t") / "made.npz")))
    curves = {
        BASE: [(0, 1.0, 0.1, 0.1), (36, 90.0, 0.8, 0.8)],
        "peer": [(5, 9.0, 0.3, 0.3), (20, 50.0, 0.9, 0.9)],
        "slow": [(5, 9.0, 0.3, 0.3)],
        "ours:tpe": [(2, 4.0, 0.2, 0.2), (10, 25.0, 0.95, 0.95)],
    }
    rows = [
        {
            "table": "made",
            "workers": 8,
            "method": method,
            "seed": seed,
            "trials": 20,
            "marks": [10] if method == "slow" else [10, 40],
            "curve": curve,
        }
        for seed in (1, 0)
        for method, curve in curves.items()
    ]
    (made,) = make_cells(rows, {"made": world}, ["slow", "ours:tpe", BASE, "peer"])
    return made


def test_a_cell_measures_epochs_to_the_target_of_random_fifo(cell: Cell) -> None:
    assert cell.budget == 40
    assert list(cell.runs) == ["slow", "ours:tpe", BASE, "peer"]
    assert [row["seed"] for row in cell.runs[BASE]] == [0, 1]
    assert cell.target == pytest.approx(0.792)
    needs = [cell.need(method, cell.target) for method in cell.runs]
    assert needs[1:] == [10, 36, 20]
    assert math.isnan(needs[0]), "nobody knows what it would have done"
    assert cell.need("peer", 0.95) == math.inf


def test_the_ratios_are_relative_to_the_budget_and_the_best_other_method(cell: Cell) -> None:
    assert ratios([cell], "ours:tpe") == (10 / 40, 10 / 20)
    assert ratios([cell, cell], "ours:tpe") == (10 / 40, 10 / 20)


def test_bands_are_compared_at_every_common_budget(cell: Cell) -> None:
    assert cell.beaten_by("ours:tpe") == {
        BASE: [1],
        "peer": [5, 6, 7, 8, 9],
        "slow": [5, 6, 7, 8, 9],
    }
