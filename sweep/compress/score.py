"""What an evaluation found, example by example, and the figures that follow from it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Score:
    """One evaluation: ``labels`` and ``answers`` (integers, examples) in the split's own order.

    ``loss`` is the mean cross-entropy, ``seconds`` wall time.
    """

    labels: Ints
    answers: Ints
    loss: float
    seconds: float

    @property
    def right(self) -> Bools:
        """Whether each example was answered right (examples,)."""
        found: Bools = self.answers == self.labels
        return found

    @property
    def correct(self) -> int:
        """How many examples were answered right."""
        return int(self.right.sum())

    @property
    def examples(self) -> int:
        """How many examples there are."""
        return len(self.labels)

    @property
    def accuracy(self) -> float:
        """Share of examples answered right, in [0, 1]."""
        return self.correct / self.examples

    def figures(self, metrics: Sequence[str] = ()) -> dict[str, Any]:
        """The figures by the names of a record, plain values; with ``metrics`` of `EXTRA` too.

        There is no bound on the examples that ``correct_bits`` tells of: each takes a sixth of a
        byte, and has cost a forward pass.
        """
        extra = {}
        if metrics:
            counts = confusion(self.labels, self.answers)
            extra = {name: EXTRA[name](counts) for name in metrics}
        return {
            "accuracy": self.accuracy,
            "loss": self.loss,
            "correct": self.correct,
            "examples": self.examples,
            "correct_bits": pack(self.right),
            **extra,
        }


def pack(right: Bools) -> str:
    """A bit an example, as base64: eight to a byte, the first one the highest.

    >>> pack(np.array([True, False, True]))
    'oA=='
    """
    return base64.b64encode(np.packbits(right).tobytes()).decode("ascii")


def confusion(labels: Ints, answers: Ints) -> Ints:
    """How many examples of each label (rows) got each answer (columns), shape (n, n).

    >>> confusion(np.array([0, 0, 1]), np.array([0, 1, 1])).tolist()
    [[1, 1], [0, 1]]
    """
    n = int(max(labels.max(), answers.max())) + 1
    return np.bincount(labels * n + answers, minlength=n * n).reshape(n, n)


def macro_f1(counts: Ints) -> float:
    """The mean of each label's F1, in [0, 1], over labels that occur as label or as answer.

    ``counts`` is what :func:`confusion` gives.
    """
    sizes = counts.sum(axis=0) + counts.sum(axis=1)
    there = sizes > 0
    return float((2 * np.diag(counts)[there] / sizes[there]).mean())


def matthews(counts: Ints) -> float:
    """Matthews' correlation for any number of labels, in [-1, 1] (Gorodkin 2004, R_K).

    0 where all examples have one label, or get one answer: nothing is told apart then.
    ``counts`` is what :func:`confusion` gives.
    """
    total, right = float(counts.sum()), float(np.trace(counts))
    labels, answers = counts.sum(axis=1).astype(float), counts.sum(axis=0).astype(float)
    spread = (total**2 - labels @ labels) * (total**2 - answers @ answers)
    return float((right * total - labels @ answers) / np.sqrt(spread)) if spread else 0.0


EXTRA: Mapping[str, Callable[[Ints], float]] = {"f1": macro_f1, "matthews": matthews}
"""The figures that ``task.metrics`` can ask for.

MO-ASHA's margin is for the error of an accuracy; an objective of these it compares as exact.
"""
