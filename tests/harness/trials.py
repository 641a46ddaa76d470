"""Small trials on a prepared workbench, for tests that compare their records."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from sweep.compress.dense.bench import Workbench
from sweep.compress.measure import Score
from sweep.compress.tasks import Split, Task
from sweep.compress.train import Recipe, evaluate, finetune_epoch, make_optimizer
from sweep.compress.trial import ModelTrial
from sweep.config.fields import LR_SCHEDULES
from sweep.ledger.record import Record
from sweep.space.params import ACTIVATION_METHODS, ACTIVATION_SCOPES, Params

TIMES = ("seconds", "train_seconds", "eval_seconds")
PLAIN = Params(sparsity=0.6, finetune_epochs=2, learning_rate=1e-3)
WITH_ACTIVATIONS = {
    f"{method}-{scope}": dataclasses.replace(
        PLAIN, activation_sparsity=0.4, activation_method=method, activation_scope=scope
    )
    for method, scope in itertools.product(ACTIVATION_METHODS, ACTIVATION_SCOPES)
}
RAMP = dataclasses.replace(PLAIN, sparsity=0.8, finetune_epochs=4, ramp_epochs=2)
MOVING = dataclasses.replace(RAMP, method="movement")

every_schedule = pytest.mark.parametrize("schedule", LR_SCHEDULES)


def recipe(
    params: Params = PLAIN, schedule: str = "constant", seed: int = 0, dropout: float | None = None
) -> Recipe:
    return Recipe(
        learning_rate=params.learning_rate,
        epochs=params.finetune_epochs,
        seed=seed,
        batch_size=16,
        eval_batch_size=16,
        lr_schedule=schedule,
        dropout=dropout,
        warmup=0.3,
    )


def trial(
    bench: Workbench,
    params: Params = PLAIN,
    schedule: str = "constant",
    start: Mapping[str, Tensor] | None = None,
    **how: Any,
) -> ModelTrial:
    grid = bench.grid(params.quantization)
    return ModelTrial(
        params,
        bench.models.get(grid),
        bench.task,
        recipe(params, schedule, **how),
        start=start,
        statistics=bench.calibration.statistics(params.method, grid),
        distillation=partial(bench.distillation, params),
        baseline=0.75,
    )


class GivenTask(Task):
    """A task of which every split is what a function says; it has no model to load."""

    key = "given"

    def __init__(self, split: Callable[[str], Any]) -> None:
        self.split = split  # type: ignore[method-assign]

    def read(self, name: str) -> Any:
        raise NotImplementedError

    def load(self, name: str, seed: int = 0, setting: str = "model") -> nn.Module:
        raise NotImplementedError


def figures(record: Record) -> dict[str, Any]:
    """Return a record without its times."""
    return {name: value for name, value in record.to_dict().items() if name not in TIMES}


def run(bench: Workbench, params: Params = PLAIN, **how: Any) -> list[dict[str, Any]]:
    return [figures(record) for record in trial(bench, params, **how).run()]


def first_epochs(some: ModelTrial, epochs: int) -> list[dict[str, Any]]:
    """Run a new trial up to an epoch and return its figures."""
    return [figures(record) for record in itertools.islice(some.run(), epochs + 1)]


def finetune(
    net: nn.Module, data: Split, recipe: Recipe, optimizer: Optimizer | None = None, **how: Any
) -> Optimizer:
    """Train all epochs of a recipe without a trial; return the optimiser."""
    optimizer, task = optimizer or make_optimizer(net, recipe), GivenTask(lambda name: data)
    for epoch in range(recipe.epochs):
        finetune_epoch(net, optimizer, task, recipe, epoch=epoch, **how)
    return optimizer


def evaluated(net: nn.Module, data: Split, batch_size: int) -> Score:
    """Evaluate a model on a split of a task with the usual loss and answers."""
    how = Recipe(learning_rate=0.0, epochs=0, seed=0, eval_batch_size=batch_size)
    return evaluate(net, GivenTask(lambda name: data), "validation", how)


def logits_one_by_one(model: nn.Module, split: Split) -> Tensor:
    """Return a model's logits for each example of a split alone, without padding."""
    with torch.no_grad():
        rows = (torch.tensor(split.batch(np.array([i]))["input_ids"]) for i in range(len(split)))
        return torch.cat([model(row, torch.ones_like(row)).logits for row in rows])


def weights_of(some: ModelTrial) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in some.model.state_dict().items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return set(one) == set(other) and all(torch.equal(one[name], other[name]) for name in one)
