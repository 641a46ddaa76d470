"""The closed-form task: accuracy as a formula of a trial's params and epoch; no data, no model.

The formula is made up, not fitted, and shaped like what small BERTs do, with the traits that make
the search hard: accuracy falls off a cliff of sparsity, sooner for random scores than for
magnitudes; finetuning moves the cliff, as fast as the learning rate suits; the sparse end is at
chance after one epoch, and recovers from the second.

Bench and trial are as `sweep.compress.open` wants them. A trial has weights that are really pruned
and counted, by a ramp if asked, a state that a checkpoint must bring back (without it, a resumed
trial would say other figures), and records with every field. A formula has no teacher: what
distillation is asked for changes nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from sweep.compress.dense.ship import Shipped
from sweep.compress.loop import Loop, due
from sweep.compress.measure import Score, stored_bytes
from sweep.config import SweepConfig
from sweep.errors import TrialError
from sweep.registry import METRICS
from sweep.space.params import Params

DENSE, CHANCE = 0.92, 0.1
"""Expected accuracy of the dense model, and of one that knows nothing (ten classes)."""

CLIFF = {"random": 0.35}
"""Sparsity at which half of what was known is gone without finetuning, by method."""

OTHER_CLIFF, GLOBAL_BONUS, WIDTH = 0.68, 0.05, 0.05
RECOVERY, PACE, BEST_LEARNING_RATE = 0.27, 0.7, 1e-3
ACTIVATIONS = 0.2
"""What activation sparsity costs, as a share of what as much weight sparsity would."""

SLOW_FROM, DIVERGES_FROM = 0.8, 0.1
"""The sparsity from which the first epoch recovers nothing; a learning rate that no model bears."""


def expected_accuracy(params: Params, recovered: float) -> float:
    """In (CHANCE, DENSE); ``recovered`` in [0, 1] is how far finetuning has come."""
    load = params.sparsity + ACTIVATIONS * params.activation_sparsity
    cliff = CLIFF.get(params.method, OTHER_CLIFF) + GLOBAL_BONUS * (params.scope == "global")
    distance = (cliff + RECOVERY * recovered - load) / WIDTH
    return CHANCE + (DENSE - CHANCE) / (1 + math.exp(-distance))


def recover(params: Params, epoch: int, recovered: float) -> float:
    """How far finetuning has come after one more epoch, of which ``epoch`` (>= 1) is the number.

    Each epoch makes up the same share of what is left, so after e epochs (less the one that the
    sparse end waits) it is ``1 - (1 - share) ** e``.
    """
    if epoch == 1 and params.sparsity >= SLOW_FROM:
        return recovered
    return recovered + (1 - recovered) * share(params.learning_rate)


def share(learning_rate: float) -> float:
    """What an epoch makes up of what is left, in (0, PACE]: best at BEST_LEARNING_RATE.

    >>> share(1e-3), round(share(1e-4), 3)
    (0.7, 0.258)
    """
    return PACE * math.exp(-((math.log10(learning_rate / BEST_LEARNING_RATE)) ** 2))


MATRICES = {"first.weight": 4000, "second.weight": 4000, "head.weight": 2000}
WEIGHTS, OTHERS = sum(MATRICES.values()), 2_500
"""Prunable parameters, and the rest, of 4 bytes each."""

EXAMPLES = 1000
"""Evaluation examples, unless ``task.eval_samples`` says otherwise."""

STREAMS = {"train": 1, "validation": 2, "test": 3}
MASK, DENSE_SEED, HARDNESS, ANSWERS = 4, 5, 6, 7
LABELS = 10


class ClosedForm:
    """A formula on a bench: nothing to load, nothing to train but the time that is asked for."""

    metric = "accuracy"

    def __init__(self, config: SweepConfig) -> None:
        self.config = config

    @property
    def warnings(self) -> list[str]:
        """None: nothing here flatters."""
        return []

    def check(self) -> None:
        """Nothing can be missing."""

    @property
    def examples(self) -> int:
        """How many examples an evaluation has."""
        return self.config.task.eval_samples or EXAMPLES

    def baseline(self, split: str = "validation") -> dict[str, Any]:
        """The dense figures, as `sweep.compress.dense.bench.Workbench.baseline` gives them."""
        score = self.score(DENSE, split, self.config.task.seed, DENSE_SEED)
        metrics = self.config.task.all_metrics
        return {
            **score.figures(metrics),
            **size_of(0),
            "prunable_weights": [[name, count] for name, count in MATRICES.items()],
            "metrics": {name: METRICS[name].facts(score.labels) for name in metrics},
            "train_seconds": 0.0,
            "eval_seconds": 0.0,
            "seconds": 0.0,
        }

    def pack(self) -> bytes:
        """Nothing: a formula is everywhere."""
        return b""

    def adopt(self, shipped: Shipped | None) -> None:
        """Nothing."""

    def trial(self, params: Params, seed: int, split: str = "validation") -> ClosedFormTrial:
        """A trial of ``params``."""
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


class ClosedFormTrial(Loop):
    """One trial: a generator of records, in the shape of `sweep.compress.trial.Trial`."""

    def __init__(self, bench: ClosedForm, params: Params, seed: int, split: str) -> None:
        task, baseline = bench.config.task, bench.baseline(split)[bench.config.task.primary]
        schedule = bench.config.recover.lr_schedule
        super().__init__(params, split, baseline, schedule, task.all_metrics)
        self.bench, self.seed = bench, seed
        self.recovered = 0.0
        self.kept = np.ones(WEIGHTS, dtype=bool)

    def drop(self, params: Params) -> None:
        """The same weights first at every step of a ramp."""
        rng = np.random.default_rng([MASK, self.seed])
        self.kept[rng.permutation(WEIGHTS)[: round(params.sparsity * WEIGHTS)]] = False

    def train(self) -> float:
        """Recover for one epoch; returns its wall seconds."""
        started = time.perf_counter()
        time.sleep(self.bench.config.task.seconds_per_epoch)
        if self.params.learning_rate >= DIVERGES_FROM:
            raise TrialError(f"diverged: loss is nan in epoch {self.epoch + 1}")
        self.recovered = recover(self.params, self.epoch + 1, self.recovered)
        return time.perf_counter() - started

    def score(self, split: str) -> Score:
        """The answers at this epoch, on a split."""
        now = replace(self.params, sparsity=due(self.params, self.epoch))
        expected = expected_accuracy(now, self.recovered)
        score = self.bench.score(expected, split, self.seed, self.epoch)
        self.seconds += score.seconds
        return score

    def size(self) -> dict[str, Any]:
        """By the weights that are really zero."""
        return size_of(WEIGHTS - int(self.kept.sum()))

    def zeros(self) -> list[int]:
        """Those of each matrix."""
        ends = np.cumsum(list(MATRICES.values()))[:-1]
        return [len(part) - int(part.sum()) for part in np.split(self.kept, ends)]

    def state_dict(self) -> dict[str, Any]:
        """All that :meth:`load_state_dict` needs to go on, as `sweep.ledger.checkpoint`
        stores it.
        """
        return {
            "epoch": self.epoch,
            "seconds": self.seconds,
            "model": {"recovered": np.array(self.recovered)},
            "masks": {"weights": self.kept},
            "activations": {},
            "optimizer": {0: {"step": np.array(self.epoch)}},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`state_dict` gave."""
        self.epoch, self.seconds = state["epoch"], state["seconds"]
        self.recovered = float(state["model"]["recovered"])
        self.kept = np.array(state["masks"]["weights"])


def size_of(zeros: int) -> dict[str, Any]:
    """The fields of `sweep.compress.measure.Size` for a model with this many of its weights
    zero.
    """
    total = WEIGHTS + OTHERS
    return {
        "sparsity": zeros / WEIGHTS,
        "model_sparsity": zeros / total,
        "nonzero_params": total - zeros,
        "size_bytes": stored_bytes(WEIGHTS, WEIGHTS - zeros, 4) + OTHERS * 4,
    }
