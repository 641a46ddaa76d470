"""The probability that a point belongs on the front, by a bootstrap over examples and seeds.

The examples of a split are drawn with replacement ``resamples`` times. Each time, all points are
scored on the same drawn examples and the front is computed again. The probability of a point is the
share of times that it is on the front (the bootstrap: Efron and Tibshirani, 1993, chapter 6). It
accounts for the noise of the primary metric only: other objectives keep their measured values. It
does not correct for the fact that the search selected the points on these same examples; only a
confirmation does.

In this module ``drawn`` values are possible values of the primary metric, with a sign such that
more is better. ``noisy`` are the objectives that depend on it: the metric itself and its drop.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from sweep.pareto import BoolArray, FloatArray, IntArray

RESAMPLES = 1000
_DRAWN_AT_ONCE = 2**20


def resampled(
    answers: BoolArray, generator: np.random.Generator, resamples: int = RESAMPLES
) -> NDArray[np.float32]:
    """Numbers of right answers of each model on drawn examples, shape (resamples, models).

    ``answers`` has shape (models, examples). The result is a matrix product: how often each example
    was drawn, times which models answer it right. It is computed in blocks to limit memory.
    """
    models, examples = answers.shape
    # Integers below 2 ** 24 are exact in single precision, so ties are preserved.
    right = np.empty((resamples, models), dtype=np.float32)
    scored = answers.T.astype(np.float32)
    step = max(1, _DRAWN_AT_ONCE // examples)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = generator.integers(0, examples, (rows, examples))
        drawn += np.arange(rows)[:, None] * examples
        counts = np.bincount(drawn.ravel(), minlength=rows * examples).reshape(rows, examples)
        right[start : start + rows] = counts.astype(np.float32) @ scored
    return right


def resampled_means(
    answers: Sequence[BoolArray], generator: np.random.Generator, resamples: int = RESAMPLES
) -> FloatArray:
    """Accuracy of each model on drawn examples, as the mean of drawn seeds: (resamples, models).

    ``answers`` has an array (seeds, examples) for each model, all on the same examples. The seeds
    of each model are drawn with replacement too. Their deviations from the mean are multiplied by
    the root of seeds / (seeds - 1), because a bootstrap of few seeds underestimates their spread
    (Rao and Wu, 1988). With one seed the spread over seeds is unknown and left out.
    """
    right = resampled(np.concatenate(answers), generator, resamples) / answers[0].shape[1]
    ends = np.cumsum([len(rows) for rows in answers])[:-1]
    means = [
        _drawn_mean(part, generator) for part in np.split(right.astype(np.float64), ends, axis=1)
    ]
    return np.column_stack(means)


def _drawn_mean(shares: FloatArray, generator: np.random.Generator) -> FloatArray:
    """Mean over drawn seeds, shape (resamples,), of ``shares`` with shape (resamples, seeds)."""
    resamples, seeds = shares.shape
    mean: FloatArray = shares.mean(axis=1)
    if seeds == 1:
        return mean
    drawn = generator.multinomial(seeds, np.full(seeds, 1 / seeds), size=resamples)
    moved = (shares * drawn).sum(axis=1) / seeds - mean
    stretched: FloatArray = mean + moved * float(np.sqrt(seeds / (seeds - 1)))
    return stretched


def front_probability(
    points: FloatArray, directions: Mapping[str, str], drawn: FloatArray, noisy: Collection[str]
) -> FloatArray:
    """The share of resamples in which each point is on the front, shape (n,).

    ``points`` has shape (n, objectives); ``drawn``, shape (resamples, n), replaces the ``noisy``
    objectives. Equal points do not dominate each other. NaN if no objective is noisy, or if the
    drawn values of a point are unknown.

    >>> points = np.array([[0.90, 0.5], [0.89, 0.7]])
    >>> drawn = np.array([[0.90, 0.89], [0.90, 0.91], [0.90, 0.90], [0.91, 0.90]])
    >>> front_probability(points, {"f1": "max", "sparsity": "max"}, drawn, ["f1"])
    array([0.5, 1. ])
    """
    if not noisy:
        return np.full(len(points), np.nan)
    fixed = [place for place, name in enumerate(directions) if name not in noisy]
    signs = np.array([1.0 if way == "max" else -1.0 for way in directions.values()])
    better = (points * signs)[:, fixed]
    # One row per point: whole rows are selected below.
    drawn_by_point = np.ascontiguousarray(drawn.T)
    probability = np.empty(len(points))
    for place, mine in enumerate(better):
        # Rivals that are no worse in the other objectives dominate this point if their drawn value
        # is better. Rivals that are better in one of them also do so if it is equal.
        rivals = (better >= mine).all(axis=1)
        ahead = rivals & (better > mine).any(axis=1)
        beaten = _best(drawn_by_point[rivals]) > drawn_by_point[place]
        beaten |= _best(drawn_by_point[ahead]) >= drawn_by_point[place]
        probability[place] = 1.0 - beaten.mean()
    probability[np.isnan(drawn).any(axis=0)] = np.nan
    return probability


def _best(drawn: FloatArray) -> FloatArray:
    """The best drawn value among some points in each resample; -inf for no points."""
    best: FloatArray = np.fmax.reduce(drawn, axis=0, initial=-np.inf)
    return best


def near(
    points: FloatArray,
    directions: Mapping[str, str],
    front: IntArray,
    most: int,
    noisy: Collection[str],
) -> IntArray:
    """Indices of at most ``most`` points off the ``front`` that are nearest to it.

    ``points`` has shape (n, objectives); ``front`` has the indices of the non-dominated points. The
    distance of a point is measured in the first ``noisy`` objective: how much better the best point
    of the front is among those that are no worse in the other objectives.
    """
    names = list(directions)
    places = [place for place, name in enumerate(names) if name in noisy]
    if not places or most < 1:
        return np.empty(0, dtype=np.intp)
    signs = np.array([1.0 if directions[name] == "max" else -1.0 for name in names])
    better = points * signs
    value = better[:, places[0]]
    fixed = np.delete(better, places, axis=1)
    missing = np.zeros(len(points))
    for place in front:
        gap = value[place] - value
        worse = (fixed <= fixed[place]).all(axis=1)
        np.maximum(missing, np.where(worse, gap, 0.0), out=missing)
    missing[front] = np.inf
    order = np.argsort(missing, kind="stable")[:most]
    return order[np.isfinite(missing[order])]
