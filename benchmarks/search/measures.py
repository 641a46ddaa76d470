"""Measures of finished searches, computed on arrays.

A *curve* has one row per change: (epochs spent, seconds, hypervolume found, hypervolume chosen),
with ascending epochs, from the first record on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Curve = Sequence[Sequence[float]]

EPOCHS, SECONDS, FOUND, CHOSEN = range(4)
"""Columns of a curve."""


def at_budgets(curve: Curve, budgets: ArrayLike, column: int = FOUND) -> Array:
    """Return the column's value at each budget (in epochs); 0 before the first record.

    >>> at_budgets([(0, 1.0, 0.2, 0.2), (5, 9.0, 0.7, 0.8)], [0, 4, 5, 99])
    array([0.2, 0.2, 0.7, 0.7])
    """
    rows = np.asarray(curve, dtype=np.float64).reshape(-1, 4)
    index = np.searchsorted(rows[:, EPOCHS], np.asarray(budgets), side="right")
    return np.concatenate([[0.0], rows[:, column]])[index]


def needed(curve: Curve, target: float, column: int = EPOCHS) -> float:
    """Return the epochs (or seconds) until the true hypervolume reaches ``target``; inf: never.

    >>> needed([(0, 1.0, 0.2, 0.2), (5, 9.0, 0.7, 0.8)], 0.5)
    5.0
    """
    return next((float(row[column]) for row in curve if row[FOUND] >= target), math.inf)


def quartiles(values: ArrayLike) -> Array:
    """Return lower quartile, median and upper quartile over the first axis, shape (3, ...).

    Each is an existing value, the higher of two candidates, because infinities have no mean.
    """
    return np.asarray(np.quantile(np.asarray(values), [0.25, 0.5, 0.75], axis=0, method="higher"))


def attained(front: Sequence[Sequence[float]], sparsities: Array, floor: float) -> Array:
    """Return the best accuracy of ``front`` (accuracy, sparsity) at each sparsity or more.

    Where there is none, it is ``floor``. The median attainment surface (Grunert da Fonseca et al.,
    EMO 2001) of two objectives is the median of this over the runs at each sparsity.
    """
    points = np.asarray(front, dtype=np.float64).reshape(-1, 2)
    reaches = points[:, 1][None] >= np.asarray(sparsities)[:, None]
    return np.asarray(np.where(reaches, points[:, 0], floor).max(axis=1, initial=floor))


def bands_above(ours: Array, theirs: Array) -> Array:
    """Return where their lower quartile is above our upper quartile; inputs (seeds, budgets)."""
    return np.asarray(quartiles(theirs)[0] > quartiles(ours)[2])
