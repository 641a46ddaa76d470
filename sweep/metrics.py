"""Metrics: what an evaluation is worth, how unsure that is, and what the worst value is.

A metric is a function of an evaluation's per-example results, with a standard error of its own. A
record has both, as ``<name>`` and ``<name>_se``, and nothing after it (early stopping, intervals,
reports) needs to know what the metric is.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Results = npt.NDArray[Any]
"""One value an example (examples,): labels, or what a model answered."""

Value = Callable[[Results, Results], float]
"""(labels, answers) -> a figure."""


@dataclass(frozen=True)
class Metric:
    """A figure of an evaluation.

    ``value`` is a function of labels and answers (examples,). ``standard_error`` is one too, of the
    value's standard error over examples; by default :func:`jackknife` of ``value``. ``direction``
    is "max" or "min"; ``worst`` the worst value there is, None where there is none. ``unit`` is
    "share" for values in [0, 1], which are shown in per cent, else a word or nothing. ``chance``
    gives, from the labels, the value of answering without looking; by default ``worst``. ``right``
    is for a metric that is the share of examples which are answered right: records then keep one
    bit an example, so that two models can be compared example by example.
    """

    value: Value
    direction: str = "max"
    worst: float | None = None
    unit: str = ""
    standard_error: Value | None = None
    chance: Callable[[Results], float] | None = None
    right: Callable[[Results, Results], npt.NDArray[np.bool_]] | None = None

    def figures(self, name: str, labels: Results, answers: Results) -> dict[str, float]:
        """What a record says of it: the value, and its standard error."""
        error = self.standard_error or (lambda *pair: jackknife(self.value, *pair))
        value = self.value(labels, answers)
        return {name: float(value), f"{name}_se": float(error(labels, answers))}

    def facts(self, labels: Results) -> dict[str, Any]:
        """What a ledger's head says of it, plain values."""
        chance = self.worst if self.chance is None else float(self.chance(labels))
        return {
            "direction": self.direction,
            "unit": self.unit,
            "worst": self.worst,
            "chance": chance,
        }


GROUPS = 40
"""Parts of the examples that :func:`jackknife` leaves out in turn, where answers are not few."""


def jackknife(value: Value, labels: Results, answers: Results) -> float:
    """The jackknife's standard error of a figure over examples (Efron and Tibshirani 1993, ch. 11).

    Left out in turn is one of :data:`GROUPS` parts of the examples, of the same size to one: every
    40th example. NaN for fewer than two examples.
    """
    count = min(GROUPS, len(labels))
    if count < 2:
        return math.nan
    part = np.arange(len(labels)) % count
    without = [value(labels[part != one], answers[part != one]) for one in range(count)]
    return float(np.sqrt((count - 1) * np.var(without)))


def binomial_error(share: float, examples: float) -> float:
    """The standard error of a share of examples, in (0, 1): never 0.

    Two successes and two failures are added (Agresti and Coull 1998), so that a share of 1 has an
    error too.

    >>> round(binomial_error(0.9, 100), 4), binomial_error(1.0, 100) > 0
    (0.0313, True)
    """
    found = (share * examples + 2) / (examples + 4)
    return math.sqrt(found * (1 - found) / (examples + 4))


def is_right(labels: Results, answers: Results) -> npt.NDArray[np.bool_]:
    """Whether each example is answered right (examples,)."""
    found: npt.NDArray[np.bool_] = answers == labels
    return found


def accuracy(labels: Results, answers: Results) -> float:
    """Share of examples answered right, in [0, 1]."""
    return float(np.mean(is_right(labels, answers)))


def accuracy_error(labels: Results, answers: Results) -> float:
    """The binomial standard error of :func:`accuracy`."""
    return binomial_error(accuracy(labels, answers), len(labels))


def majority_share(labels: Results) -> float:
    """The accuracy of always answering the commonest label, in (0, 1]."""
    _, counts = np.unique(labels, return_counts=True)
    return float(counts.max() / len(labels))


def macro_f1(labels: Results, answers: Results) -> float:
    """The mean of each label's F1, in [0, 1], over labels that occur as label or as answer."""
    from sklearn.metrics import f1_score  # which takes a second to import

    return float(f1_score(labels, answers, average="macro"))


def matthews(labels: Results, answers: Results) -> float:
    """Matthews' correlation for any number of labels, in [-1, 1] (Gorodkin 2004, R_K).

    0 where all examples have one label, or get one answer: nothing is told apart then.
    """
    from sklearn.metrics import matthews_corrcoef

    with warnings.catch_warnings(action="ignore"):  # that there is one label
        return float(matthews_corrcoef(labels, answers))


def _nothing(labels: Results) -> float:
    return 0.0


METRICS: dict[str, Metric] = {
    "accuracy": Metric(accuracy, "max", 0.0, "share", accuracy_error, majority_share, is_right),
    "f1": Metric(macro_f1, "max", 0.0, "share"),
    "matthews": Metric(matthews, "max", -1.0, "", chance=_nothing),
}
"""The built-in ones by name."""
