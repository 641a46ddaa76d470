"""Verdicts: is a point near the dense model, and does it differ from it?

Confirmed points are judged on test. Other points are judged on validation, where they look better
than they are, because the search selected them there. The rule is that of a non-inferiority test by
confidence interval (ICH E9, 1998, section 3.3.2). The margin is one point for a share, else 1 % of
the value of the dense model; the difference is positive if the point is better:

- "certified": the point is confirmed, and its one-sided 95 % lower bound of the difference is above
  minus the margin, as are those of all denser confirmed points of the front (:func:`certain`);
- "likely": the point is not certified, but the difference itself is at least minus the margin;
- "not": the difference is below minus the margin.

So nothing is certified on validation, and "certified" holds for whichever point is chosen.

For shares of right answers the bound is Tango's (1998), if the ledger has the answers to single
examples. Otherwise it comes from the standard errors of both values, as if they had been measured
on different examples, which is conservative. With several seeds the mean difference is judged, and
the bound has the error over examples and seeds (``statistics.two_way_margin``). With one seed the
spread over seeds is unknown: the bound is that of this one retrained model.

``python -m benchmarks.claims`` measures how often a claim is false, and how often one is made.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from analysis.certainty.answers import answers_of, stack
from analysis.certainty.measured import LEVEL, mean_of, measured, values_of
from analysis.certainty.paired import discordant, mcnemar, tango_low
from analysis.certainty.statistics import (
    mean_correlation,
    quantile,
    rueger,
    seeds_margin,
    two_way_margin,
)
from sweep.ledger.events import ReadEvent
from sweep.ledger.metric import PrimaryMetric
from sweep.pareto import BoolArray, FloatArray

MARGIN = 0.01
SLACK = 1e-9
"""In floating point, 0.90 - 0.89 is slightly more than 0.01; a bound of 0.01 includes it."""


class ToDense(NamedTuple):
    """A point compared with the dense model on the same split. NaN stands for an unknown number."""

    difference: float
    """How much better than the dense model the mean over seeds is."""
    low: float
    """Its one-sided 95 % lower bound, of this point alone."""
    p_value: float
    """McNemar's exact p-value that both are equally accurate; NaN without answers to single
    examples. Several seeds are combined by Rüger's rule, because they share their examples."""
    margin: float = MARGIN
    """How much worse still counts as near."""

    def verdict(self, is_certain: bool = False) -> str | None:
        """certified | likely | not (see the module); None if the difference is unknown.

        ``is_certain`` is the point's element of :func:`certain`.

        >>> ToDense(-0.004, -0.009, 1).verdict(True), ToDense(-0.004, -0.009, 1).verdict(False)
        ('certified', 'likely')
        """
        if math.isnan(self.difference):
            return None
        if is_certain:
            return "certified"
        return "likely" if self.difference >= -self.margin - SLACK else "not"


def certain(
    most_drop: FloatArray, sparsity: FloatArray, is_tested: BoolArray, margin: float
) -> BoolArray:
    """Which points of a front drop by less than ``margin``, at 95 % for all of them together: (n,).

    ``most_drop`` are the one-sided 95 % upper bounds of their drops below dense on test, each for
    the point alone; NaN is unknown. The points that are tested are taken from the densest to the
    sparsest, and the first whose bound is not below the margin ends the claims. This is a
    fixed-sequence test (Maurer, Hothorn and Lehmacher, 1995). Any false claim needs one for the
    first point of the order that is in truth beyond the margin, and that is one test at 5 %. So a
    claim is false with a probability of at most 5 %, however the points depend on each other. The
    order must not depend on test: ``sparsity`` is that of the search's records.

    >>> drops, sparsity = np.array([0.008, 0.012, 0.009]), np.array([0.5, 0.9, 0.7])
    >>> certain(drops, sparsity, np.ones(3, dtype=bool), 0.01)
    array([ True, False,  True])
    """
    order = np.argsort(sparsity, kind="stable")
    order = order[is_tested[order]]
    found = np.zeros(len(sparsity), dtype=np.bool_)
    found[order] = np.logical_and.accumulate(most_drop[order] < margin)
    return found


def margin(metric: PrimaryMetric, dense: float) -> float:
    """How much worse than the dense model, whose value is ``dense``, still counts as near it.

    >>> margin(PrimaryMetric(), 0.9), margin(PrimaryMetric("rmse", "min", "", None), 5.0)
    (0.01, 0.05)
    """
    return MARGIN if metric.is_share else MARGIN * abs(dense)


def to_dense(
    records: Sequence[ReadEvent], dense: Mapping[str, Any] | None, metric: PrimaryMetric
) -> ToDense:
    """Compare the records of a point, one per seed, with the dense model on the same split."""
    known = [r for r in records if not math.isnan(measured(r, metric).value)]
    reference = measured(dense or {}, metric)
    if not known or dense is None or math.isnan(reference.value):
        return ToDense(math.nan, math.nan, math.nan)
    seeds = [measured(record, metric) for record in known]
    mean = mean_of(seeds)
    difference = -metric.worsening(mean.value, reference.value)
    is_counted = not math.isnan(mean.examples + reference.examples)
    answers = stack(map(answers_of, known)) if is_counted else None
    theirs = answers_of(dense)
    # A one-sided bound at LEVEL is the end of a two-sided interval at 2 * LEVEL - 1.
    gap = quantile(2 * LEVEL - 1) * math.hypot(mean.error, reference.error)
    p_value, alike = math.nan, 1.0
    if answers is not None and theirs is not None and answers.shape[1] == len(theirs):
        gap, p_value = _pairs(answers, theirs)
        alike = mean_correlation(answers.astype(np.float64) - theirs)
    spread = seeds_margin(values_of(seeds), 2 * LEVEL - 1)
    low = difference - two_way_margin(gap, spread, alike, len(seeds))
    return ToDense(difference, low, p_value, margin(metric, reference.value))


def _pairs(answers: BoolArray, reference: BoolArray) -> tuple[float, float]:
    """How far the lower bound is below the mean difference, by the mean numbers of examples, and
    the p-value, of ``answers``, shape (seeds, examples), against a ``reference``."""
    numbers = [discordant(row, reference) for row in answers]
    only, dense_only = map(float, np.mean(numbers, axis=0))
    low = tango_low(only, dense_only, len(reference), LEVEL)
    p_value = rueger([mcnemar(*pair) for pair in numbers])
    return (only - dense_only) / len(reference) - low, p_value
