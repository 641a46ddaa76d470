"""How sure it is that a point belongs on the front: by a bootstrap, over examples and seeds.

Throughout, ``drawn`` values are of the primary metric, as it could have been on other examples,
signed so that more is better; ``noisy`` are the objectives that go with it: it, and its drop.

The examples of a split are drawn anew, with replacement, ``resamples`` times; each time all points
are scored on the same drawn examples, and it is seen who is on the front. The share of times is the
point's probability (the bootstrap: Efron and Tibshirani, 1993, chapter 6). It speaks of the noise
of that metric alone: other objectives stand as measured. And it does not undo that the search chose
the points by these very examples, which only a confirmation does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from analysis.certainty.answers import BoolArray
from sweep.pareto import FloatArray, IntArray

RESAMPLES = 1000
_DRAWN_AT_ONCE = 2**20


def resampled(
    answers: BoolArray, generator: np.random.Generator, resamples: int = RESAMPLES
) -> NDArray[np.float32]:
    """Right answers of each model on drawn examples: (resamples, models), whole numbers.

    ``answers`` has shape (models, examples). How often each example is drawn, times who gets it
    right: a product of matrices, some resamples at a time to bound the memory.
    """
    models, examples = answers.shape
    # Whole numbers below 2 ** 24 are exact in single precision, so ties stay ties.
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

    ``answers`` has an array (seeds, examples) for each model, of the same examples. Each model's
    seeds are drawn anew with replacement, their deviations stretched by the root of
    seeds / (seeds - 1), for few seeds drawn from themselves vary too little (Rao and Wu, 1988).
    One seed says nothing of the spread over seeds: it stands as it is.
    """
    right = resampled(np.concatenate(answers), generator, resamples) / answers[0].shape[1]
    ends = np.cumsum([len(rows) for rows in answers])[:-1]
    means = [
        _drawn_mean(part, generator) for part in np.split(right.astype(np.float64), ends, axis=1)
    ]
    return np.column_stack(means)


def _drawn_mean(shares: FloatArray, generator: np.random.Generator) -> FloatArray:
    """Mean over drawn seeds, shape (resamples,), of ``shares``, shape (resamples, seeds)."""
    resamples, seeds = shares.shape
    mean: FloatArray = shares.mean(axis=1)
    if seeds == 1:
        return mean
    drawn = generator.multinomial(seeds, np.full(seeds, 1 / seeds), size=resamples)
    moved = (shares * drawn).sum(axis=1) / seeds - mean
    stretched: FloatArray = mean + moved * float(np.sqrt(seeds / (seeds - 1)))
    return stretched


def binomial(
    accuracies: FloatArray,
    examples: FloatArray,
    generator: np.random.Generator,
    resamples: int = RESAMPLES,
) -> FloatArray:
    """The same where answers are not known one by one: (resamples, models).

    Each model's accuracy is drawn by itself, as if the models had answered different examples, so
    models that err alike are told apart worse than they could be. NaN where a figure is missing.
    """
    known = np.isfinite(accuracies) & (examples > 0)
    shares = np.clip(np.where(known, accuracies, 0.0), 0.0, 1.0)
    numbers = np.where(known, examples, 1).astype(np.int64)
    drawn = generator.binomial(numbers, shares, size=(resamples, len(shares)))
    found: FloatArray = np.where(known, drawn / numbers, np.nan)
    return found


def normal(
    values: FloatArray,
    errors: FloatArray,
    generator: np.random.Generator,
    resamples: int = RESAMPLES,
) -> FloatArray:
    """The same for any metric, from its standard ``errors``: (resamples, models)."""
    found: FloatArray = values + errors * generator.standard_normal((resamples, len(values)))
    return found


def front_probability(
    points: FloatArray, directions: Mapping[str, str], drawn: FloatArray, noisy: Collection[str]
) -> FloatArray:
    """Share of resamples in which each point is on the front, shape (n,).

    ``points`` has shape (n, objectives); ``drawn``, shape (resamples, n), stands in for the
    ``noisy`` ones. Equal points do not put each other off the front. NaN where nothing is noisy, or
    where the point's drawn values are not known.

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
    # A row a point, for whole rows are taken below.
    drawn_by_point = np.ascontiguousarray(drawn.T)
    probability = np.empty(len(points))
    for place, mine in enumerate(better):
        # Rivals that are no worse elsewhere beat this point where their drawn value is better,
        # those that are better elsewhere also where it is equal.
        rivals = (better >= mine).all(axis=1)
        ahead = rivals & (better > mine).any(axis=1)
        beaten = _best(drawn_by_point[rivals]) > drawn_by_point[place]
        beaten |= _best(drawn_by_point[ahead]) >= drawn_by_point[place]
        probability[place] = 1.0 - beaten.mean()
    probability[np.isnan(drawn).any(axis=0)] = np.nan
    return probability


def _best(drawn: FloatArray) -> FloatArray:
    """The best drawn value of some points in each resample; -inf where there is no point."""
    best: FloatArray = np.fmax.reduce(drawn, axis=0, initial=-np.inf)
    return best


def near(
    points: FloatArray,
    directions: Mapping[str, str],
    front: IntArray,
    most: int,
    noisy: Collection[str],
) -> IntArray:
    """Indices of at most ``most`` points beside the ``front`` that miss it by the least.

    ``points`` has shape (n, objectives), ``front`` the indices of the non-dominated. What a point
    misses is how much better, by the first ``noisy`` objective, the best point of the front is that
    is no worse elsewhere.
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
