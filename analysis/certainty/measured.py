"""The value of the primary metric in an evaluation, and its interval.

If the metric is the share of examples answered right, its interval is Wilson's. Any other metric
has a standard error in its record: the interval is the value plus and minus 1.96 standard errors,
clipped to the range of the metric.
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
    """A value of the primary metric; NaN stands for an unknown number."""

    value: float
    error: float
    """Its standard error."""
    examples: float
    """The number of examples; NaN unless the value is the share of them answered right."""


def measured(figures: Mapping[Any, Any], metric: PrimaryMetric) -> Measured:
    """The value of the metric in a record or in a row of a table."""
    names = (metric.name, "correct", "examples")
    value, correct, examples = (_number(figure(figures, name)) for name in names)
    is_share = 0 <= correct <= examples and math.isclose(value * examples, correct, abs_tol=1e-3)
    error = _number(standard_error(figures, metric.name))
    return Measured(value, error, examples if is_share and examples > 0 else math.nan)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def interval(one: Measured, metric: PrimaryMetric) -> tuple[float, float]:
    """The two-sided 95 % interval of a value: (low, high); NaN if its standard error is unknown."""
    if not math.isnan(one.examples):
        return wilson(one.value * one.examples, one.examples, LEVEL)
    half = quantile(LEVEL) * one.error
    return within(one.value - half, one.value + half, metric)


def within(low: float, high: float, metric: PrimaryMetric) -> tuple[float, float]:
    """An interval, clipped at the worst value of the metric; that of a share at 0 and 1."""
    least, most = (0.0, 1.0) if metric.is_share else (-math.inf, math.inf)
    if metric.worst is not None:
        least, most = (metric.worst, most) if metric.direction == "max" else (least, metric.worst)
    return max(low, least), min(high, most)


def mean_of(seeds: Sequence[Measured]) -> Measured:
    """The mean of one value per seed, with the error over examples of a single value.

    All seeds answer the same examples, so more seeds do not reduce that error. The spread over
    seeds is not in it. NaN if a value is unknown.
    """
    if not seeds:
        return Measured(math.nan, math.nan, math.nan)
    values, errors, examples = np.array(seeds, dtype=np.float64).T
    return Measured(
        float(values.mean()), float(np.sqrt((errors**2).mean())), float(examples.mean())
    )


def over_seeds(seeds: Sequence[Measured], metric: PrimaryMetric) -> tuple[float, float, float]:
    """Mean of one value per seed, on the same examples, with its 95 % interval: (mean, low, high).

    The mean has two sources of error: the examples (:func:`interval` of the mean; all seeds answer
    the same examples, so more seeds do not reduce it) and the seeds (Student's t with seeds - 1
    degrees of freedom, times the standard deviation over seeds divided by the root of their
    number). The distances of both from the mean are added in squares, which is the MOVER of Zou and
    Donner (2008), and clipped to the range of the metric. With one seed the spread over seeds is
    unknown and left out. No seed gives NaN.

    >>> accuracy = PrimaryMetric()
    >>> seeds = [Measured(share, 0.01, 1000) for share in (0.90, 0.91, 0.89)]
    >>> print("{:.3f} {:.3f} {:.3f}".format(*over_seeds(seeds, accuracy)))
    0.900 0.868 0.930
    """
    mean = mean_of(seeds)
    low, high = interval(mean, metric)
    wide = seeds_margin(values_of(seeds), LEVEL)
    low = mean.value - math.hypot(mean.value - low, wide)
    high = mean.value + math.hypot(high - mean.value, wide)
    return (mean.value, *within(low, high, metric))


def values_of(measures: Sequence[Measured]) -> FloatArray:
    """The values, shape (n,)."""
    return np.array([one.value for one in measures], dtype=np.float64)
