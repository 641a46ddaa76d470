"""THE LOOP of MASE's tutorial 4: prune, evaluate, then finetune and evaluate epoch by epoch.

The ramp is how the sparsity of a trial rises while it is finetuned. With ``ramp_epochs`` = n a
trial is pruned in n + 1 steps along the cubic of Zhu and Gupta (2017, arXiv:1710.01878): the first
at once, the next at the end of each of the first n finetune epochs, before its record. So the
record of epoch e has the sparsity :func:`due`, full from epoch n on, and n = 0 prunes at once. What
a step drops stays dropped.

A method that is learned (`sweep.space.params.is_learned`) has nothing to go by until a weight was
trained: its n steps begin at the end of epoch 1, along ``1 - (1 - e / n) ** 3``, the record of
epoch 0 is the dense model's, and it needs n >= 1.

A ramp that is longer than the trial is shortened to it, and a ramp to N:M prunes at once
(`sweep.space.params.longest_ramp`).

Records before epoch n are *partial*: they are models of less sparsity than was asked for, and what
no trial of that few epochs gives, since its ramp would be shorter. From epoch n on
nothing depends on how many epochs are still to come, and a record is what a trial of
``finetune_epochs`` = its epoch gives (given a horizon-free learning rate).
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sweep.compress.measure import Score
from sweep.errors import UsageError
from sweep.ledger.metric import PrimaryMetric
from sweep.ledger.record import Record
from sweep.registry import METRICS
from sweep.space.params import Params, is_learned


def due(params: Params, epoch: int) -> float:
    """The sparsity in [0, 1) that a trial of ``params`` is to have after ``epoch`` epochs.

    ``sparsity * (1 - (1 - (epoch + a) / (ramp_epochs + a)) ** 3)``, where a (1, or 0 where the
    method learns) is how many steps come before any training, and exactly ``sparsity`` from epoch
    ``ramp_epochs`` on.

    >>> [due(Params(0.8, finetune_epochs=1, ramp_epochs=1), epoch) for epoch in (0, 1, 2)]
    [0.7000000000000001, 0.8, 0.8]
    >>> [due(Params(0.8, "movement", finetune_epochs=2, ramp_epochs=2), e) for e in (0, 1, 2)]
    [0.0, 0.7000000000000001, 0.8]
    """
    ramp, at_once = params.ramp_epochs, 0 if is_learned(params.method) else 1
    if epoch >= ramp:
        return params.sparsity
    return params.sparsity * (1 - ((ramp - epoch) / (ramp + at_once)) ** 3)


class Loop(ABC):
    """A trial: a generator of records, which can go on from what it was
    (`sweep.ledger.checkpoint`).

    ``baseline`` is the dense model's value on ``split`` of the first of the ``metrics``, which is
    the primary one. ``epoch`` is -1 before anything is pruned; ``seconds`` are all that it has
    taken. Raises
    :class:`~sweep.errors.UsageError` for no ramp where the method needs one.
    """

    def __init__(
        self,
        params: Params,
        split: str,
        baseline: float,
        lr_schedule: str,
        metrics: Sequence[str],
    ) -> None:
        if is_learned(params.method) and params.ramp_epochs == 0:
            raise UsageError(
                f"method is {params.method}, and ramp_epochs 0: before it is trained nothing is "
                "known of a weight to prune it by (ramp_epochs >= 1, finetune_epochs >= 1, "
                "granularity element)"
            )
        self.params, self.split, self.metrics = params, split, metrics
        self.metric = PrimaryMetric(metrics[0], METRICS.fact(metrics[0]))
        self.baseline, self.lr_schedule = baseline, lr_schedule
        self.epoch = -1
        self.seconds = 0.0

    def run(self) -> Iterator[Record]:
        """Yield a record after pruning and after every finetune epoch, from where it stands."""
        if self.epoch < 0:
            self.prune()
            yield self.record("pruned")
        while self.epoch < self.params.finetune_epochs:
            seconds = self.finetune()
            yield self.record("recovered", seconds)

    def prune(self) -> None:
        """Prune weights, in a ramp those of its first step, and activations."""
        self.epoch = 0
        self._drop_more()

    def finetune(self) -> float:
        """Train one epoch, and take the next step of a ramp; returns the training's seconds."""
        seconds = self.train()
        self.epoch += 1
        self.seconds += seconds
        if self.epoch <= self.params.ramp_epochs:
            self._drop_more()
        return seconds

    def _drop_more(self) -> None:
        started = time.perf_counter()
        self.drop(replace(self.params, sparsity=due(self.params, self.epoch)))
        self.seconds += time.perf_counter() - started

    def record(self, stage: str, train_seconds: float = 0.0) -> Record:
        """Evaluate the model as it is now, on the trial's split."""
        score = self.score(self.split)
        ramp = self.params.ramp_epochs
        bound = self.lr_schedule != "constant" and self.epoch < self.params.finetune_epochs
        figures, metric = score.figures(self.metrics), self.metric
        drop = metric.worsening(figures[metric.name], self.baseline)
        beside = {metric.baseline: self.baseline, metric.drop: drop}
        return Record(
            stage=stage,
            epoch=self.epoch,
            partial=self.epoch < ramp or bound,
            loss=figures.pop("loss"),
            examples=figures.pop("examples"),
            scores={**figures, **beside},
            **self.size(),
            zeros_per_weight=self.zeros() if self.epoch <= ramp else None,
            seconds=self.seconds,
            train_seconds=train_seconds,
            eval_seconds=score.seconds,
        )

    @abstractmethod
    def drop(self, params: Params) -> None:
        """Prune to the sparsity of ``params``, which is what is due now; at epoch 0 activations
        too.
        """

    @abstractmethod
    def train(self) -> float:
        """Train one epoch; what is pruned stays exactly zero. Returns its wall seconds."""

    @abstractmethod
    def score(self, split: str) -> Score:
        """Let the model as it is now answer a split."""

    @abstractmethod
    def size(self) -> dict[str, Any]:
        """The fields of `sweep.compress.measure.Size` of the model as it is now."""

    @abstractmethod
    def zeros(self) -> list[int]:
        """How many values of each prunable weight are zero."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """All that :meth:`load_state_dict` needs to go on bit for bit."""

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`state_dict` gave."""


Trial = Loop
"""The name under which `import sweep` has it."""
