"""Calibration statistics of a bench: caching, exact values, and refusal of unsuitable modules."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from sweep.compress.dense.bench import Workbench
from sweep.compress.prune.criteria import CRITERIA
from sweep.compress.prune.statistics import COLLECTORS
from sweep.compress.prune.targets import prunable_weights
from sweep.errors import UsageError
from sweep.space.params import Params
from tests.harness import tiny
from tests.harness.benches import MakeBench, nothing_is_made
from tests.harness.rounding import assert_near
from tests.harness.spaces import GRANULARITIES, LEARNED, METHODS
from tests.harness.trials import same, weights_of

WITH_DATA = [method for method in METHODS if CRITERIA[method].needs in COLLECTORS]
AT_ONCE = [method for method in METHODS if method not in LEARNED]
every_method = pytest.mark.parametrize("method", WITH_DATA)


@every_method
def test_statistics_are_collected_once_per_machine(
    make_bench: MakeBench, cache: Path, method: str
) -> None:
    first = make_bench().calibration.statistics(method)
    other = make_bench()
    with nothing_is_made(cache):
        found = other.calibration.statistics(method)
        assert same(first, found) and other.calibration.statistics(method) is found
    assert set(first) == set(prunable_weights(other.dense.model, other.config.pruning))


def test_each_calibration_setting_has_its_own_statistics(make_bench: MakeBench) -> None:
    settings = ({}, {"calibration_samples": 8}, {"exclude": ["classifier"]})
    whole, few, without = (
        make_bench(pruning=pruning).calibration.statistics("wanda") for pruning in settings
    )
    assert not same(whole, few)
    assert set(whole) - set(without) == {"classifier"}


def test_input_norms_include_real_tokens_only(make_bench: MakeBench) -> None:
    """The expected norms come from examples run one at a time; larger batches would be padded."""
    bench = make_bench(pruning={"calibration_samples": 64})
    found = bench.calibration.statistics("wanda")["bert.encoder.layer.0.attention.self.query"]
    train, model = bench.task.train, bench.dense.reset().eval()
    inputs = []
    for index in range(len(train)):
        ids = torch.tensor(train.tokens[train.offsets[index] : train.offsets[index + 1]]).long()
        with torch.no_grad():
            inputs.append(model.bert.embeddings(ids.unsqueeze(0))[0])  # type: ignore[union-attr,operator]
    assert_near(found, torch.cat(inputs).norm(dim=0))


@every_method
def test_collecting_statistics_leaves_the_dense_model_unchanged(
    bench: Workbench, method: str
) -> None:
    before = {name: value.clone() for name, value in bench.dense.weights.items()}
    bench.calibration.statistics(method)
    model = bench.dense.reset()
    assert same(before, dict(model.state_dict()))
    assert all(parameter.grad is None for parameter in model.parameters())


def test_other_methods_collect_nothing(make_bench: MakeBench, cache: Path) -> None:
    bench = make_bench()
    for method in set(METHODS) - set(WITH_DATA):
        assert bench.calibration.statistics(method) == {}
    assert not (cache / "statistics").exists()


@pytest.mark.parametrize("method", [m for m in WITH_DATA if CRITERIA[m].needs != "gradient"])
def test_methods_that_read_inputs_refuse_embeddings(make_bench: MakeBench, method: str) -> None:
    space = {"method": ["l1-norm", method]}
    bench = make_bench(space=space, pruning={"embeddings": True})
    with pytest.raises(UsageError, match=f"method {method} .* is of kind Embedding"):
        bench.check()
    with pytest.raises(UsageError, match="is of kind Embedding"):
        bench.trial(Params(method=method), seed=0)


@pytest.mark.parametrize("granularity", [name for name in GRANULARITIES if name != "element"])
def test_n_of_m_that_does_not_divide_a_matrix(
    make_bench: MakeBench, tmp_path: Path, granularity: str
) -> None:
    model = tiny.save(tmp_path, intermediate_size=42)
    bench = make_bench(model, space={"granularity": ["element", granularity]})
    with pytest.raises(UsageError, match=r"output\.dense, of shape \(32, 42\), has rows of 42"):
        bench.check()


def test_every_method_and_granularity_that_fits_is_accepted(make_bench: MakeBench) -> None:
    space = {"method": AT_ONCE, "granularity": list(GRANULARITIES)}
    make_bench(space=space).check()


def test_a_repeated_trial_gives_the_same_weights(bench: Workbench) -> None:
    """Resume and export rely on this: they compute masks and reconstructed weights again."""
    for method in AT_ONCE:
        params = Params(0.7, method, "row", finetune_epochs=0)
        found = []
        for _ in range(2):
            trial = bench.trial(params, seed=4)
            trial.prune()
            found.append(weights_of(trial))
        assert same(*found), method


@pytest.mark.parametrize("method", AT_ONCE)
@pytest.mark.parametrize("granularity", ["2:4", "4:8"])
def test_n_of_m_is_held_through_finetuning(bench: Workbench, method: str, granularity: str) -> None:
    kept, group = map(int, granularity.split(":"))
    params = Params(0.9, method, granularity=granularity, finetune_epochs=1, learning_rate=1e-2)
    trial = bench.trial(params, seed=1)
    for record in trial.run():
        assert record.sparsity == pytest.approx(0.5, abs=1e-4)
        for weight in trial.weights.values():
            assert (weight.reshape(-1, group).count_nonzero(dim=1) <= kept).all()


def test_the_reconstruction_changes_outputs_less_than_masks_alone(bench: Workbench) -> None:
    inputs: list[torch.Tensor] = []
    name = "bert.encoder.layer.0.intermediate.dense"
    dense = bench.dense.reset()
    layer = dense.get_submodule(name)
    assert isinstance(layer, nn.Linear)
    handle = layer.register_forward_pre_hook(lambda m, args: inputs.append(args[0].detach()))
    for _ in bench.calibration.losses(bench.dense):
        pass
    handle.remove()
    x = torch.cat([part.reshape(-1, part.shape[-1]) for part in inputs])
    before = layer.weight.detach().clone()
    params = Params(0.6, "sparsegpt", "row", finetune_epochs=0)
    trial = bench.trial(params, seed=0)
    trial.prune()
    after, mask = trial.weights[name].detach(), trial.masks[name]
    rebuilt = (x @ (after - before).T).square().sum()
    masked = (x @ (before * mask - before).T).square().sum()
    assert torch.equal(after != 0, mask)
    assert rebuilt < 0.8 * masked


def test_layer_profile_and_normalise_change_the_masks(bench: Workbench) -> None:
    def zeros(**how: Any) -> list[int]:
        trial = bench.trial(dataclasses.replace(Params(0.6, finetune_epochs=0), **how), seed=0)
        [record] = trial.run()
        assert record.zeros_per_weight is not None
        return record.zeros_per_weight

    assert zeros(layer_profile="erk") != zeros()
    assert zeros(scope="row", layer_profile="erk") == zeros(layer_profile="erk")
    assert zeros(scope="global", normalise="rms") != zeros(scope="global")
    assert zeros(scope="global", layer_profile="erk") == zeros(scope="global")
