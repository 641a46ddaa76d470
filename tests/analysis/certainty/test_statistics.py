from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from scipy import stats

from analysis.certainty.statistics import holm, over_seeds, quantile, rueger, seeds_margin, wilson


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_wilson_is_that_of_scipy(level: float) -> None:
    pairs = [(0, 1), (1, 1), (0, 50), (50, 50), (1, 3), (437, 872), (869, 872), (12_345, 25_000)]
    low, high = wilson(*zip(*pairs, strict=True), level=level)
    for place, (correct, examples) in enumerate(pairs):
        expected = stats.binomtest(correct, examples).proportion_ci(level, method="wilson")
        assert low[place] == pytest.approx(expected.low, abs=1e-12)
        assert high[place] == pytest.approx(expected.high, abs=1e-12)


def test_wilson_of_nothing_is_unknown() -> None:
    low, high = wilson([0.0, np.nan], [0.0, np.nan])
    assert np.isnan([low, high]).all()


def test_a_level_is_a_share() -> None:
    with pytest.raises(ValueError, match="level"):
        wilson(1, 2, level=95)


def density(t: np.ndarray, freedom: int) -> np.ndarray:
    """Of Student's t."""
    log = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)
    whole: np.ndarray = math.exp(log) * (1 + t * t / freedom) ** (-(freedom + 1) / 2)
    return whole / math.sqrt(freedom * math.pi)


@pytest.mark.parametrize("level", [0.1, 0.9, 0.95, 0.999])
def test_the_share_between_the_quantiles_is_the_level(level: float) -> None:
    assert quantile(level) == pytest.approx(NormalDist().inv_cdf(0.5 + level / 2), rel=1e-9)
    assert quantile(level, 1) == pytest.approx(math.tan(math.pi * level / 2), rel=1e-9)
    for freedom in (2, 3, 9, 200):
        t = np.linspace(0, quantile(level, freedom), 100_001)
        within = 2 * np.trapezoid(density(t, freedom), t)
        assert within == pytest.approx(level, rel=1e-6), freedom


@pytest.mark.parametrize("seeds", [1, 5])
def test_seeds_that_agree_have_wilsons_interval_of_the_examples_that_all_answer(seeds: int) -> None:
    low, high = wilson(90, 100)
    assert over_seeds([0.9] * seeds, 100) == pytest.approx((0.9, float(low), float(high)))


def test_the_spread_over_seeds_widens_in_squares() -> None:
    shares = np.array([0.88, 0.90, 0.93])
    mean, low, high = over_seeds(shares, 2000)
    wide = stats.t.ppf(0.975, 2) * stats.sem(shares)
    wilson_low, wilson_high = wilson(mean * 2000, 2000)
    assert mean == pytest.approx(shares.mean())
    assert (mean - low) ** 2 == pytest.approx((mean - wilson_low) ** 2 + wide**2)
    assert (high - mean) ** 2 == pytest.approx((wilson_high - mean) ** 2 + wide**2)
    assert seeds_margin(shares, 0.95) == pytest.approx(wide)


def test_an_interval_over_seeds_stays_a_share() -> None:
    mean, low, high = over_seeds([0.0, 1.0], 10)
    assert (mean, low, high) == (0.5, 0.0, 1.0)
    assert all(map(math.isnan, over_seeds([], 10)))


def test_the_interval_over_seeds_holds_as_often_as_it_says() -> None:
    """Models of 4 seeds with a true mean accuracy of 0.9 and a spread of 0.01, 500 examples."""
    draw = np.random.default_rng(0)
    held = 0
    for _ in range(600):
        ease = draw.random(500)
        shares = [(ease < skill).mean() for skill in draw.normal(0.9, 0.01, 4)]
        _, low, high = over_seeds(shares, 500)
        held += low <= 0.9 <= high
    assert held / 600 >= 0.95


@pytest.mark.slow
def test_holm_is_that_of_statsmodels() -> None:
    tests = pytest.importorskip("statsmodels.stats.multitest")
    draw = np.random.default_rng(0)
    for count in range(1, 30):
        given = np.round(draw.random(count) ** 3, 2)  # with ties
        expected = tests.multipletests(given, method="holm")[1]
        assert holm(given) == pytest.approx(expected)


def test_holm_passes_over_what_is_missing() -> None:
    assert holm([0.02, np.nan, 0.5]) == pytest.approx([0.04, np.nan, 0.5], nan_ok=True)
    assert holm([]).tolist() == []
    assert np.isnan(holm([np.nan])).all()


def test_p_values_of_several_seeds_become_one() -> None:
    assert rueger([0.2]) == 0.2
    assert rueger([0.01, 0.03]) == pytest.approx(2 * 0.01)
    assert rueger([0.9, 0.8, 0.7]) == 1
    assert math.isnan(rueger([]))


def test_one_of_several_p_values_is_no_smaller_than_it_may_be() -> None:
    """Of true hypotheses at most 1 in 20 falls below 0.05, also where the tests are the same."""
    draw = np.random.default_rng(0)
    for shared in (0.0, 0.7, 1.0):
        z = shared * draw.normal(size=(20_000, 1)) + (1 - shared**2) ** 0.5 * draw.normal(
            size=(20_000, 3)
        )
        p_values = np.array([[math.erfc(abs(x) / math.sqrt(2)) for x in row] for row in z])
        assert np.mean([rueger(row) <= 0.05 for row in p_values]) < 0.053
