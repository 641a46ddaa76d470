"""Attainment surfaces: what a share of several sweeps reaches."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from sweep.pareto import FloatArray, nondominated


def attainment(fronts: Sequence[ArrayLike], level: float, directions: Sequence[str]) -> FloatArray:
    """The corners of the surface that at least ``level`` of the fronts attain, shape (k, 2).

    ``fronts`` has an array (n, 2) for each sweep, ``level`` is in (0, 1]: 0.5 is the median
    surface, 0.25 what the best quarter reaches. A goal is attained by a front when some point of
    the front is at least as good in both objectives. The corners are non-dominated, by rising
    first objective; none where too few fronts have a point. O(points x fronts). The empirical
    attainment function of Grunert da Fonseca, Fonseca and Hall (2001).

    >>> one, two = [[0.9, 0.5], [0.8, 0.7]], [[0.85, 0.6]]
    >>> attainment([one, two], 1.0, ["max", "max"])
    array([[0.8 , 0.6 ],
           [0.85, 0.5 ]])
    """
    if not 0 < level <= 1:
        raise ValueError(f"level must be in (0, 1], got {level}")
    if len(directions) != 2 or not set(directions) <= {"max", "min"}:
        raise ValueError(f"attainment needs two directions of 'max' or 'min', got {directions}")
    signs = np.array([-1.0 if way == "max" else 1.0 for way in directions])
    costs = [np.asarray(front, dtype=np.float64).reshape(-1, 2) * signs for front in fronts]
    needed = math.ceil(level * len(fronts) - 1e-9)
    if not costs or sum(len(front) > 0 for front in costs) < needed:
        return np.empty((0, 2))
    first = np.unique(np.concatenate([front[:, 0] for front in costs]))
    second = np.sort([_best_second(front, first) for front in costs], axis=0)[needed - 1]
    corners = np.column_stack([first, second])[np.isfinite(second)]
    corners = corners[nondominated(corners, ["min", "min"], keep_duplicates=False)] * signs + 0.0
    rising: FloatArray = corners[np.argsort(corners[:, 0])]
    return rising


def _best_second(front: FloatArray, first: FloatArray) -> FloatArray:
    """The least second cost of a front at each bound on the first; infinite where it has none."""
    front = front[np.argsort(front[:, 0], kind="stable")]
    best = np.concatenate([[np.inf], np.minimum.accumulate(front[:, 1])])
    found: FloatArray = best[np.searchsorted(front[:, 0], first, side="right")]
    return found
