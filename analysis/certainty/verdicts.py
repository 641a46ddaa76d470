"""Is a point within one point of dense, is it different from dense, is it on the front at all?

What is confirmed is judged on test, the rest on validation, by which the search chose it and which
therefore flatters it. The rule of the verdict is that of a
non-inferiority test by confidence interval (ICH E9, 1998, section 3.3.2), with a margin of 0.01:

- "certified": the one-sided 95 % lower bound of accuracy minus dense accuracy is above -0.01;
- "likely": it is not, but the difference itself is not below -0.01;
- "not": the difference is below -0.01.

The bound is Tango's (1998) for answers in pairs, or Newcombe's (1998) where the ledger has no
answers of single examples. Over several seeds the mean difference is judged, with mean numbers of
examples, and the bound moves down by the spread over seeds as in ``statistics.over_seeds``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from analysis.certainty.answers import BoolArray, answers_of, stack
from analysis.certainty.paired import discordant, mcnemar, tango_low, unpaired_low
from analysis.certainty.statistics import rueger, seeds_margin
from sweep.ledger.events import ReadEvent

MARGIN = 0.01
LEVEL = 0.95
# 0.90 - 0.89 is a little more than 0.01 in floating point; nobody who says a point means that.
_SLACK = 1e-9


class ToDense(NamedTuple):
    """A point against the dense model, on the same split."""

    difference: float
    """Mean accuracy minus dense accuracy; NaN where it is not known, as are the others."""
    low: float
    """One-sided 95 % lower bound of it."""
    p_value: float
    """McNemar's exact p-value that they are equally accurate; NaN without answers in pairs. Over
    several seeds Rüger's combination, which holds although the examples are the same."""

    @property
    def verdict(self) -> str | None:
        """certified | likely | not; None where the difference is not known. See the module.

        >>> ToDense(-0.004, -0.009, 1).verdict, ToDense(-0.004, -0.02, 1).verdict
        ('certified', 'likely')
        """
        if math.isnan(self.difference):
            return None
        if self.low > -MARGIN:
            return "certified"
        return "likely" if self.difference >= -MARGIN - _SLACK else "not"


def to_dense(records: Sequence[ReadEvent], dense: Mapping[str, Any] | None) -> ToDense:
    """Compare one point, one record a seed, with the dense model's figures on the same split."""
    counted = [r for r in records if _counts(r)]
    if not counted or dense is None or not _counts(dense):
        return ToDense(math.nan, math.nan, math.nan)
    shares = np.array([record["correct"] / record["examples"] for record in counted])
    difference = float(shares.mean()) - dense["correct"] / dense["examples"]
    reference = answers_of(dense)
    examples = None if reference is None else len(reference)
    answers = stack((answers_of(record) for record in counted), examples)
    if answers is None or reference is None:
        low, p_value = _unpaired(counted, dense), math.nan
    else:
        low, p_value = _pairs(answers, reference)
    # The bound is one-sided at LEVEL, the margin one half of a two-sided interval.
    spread = seeds_margin(shares, 2 * LEVEL - 1)
    low = difference - math.hypot(difference - low, spread)
    return ToDense(difference, low, p_value)


def _pairs(answers: BoolArray, reference: BoolArray) -> tuple[float, float]:
    """Lower bound and p-value of rows of answers, shape (seeds, examples), against one model's."""
    numbers = [discordant(row, reference) for row in answers]
    only, dense_only = np.mean(numbers, axis=0)
    low = tango_low(float(only), float(dense_only), len(reference), LEVEL)
    return low, rueger([mcnemar(*pair) for pair in numbers])


def _unpaired(records: Sequence[ReadEvent], dense: Mapping[str, Any]) -> float:
    correct = float(np.mean([record["correct"] for record in records]))
    examples = float(np.mean([record["examples"] for record in records]))
    return unpaired_low(correct, examples, dense["correct"], dense["examples"], LEVEL)


def _counts(figures: Mapping[str, Any]) -> bool:
    correct, examples = figures.get("correct"), figures.get("examples")
    return isinstance(correct, int) and isinstance(examples, int) and 0 <= correct <= examples > 0
