"""Learning-rate schedules: their shape for any number of steps."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.compress.train import Recipe, lr_factor

steps_per_epoch = st.integers(1, 50)
warmups = st.integers(0, 99).map(lambda percent: percent / 100)


def factors(steps: int, **recipe: object) -> list[float]:
    """Return the learning-rate factor of every step of a run."""
    given_recipe = Recipe(learning_rate=1.0, seed=0, **recipe)  # type: ignore[arg-type]
    return [lr_factor(i, steps, given_recipe) for i in range(steps * given_recipe.epochs)]


def is_rising(values: list[float]) -> bool:
    """Whether the values increase strictly."""
    return all(a < b for a, b in pairwise(values))


@given(steps_per_epoch, warmups, st.integers(1, 6), st.integers(1, 6))
def test_constant_warms_up_in_the_first_epoch_and_ignores_the_horizon(
    steps: int, warmup: float, epochs: int, other: int
) -> None:
    found, two = (
        factors(steps, epochs=horizon, warmup=warmup, lr_schedule="constant")
        for horizon in (epochs, other)
    )
    shared = min(epochs, other) * steps
    assert found[:shared] == two[:shared]
    rising = math.ceil(warmup * steps)
    assert is_rising(found[:rising])
    assert all(0 < factor < 1 for factor in found[:rising])
    assert set(found[rising:]) <= {1.0}


@given(steps_per_epoch, warmups, st.integers(1, 6))
def test_linear_rises_over_the_warmup_and_falls_to_almost_zero(
    steps: int, warmup: float, epochs: int
) -> None:
    found = factors(steps, epochs=epochs, warmup=warmup, lr_schedule="linear")
    rising, total = math.ceil(warmup * len(found)), len(found)
    assert is_rising(found[:rising])
    falling = found[rising:]
    assert is_rising(falling[::-1])
    assert all(0 < factor <= 1 for factor in found)
    if falling:
        assert falling[-1] == pytest.approx(1 / max(1, total - warmup * total))


def test_linear_without_warmup_is_a_straight_line_from_the_peak() -> None:
    found = factors(5, epochs=4, warmup=0.0, lr_schedule="linear")
    assert found == pytest.approx(np.linspace(1, 0, 21)[:-1].tolist())
