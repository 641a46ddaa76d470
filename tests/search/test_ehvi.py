"""Expected hypervolume improvement: the area by counting, the gain by drawing, the proposals."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweep.pareto import hypervolume
from sweep.search.ehvi import SPREAD, Ehvi
from sweep.search.replay import Search
from sweep.search.surrogate import improvement, staircase
from sweep.space.domains import Choice, Constant, Domain, Float, Int
from sweep.space.params import Params
from tests.search.studies import config

BOTH = {"accuracy": "max", "sparsity": "max"}
WAYS = ("max", "max")
SPACE: dict[str, Domain] = {
    "sparsity": Float(0.1, 0.98),
    "method": Choice(("l1-norm", "random")),
    "finetune_epochs": Int(0, 4),
    "learning_rate": Float(1e-5, 1e-3, log=True),
}
shares = st.integers(0, 20).map(lambda k: k / 20)
fronts = st.lists(st.tuples(shares, shares), max_size=8)


def area(points: list[tuple[float, float]], floor: float) -> float:
    """The hypervolume of (accuracy, sparsity) above the reference point (floor, 0)."""
    return hypervolume(points, (floor, 0.0), WAYS) if points else 0.0


@settings(deadline=None)
@given(fronts, st.sampled_from([0.0, 0.3]))
def test_the_area_under_the_staircase_is_the_hypervolume(
    points: list[tuple[float, float]], floor: float
) -> None:
    heights, widths = np.array(points).reshape(-1, 2).T
    low, high, height = staircase(heights, widths, floor).T
    assert ((high - low) * (height - floor)).sum() == pytest.approx(area(points, floor))


@settings(deadline=None)
@given(fronts, shares, shares)
def test_a_sure_point_gains_what_it_adds_to_the_hypervolume(
    points: list[tuple[float, float]], accuracy: float, sparsity: float
) -> None:
    heights, widths = np.array(points).reshape(-1, 2).T
    steps = staircase(heights, widths, 0.0)
    found = improvement(np.array([accuracy]), np.array([1e-9]), np.array([sparsity]), steps)
    gain = area([*points, (accuracy, sparsity)], 0.0) - area(points, 0.0)
    assert found[0] == pytest.approx(gain, abs=1e-6)


def test_an_unsure_point_gains_the_mean_over_its_outcomes() -> None:
    points = [(0.9, 0.2), (0.8, 0.5), (0.6, 0.9)]
    steps = staircase(*np.array(points).T, 0.5)
    drawn = np.random.default_rng(0).normal(0.75, 0.1, 20_000)
    gains = [area([*points, (a, 0.7)], 0.5) - area(points, 0.5) for a in drawn]
    found = improvement(np.array([0.75]), np.array([0.1]), np.array([0.7]), steps)
    assert found[0] == pytest.approx(np.mean(gains), rel=0.03)


def truth(params: dict[str, Any], epoch: int) -> float:
    """l1-norm is better, one learning rate is best, epochs help."""
    rate = abs(np.log10(params["learning_rate"]) + 4)
    worse = 0.1 * rate + (0.2 if params["method"] == "random" else 0.0)
    return float(0.9 - worse - 0.4 * params["sparsity"] ** 6 / (1 + epoch))


def taught(
    trials: int,
    space: dict[str, Domain] = SPACE,
    objectives: dict[str, str] = BOTH,
    times: int = 1,
    **more: Any,
) -> Ehvi:
    """A sampler that observed every record so many ``times``; ``more`` replaces figures."""
    sampler = Ehvi(space, objectives)
    for number in range(trials):
        params = sampler.spread(number // 16, number % 16)
        sampler.begin(number, params)
        whole = {**Params().to_dict(), **params}
        for epoch in range(int(whole["finetune_epochs"]) + 1):
            accuracy = truth(whole, epoch)
            record = {"epoch": epoch, "accuracy": accuracy, "examples": 1000}
            record |= {"sparsity": whole["sparsity"], "accuracy_drop": 0.9 - accuracy}
            for _ in range(times):
                sampler.observe(number, params, record | more)
        sampler.end(number)
    return sampler


def test_it_learns_which_method_and_learning_rate_are_better() -> None:
    sampler = taught(32)
    asked = [sampler.propose(seed) for seed in range(20)]
    assert sum(params["method"] == "l1-norm" for params in asked) >= 18
    off = np.median([abs(np.log10(params["learning_rate"]) + 4) for params in asked])
    assert off < 0.4


def test_running_trials_keep_others_from_asking_for_the_same() -> None:
    sampler = taught(24)
    first = sampler.propose(0)
    for number in range(24, 40):
        sampler.begin(number, first)
    assert sampler.propose(0) != first


def test_a_record_counts_once_and_only_with_its_figures() -> None:
    assert taught(SPREAD).is_ready
    assert not taught(SPREAD, accuracy=float("nan")).is_ready
    assert not taught(SPREAD, sparsity=None).is_ready
    assert taught(SPREAD, times=2).propose(3) == taught(SPREAD).propose(3)


def test_a_drop_to_be_low_is_an_accuracy_to_be_high() -> None:
    drop = taught(16, objectives={"accuracy_drop": "min", "sparsity": "max"})
    assert drop.propose(5) == taught(16).propose(5)


def test_a_metric_is_learnt_on_any_scale_with_its_own_error() -> None:
    """Errors in proportion, and powers of two, so that no rounding differs."""
    accuracy, rmse = {"accuracy": "max", "sparsity": "max"}, {"rmse": "min", "sparsity": "max"}
    one, other = Ehvi(SPACE, accuracy), Ehvi(SPACE, rmse)
    for number in range(16):
        params = one.spread(0, number)
        for epoch in range(params["finetune_epochs"] + 1):
            value, error = truth(params, epoch), 0.01 + 0.001 * number
            record = {"epoch": epoch, "sparsity": params["sparsity"]}
            one.observe(number, params, record | {"accuracy": value, "accuracy_se": error})
            other.observe(number, params, record | {"rmse": -1024 * value, "rmse_se": 1024 * error})
    assert [one.propose(seed) for seed in range(5)] == [other.propose(seed) for seed in range(5)]
    blind = taught(16, objectives=rmse, rmse=0.5)  # one value, and no errors
    assert blind.propose(0).keys() == SPACE.keys()


def test_the_order_in_which_records_came_does_not_matter() -> None:
    seen = [(n, taught(1).spread(0, n), epoch) for n in range(16) for epoch in (0, 1)]
    samplers = [Ehvi(SPACE, BOTH), Ehvi(SPACE, BOTH)]
    for sampler, records in zip(samplers, (seen, seen[::-1]), strict=True):
        for number, params, epoch in records:
            figures = {"accuracy": truth(params, epoch), "sparsity": params["sparsity"]}
            sampler.observe(number, params, figures | {"epoch": epoch, "examples": 500})
    assert samplers[0].propose(3) == samplers[1].propose(3)


def test_epochs_are_the_most_and_halves_of_it_and_few_at_first() -> None:
    sampler = Ehvi(SPACE, BOTH)
    first = [sampler.spread(seed, n)["finetune_epochs"] for seed in range(8) for n in range(16)]
    assert set(first) == {1, 2, 4}
    assert first.count(1) > first.count(2) > first.count(4)


@pytest.mark.parametrize(("schedule", "epochs"), [("linear", range(6)), ("constant", (1, 2, 5))])
def test_every_number_of_epochs_is_proposed_if_only_the_last_record_counts(
    schedule: str, epochs: Iterable[int]
) -> None:
    """By the sweep's own search, before and after the model takes over."""
    space = {"sparsity": {"low": 0.1, "high": 0.9}, "finetune_epochs": {"low": 0, "high": 5}}
    sections: Any = {"space": space, "recover": {"lr_schedule": schedule}}
    asked = set()
    for seed in range(16):
        study = Search(config(**sections, search={"trials": 500, "seed": seed})).study
        asked |= {study.ask(number)[0]["finetune_epochs"] for number in range(16)}
    assert asked == set(epochs)
    sampler = Ehvi(config(**sections).space, BOTH, every_epoch=schedule == "linear")
    for number in range(SPREAD):
        params = sampler.spread(0, number)
        whole = {**Params().to_dict(), **params}
        figures = {"accuracy": truth(whole, whole["finetune_epochs"]), "sparsity": 0.5}
        sampler.observe(number, params, figures)
    assert {sampler.propose(seed)["finetune_epochs"] for seed in range(40)} <= set(epochs)


def test_constants_and_short_spaces_are_kept() -> None:
    space = {"sparsity": Choice((0.5, 0.9)), "finetune_epochs": Constant(0)}
    sampler = taught(SPREAD, space)
    asked = sampler.propose(0)
    assert asked["finetune_epochs"] == 0 and asked["sparsity"] in (0.5, 0.9)
