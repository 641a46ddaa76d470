"""Charts of several sweeps: their fronts and attainment surfaces."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.charts.attainment import reached
from analysis.comparison import Comparison
from tests.analysis.charts.sweeps import caption, panels
from tests.analysis.ledgers import LedgerBuilder, big_sweep, small_sweep


def several(*ledgers: LedgerBuilder) -> Comparison:
    return Comparison([ledger.load() for ledger in ledgers])


def test_each_front_is_that_of_its_table() -> None:
    comparison = several(*(big_sweep(20, seed) for seed in (1, 2, 3)))
    (panel,) = panels("fronts", comparison)
    lines = [one for one in panel.series if one.line != "none"]
    for line, results in zip(lines, comparison.results, strict=True):
        np.testing.assert_allclose(line.x, 100 * results.front["sparsity"])
        np.testing.assert_allclose(line.y, 100 * results.front["accuracy"])
    assert len({(one.colour, one.dash) for one in lines}) == 3
    assert len(panel.levels) == 1


def test_fronts_are_on_test_once_all_are_confirmed() -> None:
    points = {("t00000", 2): {1: 790}, ("t00001", 1): {1: 640}, ("t00003", 1): {1: 630}}
    done = small_sweep().confirm_round(points)
    mixed = several(done, small_sweep())
    assert "on validation" in caption("fronts", mixed)
    both = several(done, small_sweep().confirm_round(points))
    assert "on test" in caption("fronts", both)
    (panel,) = panels("fronts", both)
    line = next(one for one in panel.series if one.line != "none")
    np.testing.assert_allclose(line.y, 100 * both.results[0].front["test_accuracy"])
    assert panel.levels[0].y == pytest.approx(100 * 790 / 872)


def test_dense_models_that_differ_have_no_line() -> None:
    other = LedgerBuilder().baseline(correct=700).trial("a").record("a", 0, 600, 0.5)
    assert panels("fronts", several(small_sweep(), other))[0].levels == []


@pytest.mark.parametrize("ways", [("max", "max"), ("min", "max"), ("max", "min"), ("min", "min")])
def test_the_reached_value_is_the_best_among_good_enough_points(ways: tuple[str, str]) -> None:
    draw = np.random.default_rng(0)
    points, at = draw.integers(0, 9, size=(12, 2)).astype(float), np.arange(-1.0, 10.0)
    best = {"max": max, "min": min}[ways[1]]
    for place, got in zip(at, reached(points, at, ways), strict=True):
        good = [y for x, y in points if (x >= place if ways[0] == "max" else x <= place)]
        assert np.isnan(got) if not good else got == best(good)


def test_equal_sweeps_do_not_differ() -> None:
    comparison = several(big_sweep(20), big_sweep(20), big_sweep(20))
    surfaces, differences = panels("attainment", comparison)
    (median,) = surfaces.series
    front = comparison.results[0].front
    np.testing.assert_allclose(median.y, 100 * front["accuracy"])
    np.testing.assert_allclose(*median.ends)
    assert len(differences.series) == 3
    assert all((one.y == 0).all() for one in differences.series)


def test_the_median_lies_between_its_quartiles() -> None:
    comparison = several(*(big_sweep(25, seed) for seed in range(7)))
    surfaces, differences = panels("attainment", comparison)
    (median,) = surfaces.series
    low, high = median.ends
    assert (low <= median.y).all() and (median.y <= high).all()
    # By definition, at least half of the sweeps reach the median everywhere.
    reach = np.zeros(len(median.x))
    for one in differences.series:
        above = dict(zip(one.x, one.y >= -1e-9, strict=True))
        reach += [above.get(place, False) for place in median.x]
    assert (reach >= 3.5).all()


def test_two_sweeps_are_compared_with_each_other() -> None:
    comparison = several(big_sweep(20, 1), big_sweep(20, 2))
    (panel,) = panels("attainment", comparison)
    (line,) = panel.series
    assert line.label == comparison.names[1]
    first, second = (
        results.front[["sparsity", "accuracy"]].to_numpy(float) for results in comparison.results
    )
    for x, y in zip(line.x / 100, line.y / 100, strict=True):
        best = [max(p[1] for p in front if p[0] >= x - 1e-9) for front in (first, second)]
        assert y == pytest.approx(best[1] - best[0])
