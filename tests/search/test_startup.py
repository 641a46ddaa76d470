"""The first points of a model-based search are spread evenly."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.search.startup import STARTUP, spread_values
from sweep.space.domains import Choice, Constant, Domain, Float, Int

SPACE: dict[str, Domain] = {
    "sparsity": Float(0.2, 0.95),
    "method": Choice(("l1-norm", "random")),
    "scope": Choice(("local", "global")),
    "finetune_epochs": Int(0, 3),
    "learning_rate": Float(2e-5, 5e-4, log=True),
    "activation_sparsity": Constant(0.0),
}
SEEDS = st.integers(0, 2**32 - 1)


@given(SEEDS)
def test_each_pair_of_choices_comes_twice_in_eight(seed: int) -> None:
    points = [spread_values(SPACE, seed, number) for number in range(8)]
    pairs = Counter((point["method"], point["scope"]) for point in points)
    assert set(pairs.values()) == {2}
    assert len(pairs) == 4


@given(SEEDS)
def test_each_half_of_a_range_comes_equally_often(seed: int) -> None:
    points = [spread_values(SPACE, seed, number) for number in range(8)]
    assert sum(point["sparsity"] < (0.2 + 0.95) / 2 for point in points) == 4
    assert sum(point["learning_rate"] < (2e-5 * 5e-4) ** 0.5 for point in points) == 4
    assert sum(point["finetune_epochs"] < 2 for point in points) == 4


@given(SEEDS, st.integers(0, STARTUP - 1))
def test_every_point_lies_in_the_space_and_is_the_same_again(seed: int, number: int) -> None:
    point = spread_values(SPACE, seed, number)
    assert all(SPACE[name].contains(value) for name, value in point.items())
    assert point == spread_values(SPACE, seed, number)


@pytest.mark.parametrize(
    "domain",
    [
        Int(1, 9, log=True),
        Int(0, 10, step=5),
        Float(0.1, 0.9, step=0.2),
        Float(0.5, 0.5),
        Choice((0, 2, 5)),
    ],
    ids=str,
)
def test_every_kind_of_domain_is_covered_from_end_to_end(domain: Domain) -> None:
    values = {spread_values({"x": domain}, s, n)["x"] for s in range(40) for n in range(STARTUP)}
    assert all(domain.contains(value) for value in values)
    if domain.size <= 9:
        assert len(values) == domain.size
