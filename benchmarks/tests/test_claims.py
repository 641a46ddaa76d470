"""The worlds of the benchmark of claims have the drops and the agreement of their names."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.certainty.verdicts import MARGIN
from benchmarks.claims import DISCORDANT, Front, false_alone, fronts, retrained, shares


@pytest.mark.parametrize(("alike", "effect"), [(0.0, 0.0), (0.5, 0.005), (1.0, 0.0)])
def test_a_world_has_the_drops_of_its_front(alike: float, effect: float) -> None:
    front = Front("x", np.array([0.0, MARGIN]), 8, alike, effect)
    draw = np.random.default_rng(0)
    dense = draw.random(40_000) < 0.9
    same, below = retrained(front, front.drops, dense, draw)
    assert (same != dense).mean() == pytest.approx(DISCORDANT, rel=0.1)
    assert same.mean() - dense.mean() == pytest.approx(0, abs=0.008)
    assert dense.mean() - below.mean() == pytest.approx(MARGIN, abs=0.008)
    if effect == 0:
        shared = (same != dense).all(axis=0).mean()
        assert shared == pytest.approx(alike * DISCORDANT, abs=2e-3)


def test_false_claims_are_rare_and_true_ones_are_not() -> None:
    rows = {(f.name, len(f.drops), f.seeds, f.alike): f for f in fronts() if not f.effect}
    false = shares(rows["any order", 5, 3, 0.5], 100, 1821, np.random.default_rng(0))
    assert false.false <= 0.07 < false.any
    equal = shares(rows["equal", 5, 3, 0.0], 60, 1821, np.random.default_rng(0))
    assert equal.false == 0 and equal.sparsest <= equal.any and equal.any > 0.6


def test_one_point_at_the_margin_is_claimed_in_at_most_one_world_of_twenty() -> None:
    assert 0.03 < false_alone(872) <= 0.05
