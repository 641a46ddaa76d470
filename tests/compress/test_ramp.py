"""The sparsity ramp: its formula, spaces that are refused, and trials that follow it."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sweep.compress.dense.bench import Workbench
from sweep.compress.loop import due
from sweep.compress.open import open_bench
from sweep.compress.tasks.closed_form import WEIGHTS
from sweep.config import SweepConfig
from sweep.config.load import check_same, config_problems, load_config
from sweep.errors import UsageError
from sweep.ledger.folder import SweepFolder
from sweep.space.active import identity
from sweep.space.params import LAYER_PROFILES, NORMALISATIONS, SCOPES, Params
from tests.harness import tiny
from tests.harness.trials import MOVING, PLAIN, RAMP, every_schedule, figures, run, same, trial
from tests.ledger.test_contract import FIRST

every_ramp = pytest.mark.parametrize("params", [RAMP, MOVING], ids=["l1-norm", "movement"])


@pytest.mark.parametrize(("method", "at_once"), [("l1-norm", 1), ("movement", 0)])
@given(sparsity=st.floats(0, 0.99), ramp=st.integers(1, 50))
def test_the_ramp_is_the_cubic_schedule_of_the_paper(
    method: str, at_once: int, sparsity: float, ramp: int
) -> None:
    """Zhu and Gupta, equation 1, with initial sparsity 0: n + 1 steps, the first one at once; for
    movement n steps, the first one after an epoch of the dense model."""
    params = Params(sparsity, method, finetune_epochs=ramp, ramp_epochs=ramp)
    found = [due(params, epoch) for epoch in range(ramp + 3)]
    for epoch in range(ramp + 1):
        t, t0, span = epoch + at_once, 0, ramp + at_once
        paper = sparsity + (0 - sparsity) * (1 - (t - t0) / span) ** 3
        assert found[epoch] == pytest.approx(paper, abs=1e-12)
    assert found[ramp:] == [sparsity] * 3
    assert all(one <= other for one, other in pairwise(found))
    one_shot = replace(params, ramp_epochs=0)
    assert [due(one_shot, epoch) for epoch in range(3)] == [sparsity] * 3


LOW_2 = {"finetune_epochs": {"low": 2}}
LEARNS = {"method": "movement"}
EITHER = {"method": ["l1-norm", "movement"]}
BOTH = {**EITHER, "ramp_epochs": {"values": [1], "when": LEARNS}}
NO_GROUPS = {"granularity": "element"}
WITH_GROUPS = {"granularity": ["element", "2:4"]}


@pytest.mark.parametrize(
    "space",
    [
        {"ramp_epochs": 1, "finetune_epochs": 1},
        {"ramp_epochs": [0, 3], "finetune_epochs": {"low": 3, "high": 5}},
        {"ramp_epochs": {"values": [0, 2], "when": LOW_2}, "finetune_epochs": [0, 4]},
        {"ramp_epochs": {"low": 1, "high": 2, "when": LOW_2}, "finetune_epochs": [0, 2]},
        {"ramp_epochs": 0, "finetune_epochs": 0},
        {**WITH_GROUPS, "ramp_epochs": {"values": [0, 1], "when": NO_GROUPS}},
        # more epochs where there is a ramp
        {"ramp_epochs": [0, 1], "finetune_epochs": {"values": [3, 4], "when": {"ramp_epochs": 1}}},
        # more than some trials can have
        {"ramp_epochs": 2},
        {"ramp_epochs": [0, 3], "finetune_epochs": {"low": 0, "high": 5}},
        {**WITH_GROUPS, "ramp_epochs": [0, 1]},
        # movement always has one
        {"method": "movement", "ramp_epochs": 1},
        BOTH,
        {
            "method": {"values": ["l1-norm", "movement"], "when": {"ramp_epochs": {"low": 1}}},
            "ramp_epochs": {"low": 0, "high": 2, "when": LOW_2},
            "finetune_epochs": {"low": 0, "high": 3},
        },
        # N:M for the others
        {**BOTH, "granularity": {"values": ["element", "2:4"], "when": {"method": "l1-norm"}}},
    ],
)
def test_a_space_with_a_ramp_is_accepted(space: dict[str, Any]) -> None:
    found = tiny.make_config(None, "digits", space=space).space["ramp_epochs"]
    assert found.plain() == space["ramp_epochs"]


@pytest.mark.parametrize(
    "space",
    [
        {"method": "movement"},
        {**EITHER, "ramp_epochs": [0, 1]},
        # without epochs there is no ramp, but the method remains
        {
            **EITHER,
            "ramp_epochs": {"values": [1], "when": {**LEARNS, "finetune_epochs": {"low": 1}}},
            "finetune_epochs": [0, 1],
        },
        # with N:M there is no ramp either
        {**EITHER, **WITH_GROUPS, "ramp_epochs": {"values": [1], "when": NO_GROUPS}},
        {"method": "movement", "granularity": "2:4", "ramp_epochs": 1},
        # a ramp is at most as long as the trial
        {"method": "movement", "finetune_epochs": [0, 1], "ramp_epochs": 1},
        {**BOTH, "finetune_epochs": {"values": [0, 2], "when": LEARNS}},
    ],
)
def test_a_space_that_allows_movement_without_a_ramp_is_refused(space: dict[str, Any]) -> None:
    with pytest.raises(ValueError) as caught:
        tiny.make_config(None, "digits", space=space)
    (problem,) = config_problems(caught.value)  # type: ignore[arg-type]
    assert problem.line.startswith("space.method: movement scores changes in training and needs")
    assert "when: {method: movement}}" in problem.line
    assert "when: {ramp_epochs: {low: 1}}}" in problem.line


def test_a_trial_of_movement_without_a_ramp_is_refused(bench: Workbench) -> None:
    for some in (bench, open_bench(load_config("closed-form"))):
        with pytest.raises(UsageError, match=r"method is movement, and ramp_epochs 0: .*>= 1"):
            some.trial(replace(MOVING, ramp_epochs=0), 0)


@pytest.mark.parametrize(("asked", "epochs", "ramp"), [(5, 3, 3), (3, 3, 3), (2, 3, 2), (1, 0, 0)])
def test_a_ramp_longer_than_the_trial_is_shortened(
    bench: Workbench, asked: int, epochs: int, ramp: int
) -> None:
    params = asdict(RAMP) | {"finetune_epochs": epochs}
    long, short = (Params(**{**params, "ramp_epochs": n}) for n in (asked, ramp))
    assert long == short and identity({**params, "ramp_epochs": asked}) == identity(short.to_dict())
    records = run(bench, long)
    assert [r["partial"] for r in records] == [epoch < ramp for epoch in range(epochs + 1)]
    assert records[-1]["sparsity"] == pytest.approx(0.8, abs=1e-2)


def test_n_of_m_is_pruned_without_a_ramp(bench: Workbench) -> None:
    params = replace(PLAIN, granularity="2:4", finetune_epochs=1)
    ramp = replace(params, ramp_epochs=1)
    assert identity(ramp.to_dict()) == identity({**params.to_dict(), "ramp_epochs": 1})
    assert run(bench, ramp) == run(bench, params)


def test_a_ramp_to_zero_sparsity_is_inactive() -> None:
    dense = {"sparsity": 0.0, "finetune_epochs": 2}
    some = dense | {"sparsity": 0.1}
    assert identity(dense) == identity(dense | {"ramp_epochs": 2})
    assert identity(some) != identity(some | {"ramp_epochs": 2})


@pytest.mark.parametrize(
    "params",
    [
        *(replace(RAMP, method=m, scope=s) for m in ("l1-norm", "random") for s in SCOPES),
        *(
            replace(MOVING, finetune_epochs=3, scope=s, layer_profile=profile, normalise=normalise)
            for s in SCOPES
            for profile in LAYER_PROFILES
            for normalise in NORMALISATIONS
        ),
    ],
    ids=str,
)
def test_records_follow_the_ramp_and_masks_are_nested(bench: Workbench, params: Params) -> None:
    some = trial(bench, params)
    total = sum(weight.numel() for weight in some.weights.values())
    kept: dict[str, torch.Tensor] = {}
    for record in some.run():
        zeros = sum(int((weight == 0).sum()) for weight in some.weights.values())
        assert record.sparsity == zeros / total
        assert abs(zeros - due(params, record.epoch) * total) <= len(some.weights)
        assert record.partial == (record.epoch < 2)
        assert (record.zeros_per_weight is not None) == (record.epoch <= 2)
        for name, mask in kept.items():
            assert not (some.masks[name] & ~mask).any(), "what is dropped stays dropped"
            assert not some.weights[name][~some.masks[name]].any()
        kept = {name: mask.clone() for name, mask in some.masks.items()}


@every_ramp
@every_schedule
def test_after_the_ramp_epochs_are_the_fidelity(
    bench: Workbench, params: Params, schedule: str
) -> None:
    long = run(bench, params, schedule=schedule)
    short = run(bench, replace(params, finetune_epochs=2), schedule=schedule)
    assert [r["partial"] for r in short] == [True, True, False]
    assert [r["partial"] for r in long][2:] == [schedule == "linear"] * 2 + [False]
    assert (long[2] == short[2]) == (schedule == "constant")


def test_each_step_scores_the_current_weights(bench: Workbench) -> None:
    """The masks after an epoch are those that pruning the trained weights would choose."""
    params = replace(RAMP, ramp_epochs=1, finetune_epochs=1)
    plain = trial(bench, replace(params, sparsity=due(params, 0), ramp_epochs=0))
    plain.prune()
    before = plain.masks
    plain.finetune()
    trained = {name: weight.detach().clone() for name, weight in plain.weights.items()}
    some = trial(bench, params)
    some.prune()
    assert same(some.masks, before)
    some.finetune()
    for name, weight in trained.items():
        count = int((~some.masks[name]).sum())
        smallest = weight.abs().flatten().sort().values[count - 1]
        assert weight[~some.masks[name]].abs().max() <= smallest
        assert torch.equal(some.weights[name], weight * some.masks[name])


@every_ramp
def test_the_closed_form_task_follows_the_ramp(params: Params) -> None:
    bench = open_bench(load_config("closed-form"))
    params = replace(params, distill_weight=0.5, distill_temperature=3.0)
    expected = [figures(record) for record in bench.trial(params, 3).run()]
    steps = [round(due(params, epoch) * WEIGHTS) / WEIGHTS for epoch in range(5)]
    assert [r["sparsity"] for r in expected] == pytest.approx(steps)
    assert [r["partial"] for r in expected] == [True, True, False, False, False]


def test_a_config_of_an_older_version_keeps_its_meaning(tmp_path: Path) -> None:
    now = load_config("digits")
    before = now.model_dump(mode="json")
    del before["recover"]["distill"], before["baseline"]["quantization"]
    for name in ("ramp_epochs", "distill_weight", "distill_temperature", "quantization"):
        del before["space"][name]
    assert SweepConfig.model_validate(before) == now
    folder = SweepFolder(tmp_path)
    folder.ledger.write_bytes(json.dumps({**FIRST, "time": 1.0, "config": before}).encode() + b"\n")
    check_same(folder, now)
    assert identity({"sparsity": 0.5}) == identity({"sparsity": 0.5, "ramp_epochs": 0})
