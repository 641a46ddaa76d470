"""A claim is false in at most one world of twenty, whatever is chosen by it.

`python -m benchmarks.claims` has the same for whole fronts.
"""

from __future__ import annotations

from bisect import bisect_left

import numpy as np
import pytest
from scipy import stats

from analysis.certainty.paired import tango_low
from analysis.certainty.statistics import two_way_margin
from analysis.certainty.verdicts import MARGIN, certain

Z = stats.norm.ppf(0.95)


@pytest.mark.parametrize("discordant", [0.02, 0.03, 0.06])
@pytest.mark.parametrize("examples", [500, 872, 1821])
def test_one_test_at_the_margin_is_exact(examples: int, discordant: float) -> None:
    """The probability that the bound is above minus the margin where the drop is the margin."""
    won, lost = (discordant - MARGIN) / 2, (discordant + MARGIN) / 2
    below = np.arange(round(examples * lost + 7 * (examples * lost) ** 0.5))
    most = range(len(below) + 20)
    least = [
        bisect_left(most, True, key=lambda a: tango_low(a, b, examples) > -MARGIN) for b in below
    ]
    # Given the numbers that only dense answers right, the others win with this probability.
    beyond = stats.binom.sf(np.array(least) - 1, examples - below, won / (1 - lost))
    size = float(stats.binom.pmf(below, examples, lost) @ beyond)
    assert size <= 0.0515 and (size > 0.03 or discordant == 0.02)


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("alike", [0.0, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("effect", [0.0, 0.4, 3.0])
def test_the_bound_of_a_mean_over_seeds_fails_in_at_most_5_percent(
    seeds: int, alike: float, effect: float
) -> None:
    """Normal errors: one of variance 1, a part of it in common, and an effect of the seed."""
    draw = np.random.default_rng(0)
    own = draw.normal(size=(20_000, seeds)) * (1 - alike + effect**2) ** 0.5
    values = own + draw.normal(size=(20_000, 1)) * alike**0.5
    spreads = stats.t.ppf(0.95, seeds - 1) * values.std(axis=1, ddof=1) / seeds**0.5
    gaps = np.array([two_way_margin(Z, spread, alike, seeds) for spread in spreads])
    assert (values.mean(axis=1) > gaps).mean() <= 0.054


@pytest.mark.parametrize("points", [5, 14])
@pytest.mark.parametrize("beyond", ["all", "sparse half", "any half"])
@pytest.mark.parametrize("alike", [0.0, 0.9])
def test_the_chosen_point_is_beyond_the_margin_in_at_most_5_percent(
    points: int, beyond: str, alike: float
) -> None:
    """Those points lie just at it, the others are far better. With a test each it is more."""
    draw = np.random.default_rng(1)
    sparsity, tested = np.linspace(0, 0.9, points), np.ones(points, dtype=bool)
    drops = np.where(np.arange(points) < (0 if beyond == "all" else points // 2), -9.0, MARGIN)
    claims, alone = 0, 0
    for _ in range(2000):
        drops = draw.permutation(drops) if beyond == "any half" else drops
        errors = alike**0.5 * draw.normal() + (1 - alike) ** 0.5 * draw.normal(size=points)
        most_drop = drops + errors + Z
        is_false = drops == MARGIN
        claims += bool((certain(most_drop, sparsity, tested, MARGIN) & is_false).any())
        alone += bool(((most_drop < MARGIN) & is_false).any())
    assert claims / 2000 <= 0.06 < alone / 2000
