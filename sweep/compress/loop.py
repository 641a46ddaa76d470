"""The loop of MASE's tutorial 4: prune, evaluate, then finetune and evaluate epoch by epoch.

The ramp is the schedule of a trial's sparsity. With ``ramp_epochs`` = n a trial is pruned in n + 1
steps along the cubic schedule of Zhu and Gupta (2017, arXiv:1710.01878): the first step comes at
once, the others at the end of each of the first n finetune epochs, before the epoch's record. The
record of epoch e has the sparsity :func:`due`, which is full from epoch n on; n = 0 prunes at once.
Pruned weights stay pruned.

A learned method (`sweep.space.params.is_learned`) has no scores before training. Its n steps begin
at the end of epoch 1 and follow ``1 - (1 - e / n) ** 3``; the record of epoch 0 is the dense
model's. It needs n >= 1.

A ramp longer than the trial is shortened, and N:M has no ramp (`sweep.space.params.longest_ramp`).

Records before epoch n are *partial*: their sparsity is too low, and no shorter trial gives them,
because its ramp would be shorter too. From epoch n on, a record does not depend on the number of
later epochs: it equals that of a trial with ``finetune_epochs`` = its epoch (if the learning-rate
schedule has no horizon).
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from sweep.compress.measure import Score, Size
from sweep.errors import UsageError
from sweep.ledger.metric import PrimaryMetric
from sweep.ledger.record import Record
from sweep.registry import METRICS
from sweep.space.params import Params, is_learned


def due(params: Params, epoch: int) -> float:
    """Return the sparsity in [0, 1) that a trial of ``params`` has after ``epoch`` epochs.

    It is ``sparsity * (1 - (1 - (epoch + a) / (ramp_epochs + a)) ** 3)``, where a is the number of
    steps before training (0 for a learned method, otherwise 1), and exactly ``sparsity`` from epoch
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


class Trial(ABC):
    """A trial: a generator of records that can resume from a state (`sweep.ledger.checkpoint`).

    ``baseline`` is the dense model's value of the primary metric, the first of ``metrics``, on
    ``split``. ``epoch`` is -1 before pruning; ``seconds`` is the time of the trial so far;
    ``model`` is the torch module that is pruned, None if the task has no model. Raises
    :class:`~sweep.errors.UsageError` if the method needs a ramp and the params have none.
    """

    model: Any = None

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
                f"method is {params.method}, and ramp_epochs 0: this method has no scores before "
                "training; it needs ramp_epochs >= 1, finetune_epochs >= 1, granularity element"
            )
        self.params, self.split, self.metrics = params, split, metrics
        self.metric = PrimaryMetric(metrics[0], METRICS.fact(metrics[0]))
        self.baseline, self.lr_schedule = baseline, lr_schedule
        self.epoch = -1
        self.seconds = 0.0

    def run(self) -> Iterator[Record]:
        """Yield a record after pruning and after every finetune epoch, from the current one on."""
        if self.epoch < 0:
            self.prune()
            yield self.record("pruned")
        while self.epoch < self.params.finetune_epochs:
            seconds = self.finetune()
            yield self.record("recovered", seconds)

    def prune(self) -> None:
        """Prune activations, and weights to the sparsity of the ramp's first step."""
        self.epoch = 0
        self._drop_more()

    def finetune(self) -> float:
        """Train one epoch and take the next step of the ramp; return the seconds of training."""
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
        """Evaluate the current model on the trial's split."""
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
            **asdict(self.size()),
            zeros_per_weight=self.zeros() if self.epoch <= ramp else None,
            seconds=self.seconds,
            train_seconds=train_seconds,
            eval_seconds=score.seconds,
        )

    @abstractmethod
    def drop(self, params: Params) -> None:
        """Prune weights to the sparsity of ``params``; at epoch 0 also prune activations."""

    @abstractmethod
    def train(self) -> float:
        """Train one epoch while pruned weights stay exactly zero; return its wall seconds."""

    @abstractmethod
    def score(self, split: str) -> Score:
        """Evaluate the current model on a split."""

    @abstractmethod
    def size(self) -> Size:
        """Measure the current model."""

    @abstractmethod
    def zeros(self) -> list[int]:
        """Return the number of zeros in each prunable weight."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Return the state that :meth:`load_state_dict` needs to continue bit for bit."""

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a state of :meth:`state_dict`."""
