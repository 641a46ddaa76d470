"""Intervals of shares, and corrections for several tests."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from sweep.pareto import FloatArray


def wilson(correct: float, examples: float, level: float = 0.95) -> tuple[float, float]:
    """Wilson score interval (1927) of the share ``correct / examples``: (low, high) in [0, 1].

    Unlike the normal interval it stays within [0, 1] and keeps its coverage near 0 and 1.
    ``examples`` is above 0, and ``level`` in (0, 1).

    >>> low, high = wilson(90, 100)
    >>> print(f"{low:.4f} {high:.4f}")
    0.8256 0.9448
    """
    z = quantile(level)
    share, scale = correct / examples, 1 + z * z / examples
    centre = (share + z * z / (2 * examples)) / scale
    variance = share * (1 - share) / examples + z * z / (4 * examples * examples)
    # In floating point, a share slightly above 1 would have a negative variance.
    half = z / scale * math.sqrt(max(variance, 0.0))
    return max(centre - half, 0.0), min(centre + half, 1.0)


def quantile(level: float, freedom: int | None = None) -> float:
    """The distance of the ends of a two-sided interval from its middle, in standard errors.

    The distribution is normal or, with ``freedom`` (at least 1), Student's t with that many degrees
    of freedom. Raises ``ValueError`` for a ``level`` outside (0, 1).

    >>> print(f"{quantile(0.95):.4f} {quantile(0.95, 2):.4f}")
    1.9600 4.3027
    """
    if not 0 < level < 1:
        raise ValueError(f"level must be in (0, 1), got {level}")
    from scipy.special import ndtri, stdtrit

    share = 0.5 + level / 2
    return float(ndtri(share) if freedom is None else stdtrit(freedom, share))


def seeds_margin(values: FloatArray, level: float) -> float:
    """Half the width of the interval of the mean over seeds, from their spread; 0 for one seed."""
    seeds = len(values)
    if seeds < 2:
        return 0.0
    return quantile(level, seeds - 1) * float(values.std(ddof=1)) / math.sqrt(seeds)


def mean_correlation(rows: FloatArray) -> float:
    """The mean correlation of rows of values over the same examples, in [0, 1]; 1 for one row.

    ``rows`` has shape (seeds, examples). It is the share of the variance of a single value that all
    seeds have in common (an intraclass correlation, from the two mean squares). 1 if no row varies.

    >>> mean_correlation(np.array([[1.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]]))
    1.0
    """
    seeds = len(rows)
    single = float(rows.var(axis=1).mean())
    if seeds < 2 or single == 0:
        return 1.0
    common = (seeds * float(rows.mean(axis=0).var()) / single - 1) / (seeds - 1)
    return min(max(common, 0.0), 1.0)


def two_way_margin(gap: float, spread: float, alike: float, seeds: int) -> float:
    """How far the bound of a mean over ``seeds`` is from it, by its error over examples and seeds.

    ``gap`` is the distance for a single seed, by the error over examples; ``spread`` that by the
    spread over seeds (:func:`seeds_margin`); ``alike`` the :func:`mean_correlation`. The error that
    all seeds have in common does not shrink with more seeds. What differs between them is in their
    spread, and counts once: as their spread or, if that is smaller by luck, as the error over
    examples of a mean. Both distances are added in squares (MOVER: Zou and Donner, 2008).

    >>> two_way_margin(3.0, 4.0, 1.0, 3), two_way_margin(3.0, 0.0, 0.0, 9)
    (5.0, 1.0)
    """
    own = max((1 - alike) * gap**2 / seeds, spread**2)
    return math.sqrt(alike * gap**2 + own)


def holm(p_values: ArrayLike) -> FloatArray:
    """p-values, shape (n,), corrected for n tests by Holm's step-down method (1979); in [0, 1].

    If all hypotheses with a corrected value of at most 0.05 are rejected, the probability to reject
    any true one is at most 0.05, however the tests depend on each other. Missing values (NaN) stay
    missing and are not counted.

    >>> holm([0.01, 0.04, 0.03, float("nan")])
    array([0.03, 0.06, 0.06,  nan])
    """
    given = np.asarray(p_values, dtype=np.float64)
    corrected = np.full(given.shape, np.nan)
    (known,) = np.nonzero(~np.isnan(given))
    order = known[np.argsort(given[known], kind="stable")]
    steps = given[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return corrected


def rueger(p_values: Sequence[float]) -> float:
    """Combine the p-values of several tests of one hypothesis that may depend on each other.

    The result is n / k times the k-th smallest of n p-values, with k in the middle, which is valid
    under any dependence (Rüger, 1978). NaN for no p-value.

    >>> rueger([0.01, 0.5, 0.02])
    0.03
    """
    ordered = sorted(p_values)
    if not ordered:
        return math.nan
    middle = (len(ordered) + 1) // 2
    return min(1.0, len(ordered) / middle * ordered[middle - 1])
