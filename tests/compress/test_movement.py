"""Trials of method movement: what they accumulate, which steps follow, what is refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from sweep.cluster.worker import retrained
from sweep.compress.dense.bench import Workbench
from sweep.compress.open import open_bench
from sweep.compress.ramp import check_ramp, due
from sweep.compress.tasks.closed_form import WEIGHTS
from sweep.compress.trial import Trial
from sweep.config import SweepConfig
from sweep.config.load import load_config
from sweep.config.problems import problems_of
from sweep.errors import UsageError
from sweep.ledger import checkpoint
from sweep.space.params import LAYER_PROFILES, NORMALISATIONS, SCOPES, Params
from tests.harness import tiny
from tests.harness.rounding import assert_near
from tests.harness.trials import (
    PLAIN,
    every_schedule,
    figures,
    first_epochs,
    recipe,
    run,
    same,
    saved_goes_on,
    trial,
)

MOVING = dataclasses.replace(
    PLAIN, method="movement", sparsity=0.8, finetune_epochs=4, ramp_epochs=2
)


# The rule.


@given(st.floats(0, 0.99), st.integers(1, 50))
def test_its_ramp_is_the_cubic_from_the_dense_model_on(sparsity: float, ramp: int) -> None:
    """Zhu and Gupta, equation 1, from an initial sparsity of 0 at epoch 0."""
    params = Params(sparsity, "movement", finetune_epochs=ramp, ramp_epochs=ramp)
    for epoch in range(ramp):
        paper = sparsity + (0 - sparsity) * (1 - (epoch - 0) / ramp) ** 3
        assert due(params, epoch) == pytest.approx(paper, abs=1e-12)
    assert due(params, 0) == 0
    assert [due(params, epoch) for epoch in (ramp, ramp + 1)] == [sparsity] * 2


# What is refused.


def config(space: dict[str, Any]) -> SweepConfig:
    plain = {"name": "n", "task": {"dataset": "digits"}, "space": space}
    return SweepConfig.model_validate(plain)


LEARNS = {"method": "movement"}


@pytest.mark.parametrize(
    "space",
    [
        {"method": "movement", "ramp_epochs": 1},
        {"method": ["l1-norm", "movement"], "ramp_epochs": {"values": [1], "when": LEARNS}},
        {
            "method": {"values": ["l1-norm", "movement"], "when": {"ramp_epochs": {"low": 1}}},
            "ramp_epochs": {"low": 0, "high": 2, "when": {"finetune_epochs": {"low": 2}}},
            "finetune_epochs": {"low": 0, "high": 3},
        },
        # N:M for the others
        {
            "granularity": {"values": ["element", "2:4"], "when": {"method": "l1-norm"}},
            "method": ["l1-norm", "movement"],
            "ramp_epochs": {"values": [1], "when": LEARNS},
        },
    ],
)
def test_a_space_where_it_always_has_a_ramp_is_taken(space: dict[str, Any]) -> None:
    config(space)


@pytest.mark.parametrize(
    "space",
    [
        {"method": "movement"},
        {"method": ["l1-norm", "movement"], "ramp_epochs": [0, 1]},
        # the ramp is not there without epochs, and the method is
        {
            "method": ["l1-norm", "movement"],
            "ramp_epochs": {"values": [1], "when": {**LEARNS, "finetune_epochs": {"low": 1}}},
            "finetune_epochs": [0, 1],
        },
        # nor with N:M
        {
            "method": ["l1-norm", "movement"],
            "granularity": ["element", "2:4"],
            "ramp_epochs": {"values": [1], "when": {"granularity": "element"}},
        },
        {"method": "movement", "granularity": "2:4", "ramp_epochs": 1},
        # a ramp is no longer than the trial
        {"method": "movement", "finetune_epochs": [0, 1], "ramp_epochs": 1},
        {
            "method": ["l1-norm", "movement"],
            "finetune_epochs": {"values": [0, 2], "when": {"method": "movement"}},
            "ramp_epochs": {"values": [1], "when": {"method": "movement"}},
        },
    ],
)
def test_one_where_it_may_have_none_is_refused(space: dict[str, Any]) -> None:
    with pytest.raises(ValueError) as caught:
        config(space)
    (problem,) = problems_of(caught.value)  # type: ignore[arg-type]
    assert problem.line.startswith(
        "space.method: movement prunes by what training did, so it needs"
    )
    assert "when: {method: movement}}" in problem.line
    assert "when: {ramp_epochs: {low: 1}}}" in problem.line


def test_a_trial_without_a_ramp_is_refused(bench: Workbench) -> None:
    params = dataclasses.replace(MOVING, ramp_epochs=0)
    closed = open_bench(load_config("closed-form"))
    for make in (check_ramp, lambda p: bench.trial(p, 0), lambda p: closed.trial(p, 0)):
        with pytest.raises(UsageError, match=r"method is movement, and ramp_epochs 0: .*>= 1"):
            make(params)


# What is accumulated.


def spied(some: Trial) -> dict[str, Tensor]:
    """Sums of -w g in double precision, read where the optimiser is about to step."""
    sums = {name: torch.zeros_like(w, dtype=torch.float64) for name, w in some.weights.items()}

    def add(*_: object) -> None:
        for name, weight in some.weights.items():
            assert weight.grad is not None
            sums[name] -= weight.detach().double() * weight.grad.double()

    some.optimizer.register_step_pre_hook(add)
    return sums


def assert_summed(scores: dict[str, Tensor], sums: dict[str, Tensor]) -> None:
    """The scores are these sums, added up in single precision."""
    for name, score in scores.items():
        assert_near(score, sums[name].float(), steps=100)


def unclipped(bench: Workbench, **how: Any) -> Trial:
    some = trial(bench, MOVING)
    some.recipe = dataclasses.replace(some.recipe, **{"clip_norm": 1e9, **how})
    return some


def test_it_is_the_sum_over_the_steps_of_the_ramp(bench: Workbench) -> None:
    some = unclipped(bench)
    sums = spied(some)
    some.prune()
    assert not any(score.any() for score in some.movement.scores.values())
    for _ in range(2):
        some.finetune()
        assert_summed(some.movement.scores, sums)
    at_the_end = {name: score.clone() for name, score in some.movement.scores.items()}
    some.finetune()
    assert same(some.movement.scores, at_the_end), "the ramp is over"
    assert not same({n: s.float() for n, s in sums.items()}, at_the_end)


def test_clipping_comes_after_it(bench: Workbench) -> None:
    """In one step, that of the only batch, clipping changes what is learned and not the score."""
    found = []
    for clip in (1e9, 1e-3):
        some = unclipped(bench, clip_norm=clip, batch_size=64)
        some.prune()
        sums = spied(some)
        some.finetune()
        found.append((some.movement.scores, sums))
    (free, free_sums), (clipped, clipped_sums) = found
    assert same(free, clipped)
    assert_summed(clipped, free_sums)
    for name in clipped:
        assert clipped_sums[name].abs().sum() < 0.1 * free_sums[name].abs().sum()


def test_hooks_do_not_outlive_an_epoch(bench: Workbench) -> None:
    some = trial(bench, MOVING)
    first_epochs(some, 1)
    before = {name: score.clone() for name, score in some.movement.scores.items()}
    other = trial(bench, PLAIN)  # on the same warm model
    list(other.run())
    assert same(some.movement.scores, before)
    assert other.movement.scores == {} == other.state_dict()["movement"]


def test_training_is_what_it_would_be_without_it(bench: Workbench) -> None:
    """Before the first step nothing is pruned: an epoch of finetuning the dense model."""
    dense = trial(bench, dataclasses.replace(PLAIN, sparsity=0.0))
    expected = first_epochs(dense, 1)
    trained = {name: weight.detach().clone() for name, weight in dense.weights.items()}
    some = trial(bench, MOVING)
    found = first_epochs(some, 1)
    assert found[0] == {**expected[0], "partial": True}
    assert some.masks.pruned > 0
    for name, mask in some.masks.masks.items():
        assert torch.equal(some.weights[name], trained[name] * mask)


# The steps.


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("profile", LAYER_PROFILES)
@pytest.mark.parametrize("normalise", NORMALISATIONS)
def test_records_follow_the_ramp_and_masks_are_nested(
    bench: Workbench, scope: str, profile: str, normalise: str
) -> None:
    how = {"scope": scope, "layer_profile": profile, "normalise": normalise}
    some = trial(bench, dataclasses.replace(MOVING, finetune_epochs=3, **how))
    total = sum(weight.numel() for weight in some.weights.values())
    kept: dict[str, Tensor] = {}
    for record in some.run():
        wanted = 0.8 * (1 - max(0, 1 - record.epoch / 2) ** 3) * total
        zeros = sum(int((weight == 0).sum()) for weight in some.weights.values())
        assert record.sparsity == zeros / total
        assert abs(zeros - wanted) <= len(some.weights)
        assert record.partial == (record.epoch < 2)
        assert (record.zeros_per_weight is not None) == (record.epoch <= 2)
        for name, mask in kept.items():
            assert not (some.masks.masks[name] & ~mask).any(), "what is dropped stays dropped"
        kept = {name: mask.clone() for name, mask in some.masks.masks.items()}


@pytest.mark.parametrize("scope", ["local", "global"])
def test_a_step_drops_what_moved_least_of_what_is_left(bench: Workbench, scope: str) -> None:
    some = trial(bench, dataclasses.replace(MOVING, scope=scope))
    some.prune()
    for _ in range(2):
        left = {name: mask.clone() for name, mask in some.masks.masks.items()}
        some.finetune()
        stay = {n: some.movement.scores[n][mask] for n, mask in some.masks.masks.items()}
        gone = {n: some.movement.scores[n][left[n] & ~m] for n, m in some.masks.masks.items()}
        if scope == "global":
            stay, gone = ({"all": torch.cat(list(part.values()))} for part in (stay, gone))
        for name in stay:
            assert gone[name].numel() and gone[name].max() <= stay[name].min()


def test_it_is_another_choice_than_magnitude(bench: Workbench) -> None:
    found = []
    for method in ("movement", "l1-norm"):
        some = trial(bench, dataclasses.replace(MOVING, method=method))
        first_epochs(some, 2)
        found.append(torch.cat([mask.reshape(-1) for mask in some.masks.masks.values()]))
    assert (found[0] != found[1]).float().mean() > 0.01


@every_schedule
def test_from_its_end_on_epochs_are_the_fidelity(bench: Workbench, schedule: str) -> None:
    long = run(bench, MOVING, schedule=schedule)
    short = run(bench, dataclasses.replace(MOVING, finetune_epochs=2), schedule=schedule)
    assert [r["partial"] for r in short] == [True, True, False]
    assert (long[2] == short[2]) == (schedule == "constant")


# With the rest.


@every_schedule
@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_a_saved_trial_goes_on_bit_for_bit(
    bench: Workbench, tmp_path: Path, after: int, schedule: str
) -> None:
    params = dataclasses.replace(MOVING, activation_sparsity=0.3, ramp_epochs=3)
    saved_goes_on(lambda: trial(bench, params, schedule, dropout=0.2), tmp_path / "saved", after)


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_sums_are_saved_while_the_ramp_lasts(bench: Workbench, after: int) -> None:
    some = trial(bench, dataclasses.replace(MOVING, ramp_epochs=3))
    first_epochs(some, after)
    assert set(some.state_dict()["movement"]) == (set(some.weights) if after < 3 else set())


def test_without_what_was_accumulated_it_would_not(bench: Workbench) -> None:
    first, second = trial(bench, MOVING), trial(bench, MOVING)
    expected = [figures(record) for record in first.run()]
    first = trial(bench, MOVING)
    first_epochs(first, 1)
    second.load_state_dict({**first.state_dict(), "movement": {}})
    assert [figures(record) for record in second.run()] != expected[2:]


def test_a_checkpoint_of_before_is_gone_on_from(bench: Workbench, tmp_path: Path) -> None:
    expected = run(bench)
    first = trial(bench)
    first_epochs(first, 1)
    state = first.state_dict()
    del state["movement"]
    checkpoint.save(tmp_path / "saved", state, {})
    loaded = checkpoint.load(tmp_path / "saved")
    assert loaded is not None and loaded[0]["movement"] == {}
    for found in (state, loaded[0]):
        second = trial(bench)
        second.load_state_dict(found)
        assert [figures(record) for record in second.run()] == expected[2:]


@pytest.mark.parametrize("scope", SCOPES)
def test_kept_masks_are_there_from_the_first_record_on(bench: Workbench, scope: str) -> None:
    """What they drop is gone before anything moved, and nothing else is."""
    g = torch.Generator().manual_seed(0)
    plain = trial(bench)
    start = {n: torch.rand(w.shape, generator=g) < 0.7 for n, w in plain.weights.items()}
    params = dataclasses.replace(MOVING, scope=scope)
    some = Trial(params, bench.dense, bench.task, recipe(params), start=start)
    some.prune()
    assert same(some.masks.masks, start)
    list(some.run())
    total = sum(mask.numel() for mask in start.values())
    assert some.masks.pruned == pytest.approx(0.8 * total, abs=len(start))
    assert not any((some.masks.masks[name] & ~mask).any() for name, mask in start.items())


@pytest.mark.parametrize("scheme", ["fixed", "int8"])
def test_on_a_grid_it_is_the_floats_that_move(
    model_folder: Path, data_files: dict[str, str], cache: Path, scheme: str
) -> None:
    space = {"quantization": scheme, "method": "movement", "ramp_epochs": 1}
    bench = Workbench(tiny.make_config(model_folder, data_files, space=space), "cpu")
    params = dataclasses.replace(MOVING, finetune_epochs=1, ramp_epochs=1, quantization=scheme)
    some = bench.trial(params, 0)
    some.recipe = dataclasses.replace(some.recipe, clip_norm=1e9)
    sums = spied(some)
    first, last = some.run()
    assert all(score.any() for score in some.movement.scores.values())
    assert_summed(some.movement.scores, sums)
    assert (first.sparsity, last.partial) == (0.0, False)
    assert last.sparsity == pytest.approx(0.8, abs=1e-2)


def test_a_teacher_has_its_share_in_it(
    model_folder: Path, data_files: dict[str, str], cache: Path
) -> None:
    recover = {"distill": {"weight": 0.9, "temperature": 2.0}}
    bench = Workbench(tiny.make_config(model_folder, data_files, recover=recover), "cpu")
    scores = []
    for weight in (0.0, 0.9):
        some = bench.trial(dataclasses.replace(MOVING, distill_weight=weight), 0)
        first_epochs(some, 1)
        scores.append(some.movement.scores)
    assert not same(*scores)


def test_confirm_retrains_it(bench: Workbench, tmp_path: Path) -> None:
    given = {"trial_id": "t", "params": MOVING.to_dict(), "seed": 5, "wanted": [2, 3]}
    expected = [r.to_dict() for r in bench.trial(MOVING, 5, "test").run() if r.epoch in (2, 3)]
    found = list(retrained(bench, tmp_path, given))
    for one, other in zip(found, expected, strict=True):
        assert (one["loss"], one["sparsity"]) == (other["loss"], other["sparsity"])


def test_confirm_goes_on_within_the_ramp(bench: Workbench, tmp_path: Path) -> None:
    """From what a worker that was killed after epoch 1 left."""
    given = {"trial_id": "t", "params": MOVING.to_dict(), "seed": 5, "wanted": [2]}
    some = bench.trial(MOVING, 5, "test")
    first_epochs(some, 1)
    folder = checkpoint.epoch_folder(tmp_path, "t", 1)
    checkpoint.save(folder, some.state_dict(), {key: given[key] for key in ("params", "seed")})
    (found,) = retrained(bench, tmp_path, given)
    (expected,) = (r for r in bench.trial(MOVING, 5, "test").run() if r.epoch == 2)
    assert (found["loss"], found["sparsity"]) == (expected.loss, expected.sparsity)


@pytest.mark.parametrize("after", [0, 1, 3])
def test_the_closed_form_ramps_too(after: int) -> None:
    bench = open_bench(load_config("closed-form"))
    whole = bench.trial(MOVING, 3)
    expected = [figures(record) for record in whole.run()]
    assert [r["sparsity"] for r in expected] == [
        pytest.approx(round(due(MOVING, epoch) * WEIGHTS) / WEIGHTS) for epoch in range(5)
    ]
    assert [r["partial"] for r in expected] == [True, True, False, False, False]
    first, second = bench.trial(MOVING, 3), bench.trial(MOVING, 3)
    first.prune()
    for _ in range(after):
        first.finetune()
    second.load_state_dict(first.state_dict())
    assert [figures(record) for record in second.run()] == expected[after + 1 :]
