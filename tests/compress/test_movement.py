"""Trials of method movement: the recorded sums, and the weights that are pruned by them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from sweep.compress.dense.bench import Workbench
from sweep.compress.prune.targets import dropped
from sweep.compress.trial import ModelTrial
from sweep.space.params import SCOPES
from tests.harness.rounding import assert_near
from tests.harness.trials import MOVING, PLAIN, first_epochs, same, trial


def spied(some: ModelTrial) -> Callable[[], None]:
    """Return a check that the recorded movement equals the sum of -w g since this call.

    The reference sum is computed in double precision right before each optimiser step.
    """
    sums = {name: torch.zeros_like(w, dtype=torch.float64) for name, w in some.weights.items()}

    def add(*_: object) -> None:
        for name, weight in some.weights.items():
            assert weight.grad is not None
            sums[name] -= weight.detach().double() * weight.grad.double()

    def check() -> None:
        for name, score in some.moved.items():
            assert_near(score, sums[name].float(), steps=100)

    some.optimizer.register_step_pre_hook(add)
    return check


def unclipped(some: ModelTrial, **how: Any) -> ModelTrial:
    some.recipe = some.recipe.model_copy(update={"clip_norm": 1e9, **how})
    return some


def test_movement_is_the_sum_over_the_steps_of_the_ramp(bench: Workbench) -> None:
    some = unclipped(trial(bench, MOVING))
    check = spied(some)
    some.prune()
    assert not any(score.any() for score in some.moved.values())
    for _ in range(2):
        some.finetune()
        check()
    at_the_end = {name: score.clone() for name, score in some.moved.items()}
    some.finetune()
    assert same(some.moved, at_the_end), "the ramp is over"
    with pytest.raises(AssertionError):
        check()


def test_movement_is_recorded_before_clipping(bench: Workbench) -> None:
    """In a single step, clipping changes the weights but not the recorded movement."""
    found = []
    for clip in (1e9, 1e-3):
        some = unclipped(trial(bench, MOVING), clip_norm=clip, batch_size=64)
        some.prune()
        check = spied(some)
        some.finetune()
        found.append(some.moved)
    assert same(*found)
    with pytest.raises(AssertionError):
        check()


def test_recording_movement_does_not_change_training(bench: Workbench) -> None:
    """Nothing is pruned before the first step, so the epoch finetunes the dense model."""
    dense = trial(bench, replace(PLAIN, sparsity=0.0))
    expected = first_epochs(dense, 1)
    trained = {name: weight.detach().clone() for name, weight in dense.weights.items()}
    some = trial(bench, MOVING)
    found = first_epochs(some, 1)
    assert found[0] == {**expected[0], "partial": True}
    assert dropped(some.masks, some.masks) > 0
    for name, mask in some.masks.items():
        assert torch.equal(some.weights[name], trained[name] * mask)


@pytest.mark.parametrize("scope", ["local", "global"])
def test_a_step_drops_the_kept_weights_that_moved_least(bench: Workbench, scope: str) -> None:
    some = trial(bench, replace(MOVING, scope=scope))
    some.prune()
    for _ in range(2):
        left = {name: mask.clone() for name, mask in some.masks.items()}
        some.finetune()
        stay = {n: some.moved[n][mask] for n, mask in some.masks.items()}
        gone = {n: some.moved[n][left[n] & ~m] for n, m in some.masks.items()}
        if scope == "global":
            stay, gone = ({"all": torch.cat(list(part.values()))} for part in (stay, gone))
        for name in stay:
            assert gone[name].numel() and gone[name].max() <= stay[name].min()


@pytest.mark.parametrize("scope", SCOPES)
def test_start_masks_hold_from_the_first_record_on(bench: Workbench, scope: str) -> None:
    """Before any movement, exactly the weights that the start masks drop are pruned."""
    g = torch.Generator().manual_seed(0)
    start = {n: torch.rand(w.shape, generator=g) < 0.7 for n, w in trial(bench).weights.items()}
    some = trial(bench, replace(MOVING, scope=scope), start=start)
    some.prune()
    assert same(some.masks, start)
    list(some.run())
    total = sum(mask.numel() for mask in start.values())
    assert dropped(some.masks, start) == pytest.approx(0.8 * total, abs=len(start))
    assert not any((some.masks[name] & ~mask).any() for name, mask in start.items())


@pytest.mark.parametrize("scheme", ["fixed", "int8"])
def test_on_a_grid_the_movement_of_the_float_weights_counts(bench: Workbench, scheme: str) -> None:
    params = replace(MOVING, finetune_epochs=1, ramp_epochs=1, quantization=scheme)
    some = unclipped(trial(bench, params))
    check = spied(some)
    first, last = some.run()
    assert all(score.any() for score in some.moved.values())
    check()
    assert (first.sparsity, last.partial) == (0.0, False)
    assert last.sparsity == pytest.approx(0.8, abs=1e-2)


def test_the_loss_of_distillation_counts_in_movement(bench: Workbench) -> None:
    scores = []
    for weight in (0.0, 0.9):
        some = trial(bench, replace(MOVING, distill_weight=weight, distill_temperature=2.0))
        first_epochs(some, 1)
        scores.append(some.moved)
    assert not same(*scores)
