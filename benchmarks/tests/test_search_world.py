"""The replayed world: grid points equal the table; the mean is interpolated, the noise is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.search.table import Table, load_table
from benchmarks.search.world import DIRECTIONS, World
from benchmarks.tests.search_tables import EXAMPLES, arrays, write
from sweep.pareto import hypervolume


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    return load_table(write(tmp_path_factory.mktemp("tables") / "made.npz"))


@pytest.fixture(scope="module")
def world(table: Table) -> World:
    return World(table)


def params(table: Table, row: float, column: float, **others: Any) -> dict[str, Any]:
    """The point ``row`` sparsities and ``column`` learning rates into the grid (fractions too)."""
    rates = np.log(table.learning_rates)
    return {
        "method": "l1-norm",
        "scope": "global",
        "sparsity": float(np.interp(row, range(len(table.sparsities)), table.sparsities)),
        "learning_rate": float(np.exp(np.interp(column, range(len(rates)), rates))),
        **others,
    }


def test_a_grid_point_has_the_mean_of_its_seeds(table: Table, world: World) -> None:
    for row, column in [(0, 0), (3, 2), (8, 3)]:
        curve = world.curve(params(table, row, column), [0, 0])
        recorded = table.accuracy[0, 1, row, column]
        assert curve.true == pytest.approx(recorded.mean(axis=0))


def test_observed_curves_at_a_grid_point_are_scaled_recorded_curves(table: Table) -> None:
    """Without the scale, every observed curve is a recorded one."""
    world = World(table)
    world._deviation *= np.sqrt(2 / 3)
    seen = {tuple(world.curve(params(table, 4, 1), [0, n]).seen) for n in range(40)}
    assert seen == {tuple(np.round(a * EXAMPLES) / EXAMPLES) for a in table.accuracy[0, 1, 4, 1]}


def test_the_mean_between_points_is_bilinear(table: Table, world: World) -> None:
    corners = [world.curve(params(table, r, c), [0]).true for r in (2, 3) for c in (1, 2)]
    middle = world.curve(params(table, 2.5, 1.5), [0]).true
    assert middle == pytest.approx(np.mean(corners, axis=0))
    edge = world.curve(params(table, 2.25, 1), [0]).true
    assert edge == pytest.approx(0.75 * corners[0] + 0.25 * corners[2])


@pytest.mark.parametrize(("row", "column"), [(4, 1), (4.5, 1.5)])
def test_noise_is_as_large_in_a_cell_as_at_its_corners(
    table: Table, world: World, row: float, column: float
) -> None:
    """The variance is the mean of the corners' unbiased variances, so it is not averaged away."""
    point = params(table, row, column)
    curves = [world.curve(point, [1, n]) for n in range(1000)]
    seen = np.array([curve.seen - curve.true for curve in curves])
    rows, columns = (
        sorted({int(row), int(np.ceil(row))}),
        sorted({int(column), int(np.ceil(column))}),
    )
    corners = table.accuracy[0, 1][np.ix_(rows, columns)].var(axis=2, ddof=1).mean(axis=(0, 1))
    assert seen.var(axis=0) == pytest.approx(corners, rel=0.15)
    assert seen.mean(axis=0) == pytest.approx(0, abs=0.001)


def test_a_trial_is_the_same_for_the_same_seed_and_is_counted_in_examples(
    table: Table, world: World
) -> None:
    point = params(table, 5.3, 0.7)
    first, again, other = (world.curve(point, [3, n]) for n in (1, 1, 2))
    assert (first.seen == again.seen).all() and (first.seconds == again.seconds).all()
    assert (first.seen != other.seen).any() and (first.true == other.true).all()
    assert first.seen * EXAMPLES == pytest.approx(np.round(first.seen * EXAMPLES))


def test_the_front_is_above_every_point_of_the_world(table: Table, world: World) -> None:
    """The front also touches the table: the best mean has the front's accuracy at its sparsity."""
    random = np.random.default_rng(0)
    accuracy, sparsity = world.front.T
    for _ in range(300):
        point = params(table, random.uniform(0, 8), random.uniform(0, 3))
        point |= {"method": str(random.choice(table.methods))}
        best = np.interp(point["sparsity"], sparsity, accuracy)
        assert world.curve(point, [0]).true.max() <= best + 1e-9
    means = table.accuracy.mean(axis=4).max(axis=(0, 1, 3, 4))
    assert np.interp(table.sparsities, sparsity, accuracy) == pytest.approx(means)


def test_the_whole_volume_is_the_area_under_the_front(world: World) -> None:
    """The reference is the trapezium rule plus the rectangle below the first sparsity."""
    accuracy, sparsity = world.front[::-1].T
    height = np.maximum.accumulate(accuracy)[::-1] - world.reference[0]
    area = np.trapezoid(height, sparsity[::-1]) + height[0] * sparsity[-1]
    assert world.volume == pytest.approx(area, rel=2e-3)
    grid = world.front[::50]
    assert hypervolume(grid, world.reference, DIRECTIONS) < world.volume


def test_a_table_of_one_seed_has_no_noise(table: Table) -> None:
    single = World(replace(table, accuracy=table.accuracy[:, :, :, :, :1]))
    curve = single.curve(params(table, 2.5, 1.5), [0])
    assert curve.seen == pytest.approx(curve.true, abs=0.5 / EXAMPLES + 1e-9)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"correct": None}, "has no correct"),
        ({"sparsities": np.linspace(0.9, 0.2, 9)}, "must ascend"),
        ({"learning_rates": np.array([1e-4])}, "the axes are"),
        ({"examples": 100}, "0 to 100"),
    ],
)
def test_an_invalid_table_is_refused(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    changed = {k: v for k, v in (arrays() | change).items() if v is not None}
    np.savez_compressed(tmp_path / "bad.npz", **changed)
    with pytest.raises(ValueError, match=words):
        load_table(tmp_path / "bad.npz")
