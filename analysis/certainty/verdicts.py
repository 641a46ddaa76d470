"""Verdicts: is a point near the dense model, and does it differ from it?

Confirmed points are judged on test. Other points are judged on validation, where they look better
than they are, because the search selected them there. The rule is that of a non-inferiority test by
confidence interval (ICH E9, 1998, section 3.3.2). The margin is one point for a share, else 1 % of
the value of the dense model; the difference is positive if the point is better:

- "certified": the one-sided 95 % lower bound of the difference is above minus the margin;
- "likely": the bound is not, but the difference itself is at least minus the margin;
- "not": the difference is below minus the margin.

For shares of right answers the bound is Tango's (1998), if the ledger has the answers to single
examples. Otherwise it comes from the standard errors of both values, as if they had been measured
on different examples, which is conservative. With several seeds the mean difference is judged, with
the mean numbers of examples, and the spread over seeds lowers the bound as in
``measured.over_seeds``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from analysis.certainty.answers import BoolArray, answers_of, stack
from analysis.certainty.measured import mean_of, measured, values_of
from analysis.certainty.paired import discordant, mcnemar, tango_low
from analysis.certainty.statistics import quantile, rueger, seeds_margin
from sweep.ledger.events import ReadEvent
from sweep.ledger.metric import PrimaryMetric

MARGIN = 0.01
LEVEL = 0.95
# In floating point, 0.90 - 0.89 is slightly more than 0.01; it still counts as one point.
_SLACK = 1e-9


class ToDense(NamedTuple):
    """A point compared with the dense model on the same split. NaN stands for an unknown number."""

    difference: float
    """How much better than the dense model the mean over seeds is."""
    low: float
    """Its one-sided 95 % lower bound."""
    p_value: float
    """McNemar's exact p-value that both are equally accurate; NaN without answers to single
    examples. Several seeds are combined by Rüger's rule, because they share their examples."""
    margin: float = MARGIN
    """How much worse still counts as near."""

    @property
    def verdict(self) -> str | None:
        """certified | likely | not (see the module); None if the difference is unknown.

        >>> ToDense(-0.004, -0.009, 1).verdict, ToDense(-0.004, -0.02, 1).verdict
        ('certified', 'likely')
        """
        if math.isnan(self.difference):
            return None
        if self.low > -self.margin:
            return "certified"
        return "likely" if self.difference >= -self.margin - _SLACK else "not"


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
    low = difference - quantile(2 * LEVEL - 1) * math.hypot(mean.error, reference.error)
    p_value = math.nan
    if answers is not None and theirs is not None and answers.shape[1] == len(theirs):
        low, p_value = _pairs(answers, theirs)
    spread = seeds_margin(values_of(seeds), 2 * LEVEL - 1)
    low = difference - math.hypot(difference - low, spread)
    return ToDense(difference, low, p_value, margin(metric, reference.value))


def _pairs(answers: BoolArray, reference: BoolArray) -> tuple[float, float]:
    """Lower bound and p-value of ``answers``, shape (seeds, examples), against a ``reference``."""
    numbers = [discordant(row, reference) for row in answers]
    only, dense_only = np.mean(numbers, axis=0)
    low = tango_low(float(only), float(dense_only), len(reference), LEVEL)
    return low, rueger([mcnemar(*pair) for pair in numbers])
