"""A trial: its records, and its independence of earlier trials."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch

from sweep.compress.dense.bench import Workbench
from sweep.compress.dense.make import Dense
from sweep.compress.trial import ModelTrial
from sweep.config.sections import PruningConfig
from sweep.errors import TrialError
from sweep.space.params import SCOPES, Params
from tests.harness import tiny
from tests.harness.spaces import LEARNED, METHODS
from tests.harness.trials import (
    MOVING,
    PLAIN,
    WITH_ACTIVATIONS,
    GivenTask,
    every_schedule,
    figures,
    first_epochs,
    recipe,
    run,
    same,
    trial,
    weights_of,
)


def test_records_have_the_stages_and_times_of_a_trial(bench: Workbench) -> None:
    records = list(trial(bench, dataclasses.replace(PLAIN, finetune_epochs=3)).run())
    stages = [("pruned", 0), *(("recovered", epoch) for epoch in (1, 2, 3))]
    assert [(record.stage, record.epoch) for record in records] == stages
    assert records[0].train_seconds == 0
    assert all(record.train_seconds > 0 for record in records[1:])
    assert all(record.eval_seconds > 0 for record in records)
    spent = list(itertools.accumulate(r.train_seconds + r.eval_seconds for r in records))
    for record, least in zip(records, spent, strict=True):
        # the trial's seconds also include the seconds of pruning
        assert least <= record.seconds <= least + 5
    assert len({record.loss for record in records}) == 4
    for record in records:
        assert record.accuracy == record.correct / record.examples
        assert record.accuracy_drop == 0.75 - record.accuracy
        assert record.examples == len(bench.task.split("validation"))


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("sparsity", [0.0, 0.37, 0.95])
def test_sparsity_is_measured_and_held(
    bench: Workbench, method: str, scope: str, sparsity: float
) -> None:
    ramp = int(method in LEARNED)
    some = trial(
        bench,
        Params(sparsity, method, scope, finetune_epochs=1, learning_rate=1e-2, ramp_epochs=ramp),
    )
    prunable = sum(weight.numel() for weight in some.weights.values())
    total = sum(parameter.numel() for parameter in some.model.parameters())
    for record in some.run():
        zeros = sum(int((weight == 0).sum()) for weight in some.weights.values())
        assert record.sparsity == zeros / prunable
        assert record.model_sparsity == zeros / total
        wanted = 0.0 if record.epoch < ramp else sparsity
        assert abs(zeros - wanted * prunable) <= (1 if scope == "global" else len(some.weights))


@every_schedule
def test_epochs_are_the_fidelity_if_the_schedule_has_no_horizon(
    bench: Workbench, schedule: str
) -> None:
    """And partial marks what a shorter trial would not give."""
    found = [
        run(bench, dataclasses.replace(PLAIN, finetune_epochs=epochs), schedule=schedule)
        for epochs in (0, 1, 2)
    ]
    bound = schedule == "linear"
    marks = [[record["partial"] for record in records] for records in found]
    assert marks == [[False], [bound, False], [bound, bound, False]]
    long, short = found[2], found[1]
    assert long[0]["loss"] == short[0]["loss"]
    assert (long[1] == short[1]) == (long[1]["loss"] == short[1]["loss"]) == (not bound)


def test_without_pruning_and_training_the_record_is_the_dense_models(bench: Workbench) -> None:
    [record] = bench.trial(Params(sparsity=0.0, finetune_epochs=0), 0).run()
    baseline = bench.baseline()
    for name in ("accuracy", "loss", "correct", "examples", "sparsity", "size_bytes"):
        assert getattr(record, name) == baseline[name]
    assert record.accuracy_drop == 0


def test_a_trial_on_a_workbench_uses_the_settings_of_the_config(bench: Workbench) -> None:
    some = bench.trial(PLAIN, seed=5, split="test")
    assert (some.recipe.seed, some.recipe.batch_size, some.recipe.warmup) == (5, 16, 0.1)
    assert (some.recipe.epochs, some.recipe.learning_rate) == (2, 1e-3)
    assert next(some.run()).examples == 30


def test_the_seed_determines_masks_batches_and_dropout(bench: Workbench) -> None:
    assert run(bench, seed=1) == run(bench, seed=1)
    assert run(bench, seed=1)[1:] != run(bench, seed=2)[1:]
    random = dataclasses.replace(PLAIN, method="random", finetune_epochs=0)
    assert run(bench, random, seed=1) != run(bench, random, seed=2)


@pytest.mark.parametrize("params", WITH_ACTIVATIONS.values(), ids=WITH_ACTIVATIONS)
def test_activation_pruning_changes_training(bench: Workbench, params: Params) -> None:
    assert run(bench, params) == run(bench, params)
    losses = [record["loss"] for record in run(bench, params)]
    assert all(a != b["loss"] for a, b in zip(losses, run(bench), strict=True))


def test_a_model_without_segments_can_be_pruned_in_both_ways() -> None:
    """Calibration and training give a model only the inputs that it accepts."""
    data = tiny.bags()
    task = GivenTask(lambda name: data)
    for params in WITH_ACTIVATIONS.values():
        some = ModelTrial(
            params, Dense.of(tiny.Net()), task, recipe(params), pruning=PruningConfig()
        )
        assert [record.epoch for record in some.run()] == [0, 1, 2]


def test_calibration_uses_train_and_not_validation(bench: Workbench) -> None:
    some = trial(bench, WITH_ACTIVATIONS["l1-norm-global"])
    read: list[str] = []
    task = bench.task

    def split(name: str) -> Any:
        read.append(name)
        return task.split(name)

    some.task = GivenTask(split)
    some.prune()
    assert read == ["train"]
    assert len(some.activations.state) == 14


def die_half_way(bench: Workbench) -> None:
    first_epochs(trial(bench, WITH_ACTIVATIONS["random-local"], dropout=0.5), 1)


def diverge(bench: Workbench) -> None:
    """The trial diverges after the record of the pruned model."""
    records = trial(
        bench, dataclasses.replace(WITH_ACTIVATIONS["random-global"], learning_rate=1e38)
    ).run()
    assert next(records).stage == "pruned"
    with pytest.raises(TrialError, match=r"diverged: .*learning rate 1e\+38"):
        next(records)


def die_after_backward(bench: Workbench) -> None:
    some = trial(bench)
    some.prune()
    batch = bench.task.train.batch(range(4))  # type: ignore[arg-type]
    tensors = {key: torch.from_numpy(part) for key, part in batch.items()}
    some.model.train()(**tensors).loss.backward()


BEFORE: dict[str, Callable[[Workbench], object]] = {
    **{name: partial(run, params=params) for name, params in WITH_ACTIVATIONS.items()},
    "other masks": partial(run, params=dataclasses.replace(PLAIN, method="random", scope="global")),
    "movement": partial(run, params=MOVING),
    "dropout": partial(run, dropout=0.5),
    "ambient seed": lambda bench: torch.manual_seed(123),
    "half-way": die_half_way,
    "diverged": diverge,
    "backward": die_after_backward,
}


@pytest.mark.parametrize("before", BEFORE)
def test_a_trial_does_not_depend_on_earlier_trials(bench: Workbench, before: str) -> None:
    first = trial(bench)
    expected = [figures(record) for record in first.run()]
    final = weights_of(first)
    BEFORE[before](bench)
    second = trial(bench)
    assert [figures(record) for record in second.run()] == expected
    assert same(weights_of(second), final)
