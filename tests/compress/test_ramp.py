"""The ramp of the sparsity: the rule by itself, what is refused, and a trial that follows it."""

from __future__ import annotations

import dataclasses
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sweep.cluster.worker import retrained
from sweep.compress.dense.bench import Workbench
from sweep.compress.ramp import ramped
from sweep.compress.tasks.closed_form import WEIGHTS
from sweep.compress.train import Recipe, make_optimizer
from sweep.config import SweepConfig
from sweep.config.load import load_config
from sweep.config.plan import may_distill
from sweep.config.saved import check_same
from sweep.ledger.folder import SweepFolder
from sweep.space.active import effective, identity
from sweep.space.counting import size
from sweep.space.params import Params
from tests.harness.spaces import space_of
from tests.harness.tiny import Net, bags
from tests.harness.trials import PLAIN, every_schedule, figures, run, same, saved_goes_on, trial

RAMP = dataclasses.replace(PLAIN, sparsity=0.8, finetune_epochs=4, ramp_epochs=2)


# The rule.


@given(st.floats(0, 0.99), st.integers(0, 50))
def test_it_is_the_papers_cubic(sparsity: float, ramp: int) -> None:
    """Zhu and Gupta, equation 1, from an initial sparsity of 0: n + 1 steps, the first at once."""
    found = [ramped(sparsity, ramp, epoch) for epoch in range(ramp + 3)]
    for epoch in range(ramp + 1):
        t, t0, span = epoch + 1, 0, ramp + 1
        paper = sparsity + (0 - sparsity) * (1 - (t - t0) / span) ** 3
        assert found[epoch] == pytest.approx(paper, abs=1e-12)
    assert found[ramp:] == [sparsity] * 3
    assert all(one <= other for one, other in pairwise(found))


@given(st.floats(0, 0.99), st.integers(0, 9))
def test_without_a_ramp_it_is_one_shot(sparsity: float, epoch: int) -> None:
    assert ramped(sparsity, 0, epoch) == sparsity


# What is asked for.


def config(space: dict[str, Any], **sections: Any) -> SweepConfig:
    plain: dict[str, Any] = {"name": "n", "task": {"dataset": "digits"}, "space": space}
    return SweepConfig.model_validate(plain | sections)


LOW_2 = {"finetune_epochs": {"low": 2}}


@pytest.mark.parametrize(
    "space",
    [
        {"ramp_epochs": 1, "finetune_epochs": 1},
        {"ramp_epochs": [0, 3], "finetune_epochs": {"low": 3, "high": 5}},
        {"ramp_epochs": {"values": [0, 2], "when": LOW_2}, "finetune_epochs": [0, 4]},
        {"ramp_epochs": {"low": 1, "high": 2, "when": LOW_2}, "finetune_epochs": [0, 2]},
        {"ramp_epochs": 0, "finetune_epochs": 0},
        {
            "granularity": ["element", "2:4"],
            "ramp_epochs": {"values": [0, 1], "when": {"granularity": "element"}},
        },
        # more epochs where there is a ramp
        {"ramp_epochs": [0, 1], "finetune_epochs": {"values": [3, 4], "when": {"ramp_epochs": 1}}},
    ],
)
def test_a_ramp_that_fits_the_epochs_is_taken(space: dict[str, Any]) -> None:
    assert config(space).space["ramp_epochs"].plain() == space["ramp_epochs"]


@pytest.mark.parametrize(("asked", "epochs", "ramp"), [(5, 3, 3), (3, 3, 3), (2, 3, 2), (1, 0, 0)])
def test_a_ramp_that_is_longer_than_the_trial_is_shortened_to_it(
    bench: Workbench, asked: int, epochs: int, ramp: int
) -> None:
    params = dataclasses.asdict(RAMP) | {"finetune_epochs": epochs}
    long, short = (Params(**{**params, "ramp_epochs": n}) for n in (asked, ramp))
    assert long == short and identity({**params, "ramp_epochs": asked}) == identity(short.to_dict())
    records = [record.to_dict() for record in trial(bench, long).run()]
    assert [r["partial"] for r in records] == [epoch < ramp for epoch in range(epochs + 1)]
    assert records[-1]["sparsity"] == pytest.approx(0.8, abs=1e-2)


@pytest.mark.parametrize(
    "space",
    [
        {"ramp_epochs": 2},
        {"ramp_epochs": [0, 3], "finetune_epochs": {"low": 0, "high": 5}},
        {"ramp_epochs": [0, 1], "granularity": ["element", "2:4"]},
    ],
)
def test_a_space_may_ask_for_more_than_some_trials_can_have(space: dict[str, Any]) -> None:
    assert config(space).space["ramp_epochs"].plain() == space["ramp_epochs"]


def test_there_is_no_ramp_to_groups(bench: Workbench) -> None:
    params = dataclasses.replace(PLAIN, granularity="2:4", finetune_epochs=1)
    ramp = dataclasses.replace(params, ramp_epochs=1)
    assert identity(ramp.to_dict()) == identity({**params.to_dict(), "ramp_epochs": 1})
    assert run(bench, ramp) == run(bench, params)


# What matters.


def test_a_ramp_to_no_sparsity_is_no_ramp() -> None:
    dense = {"sparsity": 0.0, "finetune_epochs": 2}
    assert identity(dense) == identity(dense | {"ramp_epochs": 2})
    assert identity(dense | {"sparsity": 0.1}) != identity(
        dense | {"sparsity": 0.1, "ramp_epochs": 2}
    )


def test_what_distillation_leaves_nothing_to_do() -> None:
    names = {"distill_weight", "distill_temperature"}
    whole = {**Params().to_dict(), "distill_weight": 0.5, "distill_temperature": 3.0}
    assert names <= set(effective(whole))
    assert names & set(effective(whole | {"distill_weight": 0})) == {"distill_weight"}
    assert not names & set(effective(whole | {"finetune_epochs": 0}))
    space = space_of(
        {"finetune_epochs": [0, 2], "distill_weight": [0, 0.5, 1], "distill_temperature": [1, 4]}
    )
    counted = {
        identity({"finetune_epochs": e, "distill_weight": w, "distill_temperature": t})
        for e in (0, 2)
        for w in (0, 0.5, 1)
        for t in (1, 4)
    }
    assert size(space) == len(counted) == 1 + 1 + 2 * 2


@pytest.mark.parametrize(
    ("space", "distill", "expected"),
    [
        ({}, None, False),
        ({}, {"weight": 0}, False),
        ({}, {}, True),
        ({"finetune_epochs": 0}, {}, False),
        ({"distill_weight": 0}, {}, False),
        ({"distill_weight": [0, 0.5]}, None, True),
        ({"distill_weight": {"low": 0, "high": 1}}, None, True),
        ({"distill_weight": {"values": [0], "when": {"sparsity": 0.5}}}, {}, True),
        ({"distill_weight": {"values": [0], "when": {"sparsity": 0.5}}}, None, False),
    ],
)
def test_whether_any_trial_is_distilled(space: Any, distill: Any, expected: bool) -> None:
    assert may_distill(config(space, recover={"distill": distill})) is expected


def test_a_temperature_without_distillation_is_refused() -> None:
    with pytest.raises(ValueError, match="changes nothing: no trial is distilled"):
        config({"distill_temperature": [1, 2]})
    config({"distill_temperature": [1, 2]}, recover={"distill": {}})


# A trial.


@pytest.mark.parametrize("method", ["l1-norm", "random"])
@pytest.mark.parametrize("scope", ["local", "global"])
def test_records_follow_the_ramp_and_masks_are_nested(
    bench: Workbench, method: str, scope: str
) -> None:
    params = dataclasses.replace(RAMP, method=method, scope=scope)
    some = trial(bench, params)
    total = sum(weight.numel() for weight in some.weights.values())
    kept: dict[str, torch.Tensor] = {}
    for record in some.run():
        wanted = ramped(0.8, 2, record.epoch) * total
        zeros = sum(int((weight == 0).sum()) for weight in some.weights.values())
        assert record.sparsity == zeros / total
        assert abs(zeros - wanted) <= len(some.weights)
        assert record.partial == (record.epoch < 2)
        assert (record.zeros_per_weight is not None) == (record.epoch <= 2)
        for name, mask in kept.items():
            assert not (some.masks.masks[name] & ~mask).any(), "what is dropped stays dropped"
            assert not some.weights[name][~some.masks.masks[name]].any()
        kept = {name: mask.clone() for name, mask in some.masks.masks.items()}


@every_schedule
def test_from_its_end_on_epochs_are_the_fidelity(bench: Workbench, schedule: str) -> None:
    long = run(bench, RAMP, schedule=schedule)
    short = run(bench, dataclasses.replace(RAMP, finetune_epochs=2), schedule=schedule)
    assert [r["partial"] for r in short] == [True, True, False]
    assert [r["partial"] for r in long][2:] == [schedule == "linear"] * 2 + [False]
    assert (long[2] == short[2]) == (schedule == "constant")


def test_a_step_chooses_by_the_weights_as_they_are_then(bench: Workbench) -> None:
    """The masks after an epoch are those that pruning the trained weights would choose."""
    some = trial(bench, dataclasses.replace(RAMP, ramp_epochs=1, finetune_epochs=1))
    some.prune()
    before = {name: mask.clone() for name, mask in some.masks.masks.items()}
    plain = trial(bench, dataclasses.replace(RAMP, sparsity=ramped(0.8, 1, 0), ramp_epochs=0))
    plain.prune()
    assert same(before, plain.masks.masks)
    plain.finetune()
    trained = {name: weight.detach().clone() for name, weight in plain.weights.items()}
    some = trial(bench, dataclasses.replace(RAMP, ramp_epochs=1, finetune_epochs=1))
    some.prune()
    some.finetune()
    for name, weight in trained.items():
        count = int((~some.masks.masks[name]).sum())
        smallest = weight.abs().flatten().sort().values[count - 1]
        assert weight[~some.masks.masks[name]].abs().max() <= smallest
        assert torch.equal(some.weights[name], weight * some.masks.masks[name])


@every_schedule
@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_a_saved_ramp_goes_on_bit_for_bit(
    bench: Workbench, tmp_path: Path, after: int, schedule: str
) -> None:
    params = dataclasses.replace(RAMP, method="random", activation_sparsity=0.3)
    saved_goes_on(lambda: trial(bench, params, schedule, dropout=0.2), tmp_path / "saved", after)


def test_confirm_retrains_a_ramp(bench: Workbench, tmp_path: Path) -> None:
    given = {"trial_id": "t", "params": RAMP.to_dict(), "seed": 5, "wanted": [2, 3]}
    found = list(retrained(bench, tmp_path, given))
    expected = [r.to_dict() for r in bench.trial(RAMP, 5, "test").run() if r.epoch in (2, 3)]
    for one, other in zip(found, expected, strict=True):
        assert (one["loss"], one["sparsity"]) == (other["loss"], other["sparsity"])


@pytest.mark.parametrize("after", [0, 1, 3])
def test_the_closed_form_ramps_too(after: int) -> None:
    from sweep.compress.open import open_bench

    bench = open_bench(load_config("closed-form"))
    params = dataclasses.replace(RAMP, distill_weight=0.5, distill_temperature=3.0)
    whole = bench.trial(params, 3)
    expected = [figures(record) for record in whole.run()]
    for record in expected:
        wanted = round(ramped(0.8, 2, record["epoch"]) * WEIGHTS) / WEIGHTS
        assert record["sparsity"] == pytest.approx(wanted)
        assert record["partial"] == (record["epoch"] < 2)
    first, second = bench.trial(params, 3), bench.trial(params, 3)
    first.prune()
    for _ in range(after):
        first.finetune()
    second.load_state_dict(first.state_dict())
    found = [figures(record) for record in second.run()]
    assert found == expected[after + 1 :]


# Weights that are pruned in mid-training.


def test_without_moments_a_pruned_weight_stays_zero() -> None:
    from sweep.compress.prune import Masks
    from sweep.compress.prune.masks import forget
    from sweep.compress.train import finetune_epoch

    def zeros_after(forgets: bool) -> int:
        net, data = Net(), bags()
        recipe = Recipe(1e-2, 2, 0, batch_size=8)
        optimizer = make_optimizer(net, recipe)
        finetune_epoch(net, optimizer, data, recipe, epoch=0)
        weights = {"hidden": net.hidden.weight}
        masks = Masks({"hidden": torch.arange(net.hidden.weight.numel()).reshape(10, 8) % 2 == 0})
        masks.apply(weights)
        if forgets:
            forget(optimizer, masks.bind(weights))
        finetune_epoch(net, optimizer, data, recipe, epoch=1, held=masks.bind(weights))
        return int((net.hidden.weight[~masks.masks["hidden"]] == 0).sum())

    assert zeros_after(True) == 40
    assert zeros_after(False) < 40, "this is what forgetting is for"


# What was there before.


def test_a_config_of_before_means_what_it_meant(tmp_path: Path) -> None:
    now = load_config("digits")
    before = now.model_dump(mode="json")
    del before["recover"]["distill"]
    for name in ("ramp_epochs", "distill_weight", "distill_temperature"):
        del before["space"][name]
    assert SweepConfig.model_validate(before) == now
    folder = SweepFolder(tmp_path)
    folder.ledger.write_bytes(json.dumps({"event": "sweep", "config": before}).encode() + b"\n")
    check_same(folder, now)
    assert identity({"sparsity": 0.5}) == identity({"sparsity": 0.5, "ramp_epochs": 0})


def test_the_dense_models_key_does_not_hang_on_distillation(tiny_config: SweepConfig) -> None:
    plain = tiny_config.model_dump(mode="json")
    plain["baseline"]["epochs"] = 1
    folder = Workbench(SweepConfig.model_validate(plain), "cpu").folder
    plain["recover"]["distill"] = {"weight": 0.3}
    assert Workbench(SweepConfig.model_validate(plain), "cpu").folder == folder
