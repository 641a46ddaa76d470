"""Ways to finetune a pruned model whose records need no horizon, and `linear`, which has one.

A *run* trains one trial and yields *readings*: (name, epochs, score). The horizon-free runs give a
reading of every name after every epoch; `linear` trains anew for every horizon. Schedules and
averages hang on hooks of the optimizer, so that every run goes through the product's own epoch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from sweep.compress.dense.bench import Workbench
from sweep.compress.train import Score, make_optimizer
from sweep.compress.trial import Trial
from sweep.space.params import Params

Reading = tuple[str, int, Score]
Schedule = Callable[[float], float]
"""The share of the peak learning rate at ``t`` epochs since the start of the run (a real)."""

WARMUP = 0.1  # of the first epoch, as the product's default


def tail(share: float) -> Schedule:
    """Every epoch ends with a linear fall to 0 over its last ``share``; the next restarts."""
    return lambda t: min(1.0, (1 - t % 1) / share)


def fading(power: float) -> Schedule:
    """Linear restarts every epoch, with a peak that falls as (epoch)^-power."""
    return lambda t: (1 - t % 1) * (1 + math.floor(t)) ** -power


SCHEDULES: dict[str, Schedule] = {
    "restarts": tail(1.0),
    "half-tail": tail(0.5),
    "fading-restarts": fading(0.5),
    "inverse-restarts": fading(1.0),
}
"""SGDR (arXiv:1608.03983) with a linear fall and a period of one epoch, and its variants."""

WINDOWS = (0.1, 0.5)
"""Time constants of the exponential moving averages, in epochs."""


def linear(bench: Workbench, params: Params, seed: int) -> Iterator[Reading]:
    """The yardstick: warm-up, then linearly to 0 at the horizon; a run for every horizon."""
    for horizon in range(1, params.finetune_epochs + 1):
        trial = _trial(bench, replace(params, finetune_epochs=horizon), seed, "linear")
        for _ in range(horizon):
            trial.finetune()
        yield "linear", horizon, _score(trial)


def constant(bench: Workbench, params: Params, seed: int) -> Iterator[Reading]:
    """Constant after warm-up: read as it is, as moving averages, as the mean of the epoch."""
    trial = _trial(bench, params, seed, "constant")
    steps = math.ceil(len(trial.task.train) / trial.recipe.batch_size)
    averages = {f"ema-{w:g}": Average(trial.model, math.exp(-1 / (w * steps))) for w in WINDOWS}
    mean = Average(trial.model, None)
    for average in (*averages.values(), mean):
        trial.optimizer.register_step_post_hook(average.update)
    for epoch in range(1, params.finetune_epochs + 1):
        mean.restart()
        trial.finetune()
        yield "constant", epoch, _score(trial)
        for name, average in {**averages, "epoch-mean": mean}.items():
            with average.in_place():
                yield name, epoch, _score(trial)


def scheduled(name: str) -> Callable[[Workbench, Params, int], Iterator[Reading]]:
    """A run of one of :data:`SCHEDULES`."""

    def run(bench: Workbench, params: Params, seed: int) -> Iterator[Reading]:
        trial = _trial(bench, params, seed, "constant")
        steps = math.ceil(len(trial.task.train) / trial.recipe.batch_size)
        taken = 0

        def set_rate(optimizer: torch.optim.Optimizer, *_: Any) -> None:
            nonlocal taken
            t = taken / steps
            warm = min(1.0, (taken + 1) / (WARMUP * steps + 1))
            for group in optimizer.param_groups:
                group["lr"] = params.learning_rate * min(warm, SCHEDULES[name](t))
            taken += 1

        trial.optimizer.register_step_pre_hook(set_rate)
        for epoch in range(1, params.finetune_epochs + 1):
            trial.finetune()
            yield name, epoch, _score(trial)

    return run


def schedule_free(bench: Workbench, params: Params, seed: int) -> Iterator[Reading]:
    """Schedule-free AdamW (arXiv:2405.15682) from the package of its authors."""
    from schedulefree import AdamWScheduleFree

    trial = _trial(bench, params, seed, "constant")
    groups = make_optimizer(trial.model, trial.recipe).param_groups
    given = [{key: group[key] for key in ("params", "weight_decay")} for group in groups]
    trial.optimizer = free = AdamWScheduleFree(given, lr=params.learning_rate)
    for epoch in range(1, params.finetune_epochs + 1):
        free.train()
        trial.finetune()
        free.eval()
        yield "schedule-free", epoch, _score(trial)


RUNS: dict[str, Callable[[Workbench, Params, int], Iterator[Reading]]] = {
    "linear": linear,
    "constant": constant,
    "schedule-free": schedule_free,
    **{name: scheduled(name) for name in SCHEDULES},
}


class Average:
    """A moving average of a model's weights: exponential with ``decay``, or uniform (None).

    Pruned weights are zero at every step, so they are zero in the average too. The exponential one
    begins at the pruned model and is corrected for that start, as Adam's moments are.
    """

    def __init__(self, model: nn.Module, decay: float | None) -> None:
        self.decay = decay
        self.weights = list(model.parameters())
        self.restart()

    def restart(self) -> None:
        """Forget what was averaged."""
        self.sums = [torch.zeros_like(weight) for weight in self.weights]
        self.total = 0.0

    @torch.no_grad()
    def update(self, *_: Any) -> None:
        """Take the weights in as they are now; an optimizer's post-hook."""
        keep, take = (1.0, 1.0) if self.decay is None else (self.decay, 1 - self.decay)
        torch._foreach_mul_(self.sums, keep)
        torch._foreach_add_(self.sums, [weight.detach() for weight in self.weights], alpha=take)
        self.total = keep * self.total + take

    @contextmanager
    @torch.no_grad()
    def in_place(self) -> Iterator[None]:
        """The model with its average for the time of the block."""
        kept = [weight.clone() for weight in self.weights]
        self._put([value / self.total for value in self.sums])
        try:
            yield
        finally:
            self._put(kept)

    def _put(self, values: list[Tensor]) -> None:
        with torch.no_grad() if torch.is_grad_enabled() else nullcontext():
            for weight, value in zip(self.weights, values, strict=True):
                weight.copy_(value)


def _trial(bench: Workbench, params: Params, seed: int, schedule: str) -> Trial:
    trial = bench.trial(params, seed)
    trial.recipe = replace(trial.recipe, lr_schedule=schedule)
    trial.prune()
    return trial


def _score(trial: Trial) -> Score:
    return trial.score(trial.split)
