from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from scipy import stats

from analysis.certainty.statistics import holm, quantile, rueger, wilson


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_wilson_is_that_of_scipy(level: float) -> None:
    pairs = [(0, 1), (1, 1), (0, 50), (50, 50), (1, 3), (437, 872), (869, 872), (12_345, 25_000)]
    for correct, examples in pairs:
        low, high = wilson(correct, examples, level)
        expected = stats.binomtest(correct, examples).proportion_ci(level, method="wilson")
        assert low == pytest.approx(expected.low, abs=1e-12)
        assert high == pytest.approx(expected.high, abs=1e-12)


def test_a_level_is_a_share() -> None:
    with pytest.raises(ValueError, match="level"):
        wilson(1, 2, level=95)


def density(t: np.ndarray, freedom: int) -> np.ndarray:
    """The density of Student's t."""
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


@pytest.mark.slow
def test_holm_is_that_of_statsmodels() -> None:
    tests = pytest.importorskip("statsmodels.stats.multitest")
    draw = np.random.default_rng(0)
    for count in range(1, 30):
        given = np.round(draw.random(count) ** 3, 2)  # with ties
        expected = tests.multipletests(given, method="holm")[1]
        assert holm(given) == pytest.approx(expected)


def test_holm_ignores_missing_values() -> None:
    assert holm([0.02, np.nan, 0.5]) == pytest.approx([0.04, np.nan, 0.5], nan_ok=True)
    assert holm([]).tolist() == []
    assert np.isnan(holm([np.nan])).all()


def test_p_values_of_several_seeds_become_one() -> None:
    assert rueger([0.2]) == 0.2
    assert rueger([0.01, 0.03]) == pytest.approx(2 * 0.01)
    assert rueger([0.9, 0.8, 0.7]) == 1
    assert math.isnan(rueger([]))


def test_one_of_several_p_values_is_no_smaller_than_it_may_be() -> None:
    """At most 1 in 20 true hypotheses has a value below 0.05, even if the tests are the same."""
    draw = np.random.default_rng(0)
    for shared in (0.0, 0.7, 1.0):
        z = shared * draw.normal(size=(20_000, 1)) + (1 - shared**2) ** 0.5 * draw.normal(
            size=(20_000, 3)
        )
        p_values = np.array([[math.erfc(abs(x) / math.sqrt(2)) for x in row] for row in z])
        assert np.mean([rueger(row) <= 0.05 for row in p_values]) < 0.053
