"""Paired tests and intervals, compared with other programs and with their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from analysis.certainty.paired import (
    compare,
    discordant,
    mcnemar,
    paired_bootstrap,
    tango_low,
)

PAIRS = [(0, 0), (0, 1), (1, 0), (3, 3), (2, 10), (10, 2), (0, 40), (57, 91), (5000, 5200)]


def test_mcnemar_is_a_binomial_test() -> None:
    for only_a, only_b in np.random.default_rng(0).integers(0, 300, (200, 2)).tolist():
        tosses = only_a + only_b
        fewer = sum(math.comb(tosses, heads) for heads in range(min(only_a, only_b) + 1))
        assert mcnemar(only_a, only_b) == pytest.approx(min(1, 2 * fewer / 2**tosses), rel=1e-9)


def test_mcnemar_of_many_examples_is_a_probability() -> None:
    assert 0 <= mcnemar(0, 25_000) < 1e-300
    assert mcnemar(12_500, 12_500) == 1


def test_the_paired_bootstrap_is_that_of_drawn_examples() -> None:
    """Compared with drawing single examples, up to the noise of two bootstraps."""
    a = np.array([1] * 60 + [0] * 40)
    b = np.array([1] * 45 + [0] * 30 + [1] * 25)
    only_a, only_b = discordant(a.astype(bool), b.astype(bool))
    draw = np.random.default_rng(1)
    drawn = draw.integers(0, 100, (20_000, 100))
    expected = np.quantile((a[drawn] - b[drawn]).mean(axis=1), [0.025, 0.975])
    low, high = paired_bootstrap(only_a, only_b, 100, np.random.default_rng(2))
    assert (low, high) == pytest.approx(tuple(expected), abs=0.011)


def likelihood(only_b: np.ndarray, a: float, b: float, n: float, difference: float) -> np.ndarray:
    """The likelihood of shares (only a, only b, neither), up to a constant."""
    shares = [only_b + difference, only_b, 1 - 2 * only_b - difference]
    return sum(k * np.log(p) for k, p in zip((a, b, n - a - b), shares, strict=True))


@pytest.mark.parametrize(("a", "b", "n"), [(30, 20, 200), (3, 12, 100), (1, 1, 50), (40, 41, 90)])
def test_tangos_bound_is_the_limit_of_the_score_test(a: int, b: int, n: int) -> None:
    bound = tango_low(a, b, n)
    # The maximum-likelihood shares with that difference, by trying many.
    least = max(0.0, -bound)
    grid = np.linspace(least, (1 - bound) / 2, 400_002)[1:-1]
    only_b = grid[np.argmax(likelihood(grid, a, b, n, bound))]
    error = np.sqrt((2 * only_b + bound - bound**2) / n)
    z = ((a - b) / n - bound) / error
    assert z == pytest.approx(stats.norm.ppf(0.95), abs=1e-3)


def test_tangos_bound_has_its_coverage() -> None:
    """About 95 in 100 of 4,000 draws with a true difference of -0.02 have a bound below it."""
    draw = np.random.default_rng(4)
    numbers = draw.multinomial(400, [0.05, 0.07, 0.88], size=4000)
    held = [tango_low(int(a), int(b), 400) <= -0.02 for a, b, _ in numbers]
    assert np.mean(held) == pytest.approx(0.95, abs=0.012)


@pytest.mark.parametrize(("a", "b"), [(0, 0), (5, 0), (0, 5), (50, 50), (100, 0), (0, 100)])
def test_tangos_bound_is_below_the_difference(a: int, b: int) -> None:
    bound = tango_low(a, b, 100)
    assert -1 <= bound <= (a - b) / 100
    assert tango_low(a, b, 100, level=0.99) <= bound


def test_answers_to_different_examples_are_not_compared() -> None:
    draw = np.random.default_rng(0)
    with pytest.raises(ValueError, match="a and b answered 2 and 3 examples"):
        compare(("a", np.ones(2, bool)), ("b", np.ones(3, bool)), "test", draw)
