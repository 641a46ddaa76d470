"""What an evaluation says of the primary metric, and how sure that is.

Where the metric is the share of examples that were answered right, its value has the sampling error
of a share: Wilson's interval. Any other metric has its standard error in the record: the interval
is the value plus and minus 1.96 of them, cut where the metric's values end.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from analysis.certainty.statistics import quantile, seeds_margin, wilson
from sweep.ledger.metric import PrimaryMetric
from sweep.ledger.record import figure, standard_error
from sweep.pareto import FloatArray

LEVEL = 0.95


class Measured(NamedTuple):
    """A value of the metric; NaN for what is not known."""

    value: float
    error: float
    """Its standard error."""
    examples: float
    """How many it is a share of; NaN where it is no share of examples answered right."""


def measured(figures: Mapping[Any, Any], metric: PrimaryMetric) -> Measured:
    """What a record, or a row of a table, says of the metric."""
    names = (metric.name, "correct", "examples")
    value, correct, examples = (_number(figure(figures, name)) for name in names)
    is_share = 0 <= correct <= examples and math.isclose(value * examples, correct, abs_tol=1e-3)
    error = _number(standard_error(figures, metric.name))
    return Measured(value, error, examples if is_share and examples > 0 else math.nan)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def interval(one: Measured, metric: PrimaryMetric, level: float = LEVEL) -> tuple[float, float]:
    """The two-sided interval of a value: (low, high); NaN where its error is not known."""
    if not math.isnan(one.examples):
        low, high = wilson(one.value * one.examples, one.examples, level)
        return float(low), float(high)
    half = quantile(level) * one.error
    return within(one.value - half, one.value + half, metric)


def within(low: float, high: float, metric: PrimaryMetric) -> tuple[float, float]:
    """An interval, cut where the metric's values end: at its worst one; a share at 0 and 1."""
    least, most = (0.0, 1.0) if metric.is_share else (-math.inf, math.inf)
    if metric.worst is not None:
        least, most = (metric.worst, most) if metric.direction == "max" else (least, metric.worst)
    return max(low, least), min(high, most)


def mean_of(seeds: Sequence[Measured]) -> Measured:
    """The mean of one value a seed, on the same examples: its error does not shrink with the seeds.

    That the seeds differ is not in it. NaN where a seed's value is not known.
    """
    if not seeds:
        return Measured(math.nan, math.nan, math.nan)
    values, errors, examples = np.array(seeds, dtype=np.float64).T
    return Measured(
        float(values.mean()), float(np.sqrt((errors**2).mean())), float(examples.mean())
    )


def over_seeds(
    seeds: Sequence[Measured], metric: PrimaryMetric, level: float = LEVEL
) -> tuple[float, float, float]:
    """Mean of one value a seed, on the same examples, with its interval: (mean, low, high).

    Two things make the mean unsure: the examples (:func:`interval` of the mean, which does not
    shrink with the seeds, for all seeds answer the same ones) and the seeds (Student's t with
    seeds - 1 degrees of freedom, times the standard deviation over seeds by the root of their
    number). The distances of both to the mean are added in squares, the MOVER of Zou and Donner
    (2008), and cut where the metric's values end. One seed says nothing of the spread over seeds:
    its interval is that of the examples. No seed gives NaN.

    >>> accuracy = PrimaryMetric()
    >>> seeds = [Measured(share, 0.01, 1000) for share in (0.90, 0.91, 0.89)]
    >>> print("{:.3f} {:.3f} {:.3f}".format(*over_seeds(seeds, accuracy)))
    0.900 0.868 0.930
    """
    mean = mean_of(seeds)
    low, high = interval(mean, metric, level)
    wide = seeds_margin(values_of(seeds), level)
    low = mean.value - math.hypot(mean.value - low, wide)
    high = mean.value + math.hypot(high - mean.value, wide)
    return (mean.value, *within(low, high, metric))


def values_of(measures: Sequence[Measured]) -> FloatArray:
    """The values alone, shape (n,)."""
    return np.array([one.value for one in measures], dtype=np.float64)
