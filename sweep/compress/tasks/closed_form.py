"""The closed-form task: accuracy is a formula of a trial's params and epoch, without data or model.

The formula is invented, not fitted, but it resembles small BERTs in the traits that make the search
hard. Accuracy drops steeply at some sparsity, which is lower for random scores than for magnitudes.
Finetuning moves this sparsity up, at a speed that depends on the learning rate. Very sparse models
are at chance after one epoch, and recover from the second epoch on.

Bench and trial have the interfaces of `sweep.compress.dense.bench` and `sweep.compress.trial`. A
trial really prunes and counts weights, with a ramp if its params have one. It has a state that a
checkpoint must restore, and records with every field. Distillation has no effect on a formula.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from sweep.compress.dense.ship import Shipped
from sweep.compress.loop import Trial, due
from sweep.compress.measure import Score, Size, dense_figures, stored_bytes
from sweep.config import SweepConfig
from sweep.errors import TrialError
from sweep.space.params import Params

DENSE, CHANCE = 0.92, 0.1
"""Expected accuracy of the dense model, and at chance level (ten classes)."""

CLIFF = {"random": 0.35}
"""Sparsity at which half of the accuracy above chance is lost without finetuning, by method."""

OTHER_CLIFF, GLOBAL_BONUS, WIDTH = 0.68, 0.05, 0.05
RECOVERY, PACE, BEST_LEARNING_RATE = 0.27, 0.7, 1e-3
ACTIVATIONS = 0.2
"""Cost of activation sparsity relative to the same weight sparsity."""

SLOW_FROM, DIVERGES_FROM = 0.8, 0.1
"""Sparsity from which the first epoch recovers nothing; learning rate from which trials diverge."""


def expected_accuracy(params: Params, recovered: float) -> float:
    """Return the expected accuracy in (CHANCE, DENSE); ``recovered`` is in [0, 1]."""
    load = params.sparsity + ACTIVATIONS * params.activation_sparsity
    cliff = CLIFF.get(params.method, OTHER_CLIFF) + GLOBAL_BONUS * (params.scope == "global")
    distance = (cliff + RECOVERY * recovered - load) / WIDTH
    return CHANCE + (DENSE - CHANCE) / (1 + math.exp(-distance))


def recover(params: Params, epoch: int, recovered: float) -> float:
    """Return the recovered share, in [0, 1], after one more epoch, number ``epoch`` (>= 1).

    Each epoch recovers the same share of the rest, so after e epochs it is ``1 - (1 - share) **
    e``; very sparse models recover nothing in their first epoch.
    """
    if epoch == 1 and params.sparsity >= SLOW_FROM:
        return recovered
    return recovered + (1 - recovered) * share(params.learning_rate)


def share(learning_rate: float) -> float:
    """Return the share of the rest that an epoch recovers, in (0, PACE]; best: BEST_LEARNING_RATE.

    >>> share(1e-3), round(share(1e-4), 3)
    (0.7, 0.258)
    """
    return PACE * math.exp(-((math.log10(learning_rate / BEST_LEARNING_RATE)) ** 2))


MATRICES = {"first.weight": 4000, "second.weight": 4000, "head.weight": 2000}
WEIGHTS, OTHERS = sum(MATRICES.values()), 2_500
"""Number of prunable parameters and of other parameters, with 4 bytes each."""

STREAMS = {"train": 1, "validation": 2, "test": 3}
MASK, DENSE_SEED, HARDNESS, ANSWERS = 4, 5, 6, 7
LABELS = 10


class ClosedForm:
    """The bench of a formula, which loads and trains nothing; an epoch sleeps for a set time."""

    metric = "accuracy"

    def __init__(self, config: SweepConfig) -> None:
        self.config = config
        self.examples = config.task.eval_samples or 1000

    def check(self) -> None:
        """Do nothing, since nothing can be missing."""

    def baseline(self, split: str = "validation") -> dict[str, Any]:
        """Return the dense figures, as `sweep.compress.dense.bench.Workbench.baseline` does."""
        score = self.score(DENSE, split, self.config.task.seed, DENSE_SEED)
        return dense_figures(score, self.config.task.all_metrics, size_of(0), MATRICES)

    def about(self, split: str) -> dict[str, Any]:
        """Return that there is nothing to know about the examples, since there are none."""
        return {"warnings": []}

    def pack(self) -> bytes:
        """Return no bytes, since there is no model."""
        return b""

    def adopt(self, shipped: Shipped | None) -> None:
        """Do nothing, since there is no model."""

    def trial(self, params: Params, seed: int, split: str = "validation") -> ClosedFormTrial:
        return ClosedFormTrial(self, params, seed, split)

    def score(self, accuracy: float, split: str, *path: int) -> Score:
        """Answers, drawn: the noise of an evaluation set, the same every time for a ``path``.

        How many are right is binomial; which, goes by how hard an example is and by chance, so
        that two models agree on more examples than strangers would.
        """
        started = time.perf_counter()
        rng = np.random.default_rng([STREAMS[split], *path])
        correct = int(rng.binomial(self.examples, accuracy))
        hardness = np.random.default_rng([STREAMS[split], HARDNESS]).random(self.examples)
        chance = np.random.default_rng([STREAMS[split], ANSWERS, *path])
        wrong = np.argsort(hardness + chance.random(self.examples), kind="stable")[correct:]
        labels = np.arange(self.examples) % LABELS
        answers = labels.copy()
        answers[wrong] = (labels[wrong] + chance.integers(1, LABELS, len(wrong))) % LABELS
        return Score(labels, answers, -math.log(accuracy), time.perf_counter() - started)


class ClosedFormTrial(Trial):
    """A trial with the interface of `sweep.compress.loop.Trial`."""

    def __init__(self, bench: ClosedForm, params: Params, seed: int, split: str) -> None:
        task, baseline = bench.config.task, bench.baseline(split)[bench.config.task.primary]
        schedule = bench.config.recover.lr_schedule
        super().__init__(params, split, baseline, schedule, task.all_metrics)
        self.bench, self.seed = bench, seed
        self.recovered = 0.0
        self.kept = np.ones(WEIGHTS, dtype=bool)

    def drop(self, params: Params) -> None:
        """Prune weights in a fixed random order, so that the steps of a ramp are nested."""
        rng = np.random.default_rng([MASK, self.seed])
        self.kept[rng.permutation(WEIGHTS)[: round(params.sparsity * WEIGHTS)]] = False

    def train(self) -> float:
        started = time.perf_counter()
        time.sleep(self.bench.config.task.seconds_per_epoch)
        if self.params.learning_rate >= DIVERGES_FROM:
            raise TrialError(f"diverged: loss is nan in epoch {self.epoch + 1}")
        self.recovered = recover(self.params, self.epoch + 1, self.recovered)
        return time.perf_counter() - started

    def score(self, split: str) -> Score:
        """Draw the answers at the current epoch on a split."""
        now = replace(self.params, sparsity=due(self.params, self.epoch))
        expected = expected_accuracy(now, self.recovered)
        score = self.bench.score(expected, split, self.seed, self.epoch)
        self.seconds += score.seconds
        return score

    def size(self) -> Size:
        return size_of(WEIGHTS - int(self.kept.sum()))

    def zeros(self) -> list[int]:
        ends = np.cumsum(list(MATRICES.values()))[:-1]
        return [len(part) - int(part.sum()) for part in np.split(self.kept, ends)]

    def state_dict(self) -> dict[str, Any]:
        return {
            "epoch": self.epoch,
            "seconds": self.seconds,
            "model": {"recovered": np.array(self.recovered)},
            "masks": {"weights": self.kept},
            "activations": {},
            "optimizer": {0: {"step": np.array(self.epoch)}},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.epoch, self.seconds = state["epoch"], state["seconds"]
        self.recovered = float(state["model"]["recovered"])
        self.kept = np.array(state["masks"]["weights"])


def size_of(zeros: int) -> Size:
    """Return the size of a model with ``zeros``."""
    total = WEIGHTS + OTHERS
    size_bytes = stored_bytes(WEIGHTS, WEIGHTS - zeros, 4) + OTHERS * 4
    return Size(zeros / WEIGHTS, zeros / total, total - zeros, size_bytes, coverage=1.0)
