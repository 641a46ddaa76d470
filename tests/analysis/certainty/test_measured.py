"""Intervals of the primary metric: of a share of right answers, and of any other value."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from analysis.certainty.measured import Measured, interval, mean_of, measured, over_seeds
from analysis.certainty.statistics import seeds_margin, wilson
from sweep.ledger.metric import PrimaryMetric

ACCURACY = PrimaryMetric()
RMSE = PrimaryMetric("rmse", "min", "metres", worst=None)


def shares(values: list[float], examples: int) -> list[Measured]:
    return [Measured(value, math.nan, examples) for value in values]


@pytest.mark.parametrize("seeds", [1, 5])
def test_equal_values_over_seeds_have_the_wilson_interval_of_one_seed(seeds: int) -> None:
    low, high = wilson(90, 100)
    assert over_seeds(shares([0.9] * seeds, 100), ACCURACY) == pytest.approx(
        (0.9, float(low), float(high))
    )


def test_the_spread_over_seeds_widens_in_squares() -> None:
    values = np.array([0.88, 0.90, 0.93])
    mean, low, high = over_seeds(shares(values.tolist(), 2000), ACCURACY)
    wide = stats.t.ppf(0.975, 2) * stats.sem(values)
    wilson_low, wilson_high = wilson(mean * 2000, 2000)
    assert mean == pytest.approx(values.mean())
    assert (mean - low) ** 2 == pytest.approx((mean - wilson_low) ** 2 + wide**2)
    assert (high - mean) ** 2 == pytest.approx((wilson_high - mean) ** 2 + wide**2)
    assert seeds_margin(values, 0.95) == pytest.approx(wide)


def test_an_interval_of_shares_is_within_0_and_1() -> None:
    mean, low, high = over_seeds(shares([0.0, 1.0], 10), ACCURACY)
    assert (mean, low, high) == (0.5, 0.0, 1.0)
    assert all(map(math.isnan, over_seeds([], ACCURACY)))


def test_the_interval_over_seeds_has_its_coverage() -> None:
    """Models of 4 seeds with a true mean accuracy of 0.9 and a spread of 0.01, 500 examples."""
    draw = np.random.default_rng(0)
    held = 0
    for _ in range(600):
        ease = draw.random(500)
        found = [(ease < skill).mean() for skill in draw.normal(0.9, 0.01, 4)]
        _, low, high = over_seeds(shares(found, 500), ACCURACY)
        held += low <= 0.9 <= high
    assert held / 600 >= 0.95


def test_the_interval_of_any_metric_is_its_value_and_its_error() -> None:
    one = measured({"rmse": 2.0, "rmse_se": 0.1}, RMSE)
    z = stats.norm.ppf(0.975)
    assert interval(one, RMSE) == pytest.approx((2 - 0.1 * z, 2 + 0.1 * z))
    seeds = [Measured(value, 0.1, math.nan) for value in (1.9, 2.0, 2.3)]
    mean, low, high = over_seeds(seeds, RMSE)
    wide = stats.t.ppf(0.975, 2) * stats.sem([1.9, 2.0, 2.3])
    assert mean - low == pytest.approx(math.hypot(0.1 * z, wide)) == pytest.approx(high - mean)


@pytest.mark.parametrize(
    ("metric", "value", "ends"),
    [
        (PrimaryMetric("f1", "max", "share", 0.0), 0.9, (0.0, 1.0)),
        (PrimaryMetric("matthews", "max", "", -1.0), 0.9, (-1.0, math.inf)),
        (PrimaryMetric("error", "min", "share", 1.0), 0.1, (0.0, 1.0)),
        (PrimaryMetric("perplexity", "min", "", 50.0), 9.0, (-math.inf, 50.0)),
        (RMSE, 9.0, (-math.inf, math.inf)),
    ],
)
def test_an_interval_is_clipped_to_the_range_of_the_metric(
    metric: PrimaryMetric, value: float, ends: tuple[float, float]
) -> None:
    low, high = interval(Measured(value, 1000.0, math.nan), metric)
    half = 1000 * stats.norm.ppf(0.975)
    assert (low, high) == pytest.approx((max(value - half, ends[0]), min(value + half, ends[1])))


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ({"accuracy": 0.75, "correct": 3, "examples": 4}, 4),
        # Not the share of right answers: another metric beside them.
        ({"accuracy": 0.8, "correct": 3, "examples": 4}, math.nan),
        ({"accuracy": 0.8}, math.nan),
        ({"accuracy": 0.0, "correct": 0, "examples": 0}, math.nan),
    ],
)
def test_a_share_of_right_answers_is_recognised_by_its_counts(
    figures: dict[str, Any], expected: float
) -> None:
    assert measured(figures, ACCURACY).examples == pytest.approx(expected, nan_ok=True)


def test_missing_figures_give_nan() -> None:
    assert np.isnan(measured({}, RMSE)).all() and np.isnan(mean_of([])).all()
    assert np.isnan(interval(measured({"rmse": 2.0}, RMSE), RMSE)).all()
