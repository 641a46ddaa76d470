"""Is a point near the dense model, and is it different from it?

What is confirmed is judged on test, the rest on validation, by which the search chose it and which
therefore flatters it. The rule of the verdict is that of a non-inferiority test by confidence
interval (ICH E9, 1998, section 3.3.2). The margin is one point for a share, else 1 % of the dense
model's value; the difference is positive where the point is better:

- "certified": the one-sided 95 % lower bound of the difference is above minus the margin;
- "likely": it is not, but the difference itself is not below minus the margin;
- "not": the difference is below minus the margin.

For shares of right answers the bound is Tango's (1998) for answers in pairs, or Newcombe's (1998)
where the ledger has no answers of single examples. For any other metric it comes from the standard
errors of both, as if they had been given different examples, which is safe. Over several seeds the
mean difference is judged, with mean numbers of examples, and the bound moves down by the spread
over seeds as in ``measured.over_seeds``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from analysis.certainty.answers import BoolArray, answers_of, stack
from analysis.certainty.measured import Measured, mean_of, measured, values_of
from analysis.certainty.paired import discordant, mcnemar, tango_low, unpaired_low
from analysis.certainty.statistics import quantile, rueger, seeds_margin
from sweep.ledger.events import ReadEvent
from sweep.ledger.metric import PrimaryMetric

MARGIN = 0.01
LEVEL = 0.95
# 0.90 - 0.89 is a little more than 0.01 in floating point; nobody who says a point means that.
_SLACK = 1e-9


class ToDense(NamedTuple):
    """A point against the dense model, on the same split."""

    difference: float
    """How much better the mean is than dense; NaN where it is not known, as are the others."""
    low: float
    """One-sided 95 % lower bound of it."""
    p_value: float
    """McNemar's exact p-value that they are equally accurate; NaN without answers in pairs. Over
    several seeds Rüger's combination, which holds although the examples are the same."""
    margin: float = MARGIN
    """How much worse is still near."""

    @property
    def verdict(self) -> str | None:
        """certified | likely | not; None where the difference is not known. See the module.

        >>> ToDense(-0.004, -0.009, 1).verdict, ToDense(-0.004, -0.02, 1).verdict
        ('certified', 'likely')
        """
        if math.isnan(self.difference):
            return None
        if self.low > -self.margin:
            return "certified"
        return "likely" if self.difference >= -self.margin - _SLACK else "not"


def margin(metric: PrimaryMetric, dense: float) -> float:
    """How much worse than the dense model, with the value ``dense``, is still near it.

    >>> margin(PrimaryMetric(), 0.9), margin(PrimaryMetric("rmse", "min", "", None), 5.0)
    (0.01, 0.05)
    """
    return MARGIN if metric.is_share else MARGIN * abs(dense)


def to_dense(
    records: Sequence[ReadEvent], dense: Mapping[str, Any] | None, metric: PrimaryMetric
) -> ToDense:
    """Compare one point, one record a seed, with the dense model's figures on the same split."""
    known = [r for r in records if not math.isnan(measured(r, metric).value)]
    reference = measured(dense or {}, metric)
    if not known or dense is None or math.isnan(reference.value):
        return ToDense(math.nan, math.nan, math.nan)
    seeds = [measured(record, metric) for record in known]
    mean = mean_of(seeds)
    difference = -metric.worsening(mean.value, reference.value)
    is_counted = not math.isnan(mean.examples + reference.examples)
    answers, theirs = stack(map(answers_of, known)), answers_of(dense)
    p_value = math.nan
    if not is_counted:
        low = difference - quantile(2 * LEVEL - 1) * math.hypot(mean.error, reference.error)
    elif answers is None or theirs is None or answers.shape[1] != len(theirs):
        low = _unpaired(mean, reference)
    else:
        low, p_value = _pairs(answers, theirs)
    # The bound is one-sided at LEVEL, the margin one half of a two-sided interval.
    spread = seeds_margin(values_of(seeds), 2 * LEVEL - 1)
    low = difference - math.hypot(difference - low, spread)
    return ToDense(difference, low, p_value, margin(metric, reference.value))


def _pairs(answers: BoolArray, reference: BoolArray) -> tuple[float, float]:
    """Lower bound and p-value of rows of answers, shape (seeds, examples), against one model's."""
    numbers = [discordant(row, reference) for row in answers]
    only, dense_only = np.mean(numbers, axis=0)
    low = tango_low(float(only), float(dense_only), len(reference), LEVEL)
    return low, rueger([mcnemar(*pair) for pair in numbers])


def _unpaired(point: Measured, dense: Measured) -> float:
    """Lower bound of a share of right answers minus another one, without answers in pairs."""
    (right, examples), (theirs, of) = (
        (share * examples, examples) for share, _, examples in (point, dense)
    )
    return unpaired_low(right, examples, theirs, of, LEVEL)
