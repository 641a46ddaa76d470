"""Metrics: figures of an evaluation with their standard errors.

A metric is a function of the labels and answers of all examples, with its own standard error. A
record has both, as ``<name>`` and ``<name>_se``, so that early stopping, intervals and reports do
not depend on the metric.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sweep.errors import UsageError

Results = npt.NDArray[Any]
"""One value per example, shape (examples,): labels, or answers of a model."""

Value = Callable[[Results, Results], float]
"""(labels, answers) -> a figure."""

Right = Callable[[Results, Results], npt.NDArray[np.bool_]]
"""(labels, answers) -> whether each example is answered right (examples,)."""


@dataclass(frozen=True)
class Metric:
    """A figure of an evaluation.

    ``value`` is a function of labels and answers, each of shape (examples,). ``standard_error`` is
    a function of the same arguments; by default :func:`jackknife` of ``value``. ``direction`` is
    "max" or "min". ``worst`` is the worst possible value, or None. ``unit`` is "share" for values
    in [0, 1], which are shown as percentages, else any word or "". ``chance`` is a function of the
    labels: the value of a model that ignores its input; by default ``worst``. ``right`` is for a
    metric that is the share of correct answers: records then keep one bit per example, so that two
    models can be compared example by example.
    """

    value: Value
    direction: str = "max"
    worst: float | None = None
    unit: str = ""
    standard_error: Value | None = None
    chance: Callable[[Results], float] | None = None
    right: Right | None = None

    def __post_init__(self) -> None:
        if self.direction not in ("max", "min"):
            raise UsageError(f"a metric's direction is max or min, got {self.direction!r}")

    def figures(self, name: str, labels: Results, answers: Results) -> dict[str, float]:
        """The entries of a record: the value and its standard error."""
        error = self.standard_error or (lambda *pair: jackknife(self.value, *pair))
        value = self.value(labels, answers)
        return {name: float(value), f"{name}_se": float(error(labels, answers))}

    def facts(self, labels: Results) -> dict[str, Any]:
        """The entry of the metric in the head of a ledger, as JSON values."""
        chance = self.worst if self.chance is None else float(self.chance(labels))
        return {
            "direction": self.direction,
            "unit": self.unit,
            "worst": self.worst,
            "chance": chance,
        }


GROUPS = 40
"""Most groups of examples in :func:`jackknife`."""


def jackknife(value: Value, labels: Results, answers: Results) -> float:
    """The jackknife standard error of a figure over examples (Efron and Tibshirani 1993, ch. 11).

    The examples are divided into at most :data:`GROUPS` groups whose sizes differ by at most one
    (every 40th example), and each group is left out once. NaN for fewer than two examples.
    """
    count = min(GROUPS, len(labels))
    if count < 2:
        return math.nan
    part = np.arange(len(labels)) % count
    without = [value(labels[part != k], answers[part != k]) for k in range(count)]
    return float(np.sqrt((count - 1) * np.var(without)))


def binomial_error(share: float, examples: float) -> float:
    """The standard error of a share of examples, in (0, 1).

    Two successes and two failures are added (Agresti and Coull 1998), so that the error is not 0
    for a share of 0 or 1.

    >>> round(binomial_error(0.9, 100), 4), binomial_error(1.0, 100) > 0
    (0.0313, True)
    """
    found = (share * examples + 2) / (examples + 4)
    return math.sqrt(found * (1 - found) / (examples + 4))


def is_right(labels: Results, answers: Results) -> npt.NDArray[np.bool_]:
    """Whether each answer is correct, shape (examples,)."""
    return np.asarray(answers == labels)


def accuracy(labels: Results, answers: Results) -> float:
    """The share of correct answers, in [0, 1]."""
    return float(np.mean(is_right(labels, answers)))


def accuracy_error(labels: Results, answers: Results) -> float:
    """The binomial standard error of :func:`accuracy`."""
    return binomial_error(accuracy(labels, answers), len(labels))


def majority_share(labels: Results) -> float:
    """The accuracy of always answering the most frequent label, in (0, 1]."""
    _, counts = np.unique(labels, return_counts=True)
    return float(counts.max() / len(labels))


def macro_f1(labels: Results, answers: Results) -> float:
    """The mean F1 over all labels that occur as a label or an answer, in [0, 1]."""
    from sklearn.metrics import f1_score  # this import takes a second

    return float(f1_score(labels, answers, average="macro"))


def matthews(labels: Results, answers: Results) -> float:
    """Matthews' correlation for any number of labels, in [-1, 1] (Gorodkin 2004, R_K).

    0 if all examples have the same label or the same answer.
    """
    from sklearn.metrics import matthews_corrcoef

    with warnings.catch_warnings(action="ignore"):  # a warning about a single label
        return float(matthews_corrcoef(labels, answers))


METRICS: dict[str, Metric] = {
    "accuracy": Metric(accuracy, "max", 0.0, "share", accuracy_error, majority_share, is_right),
    "f1": Metric(macro_f1, "max", 0.0, "share"),
    "matthews": Metric(matthews, "max", -1.0, "", chance=lambda labels: 0.0),
}
"""The built-in metrics by name."""
