"""The trials that a sampler sees, and the configurations that follow."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.search.samplers import Window
from sweep.search.startup import Configurations
from sweep.space.active import identity
from sweep.space.counting import size
from sweep.space.domains import Choice, Condition, Constant, Domain, Float, Int

AIMS = {"accuracy": "max", "size_bytes": "min", "epoch": "min"}


def test_a_small_sweep_is_shown_whole() -> None:
    window = Window(AIMS, finished=5, running=2)
    for place in range(7):
        window.begin(place)
        if place < 5:
            window.end(place, (0.5, 1.0, 1.0), feasible=True)
        assert window.places(place + 1) == range(place + 1)
    window.begin(7)
    assert window.places(8) == [0, 1, 2, 3, 4, 6, 7]  # the newest of those running


def test_of_a_large_one_the_best_however_old_and_the_newest() -> None:
    window = Window({"accuracy": "max"}, finished=4, running=1)
    for place in range(100):
        window.begin(place)
        value = None if place % 10 == 9 else (1.0 if place == 3 else 0.1,)
        window.end(place, value, feasible=True)
    window.begin(100)
    assert window.places(101) == [3, 96, 97, 98, 100]
    assert window.places(101, also=[50]) == [3, 50, 96, 97, 98, 100]


def test_the_best_that_break_a_constraint_are_not_kept_for_it() -> None:
    window = Window({"accuracy": "max"}, finished=2, running=0)
    for place in range(10):
        window.end(place, (1.0 - place / 100,), feasible=place >= 4)
    assert window.places(10) == [4, 9]


@given(st.integers(1, 9), st.integers(1, 9))
def test_never_more_are_shown_than_the_bounds(finished: int, running: int) -> None:
    window = Window(AIMS, finished, running)
    random = np.random.default_rng([finished, running])
    for place in range(60):
        window.begin(place)
        if place >= 15:
            window.end(place - 15, random.random(3).tolist(), feasible=True)
    shown = window.places(60)
    assert len(shown) == finished + running
    assert len([place for place in shown if place >= 45]) == running


SPACE: dict[str, Domain] = {
    "learning_rate": Choice((1e-4, 1e-3), (Condition("finetune_epochs", low=1),)),
    "sparsity": Float(0.1, 0.5, step=0.1),
    "finetune_epochs": Int(0, 2),
    "method": Constant("random"),
}


def everything(configurations: Configurations) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while point := configurations.following(len(found)):
        assert point not in configurations
        found.append(point)
        configurations.add(point)
    return found


@pytest.mark.parametrize("seed", [None, 0, 1, 17])
def test_every_configuration_comes_once(seed: int | None) -> None:
    found = everything(Configurations(SPACE, seed))
    expected = [
        {"sparsity": sparsity, "finetune_epochs": epochs, "method": "random"}
        | ({"learning_rate": rate} if epochs else {})
        for sparsity in SPACE["sparsity"].grid()
        for epochs in (0, 1, 2)
        for rate in ((1e-4, 1e-3) if epochs else (None,))
    ]
    assert len(found) == len(expected) == size(SPACE)
    assert {identity(point) for point in found} == {identity(point) for point in expected}
    if seed is None:
        assert found == expected  # a parent before its child, the last turning fastest


def test_seeds_jump_about_each_in_its_own_way() -> None:
    orders = [[identity(p) for p in everything(Configurations(SPACE, seed))] for seed in range(3)]
    assert all(one != other for one, other in itertools.combinations(orders, 2))
    sparsities = [dict(point)["sparsity"] for point in orders[0]]
    assert sum(a == b for a, b in itertools.pairwise(sparsities)) < len(sparsities) / 2


def test_points_can_be_asked_for_ahead() -> None:
    configurations = Configurations(SPACE, None)
    whole = everything(Configurations(SPACE, None))
    found = [configurations.following(0, skip) for skip in range(len(whole) + 1)]
    assert found == [*whole, {}]


def test_an_enormous_space_takes_no_time_and_no_memory() -> None:
    huge: dict[str, Domain] = {
        name: Float(0.0, 0.9, step=1e-9) for name in ("sparsity", "activation_sparsity")
    }
    configurations = Configurations(huge, 3)
    found = [configurations.following(0, skip) for skip in range(5)]
    assert len({identity(point) for point in found}) == 5
