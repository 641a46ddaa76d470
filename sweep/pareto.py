"""Pareto fronts: which points nobody beats, how much they cover, where the front bends.

``points`` has shape (n, m): n points, m objectives, all numbers (no NaN). ``directions`` has one
``"max"`` or ``"min"`` for each objective, always given, so that no objective is turned by accident.
Inside, everything is minimised.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

CLEAR_KNEE = 0.1


def nondominated(
    points: ArrayLike, directions: Sequence[str], *, keep_duplicates: bool
) -> BoolArray:
    """Mask, shape (n,), of the points that no other point dominates.

    A point dominates another when it is at least as good in every objective and better in one.
    Equal points do not dominate each other: ``keep_duplicates`` keeps all of them, otherwise the
    first one stands for all. O(n log n) for two objectives, O(n x front) beyond.

    >>> points = [[0.9, 0.5], [0.8, 0.7], [0.8, 0.6], [0.8, 0.7]]
    >>> nondominated(points, ["max", "max"], keep_duplicates=False)
    array([ True,  True, False, False])
    >>> nondominated(points, ["max", "max"], keep_duplicates=True)
    array([ True,  True, False,  True])
    """
    unique, first, inverse = _unique(_minimised(points, directions))
    best = _front(unique)
    if keep_duplicates:
        return best[inverse]
    mask = np.zeros(len(inverse), dtype=np.bool_)
    mask[first[best]] = True
    return mask


def nondominated_rank(points: ArrayLike, directions: Sequence[str]) -> IntArray:
    """Rank of each point, shape (n,): 0 on the front, 1 on the front of the rest, and so on.

    Equal points have equal ranks.

    >>> nondominated_rank([[1, 4], [2, 2], [3, 3], [2, 2], [4, 4]], ["min", "min"])
    array([0, 0, 1, 0, 2])
    """
    unique, _, inverse = _unique(_minimised(points, directions))
    ranks = np.zeros(len(unique), dtype=np.intp)
    left, rank = np.arange(len(unique)), 0
    while len(left):
        best = _front(unique[left])
        ranks[left[best]] = rank
        left, rank = left[~best], rank + 1
    return ranks[inverse]


def hypervolume(points: ArrayLike, reference: ArrayLike, directions: Sequence[str]) -> float:
    """Volume that the points dominate, bounded by ``reference`` (shape (m,)), which is fixed.

    Points that are not better than the reference in every objective add nothing. A sweep for two
    objectives, O(n log n). Beyond, moocore where it is installed (Guerreiro and Fonseca, 2018, and
    Fonseca, Paquete and López-Ibáñez, 2006), else slices of the sweep, O(n^(m-1) log n): for
    fronts, not clouds. All are exact.

    >>> hypervolume([[0.9, 0.5], [0.8, 0.75]], [0.5, 0.0], ["max", "max"])
    0.275
    >>> hypervolume([[1, 2, 3]], [2, 4, 6], ["min", "min", "min"])
    6.0
    """
    costs = _minimised(points, directions)
    bound = _minimised(np.asarray(reference, dtype=np.float64)[None, :], directions)[0]
    if not (np.isfinite(costs).all() and np.isfinite(bound).all()):
        raise ValueError("a hypervolume needs finite points and a finite reference point")
    unique, _, _ = _unique(costs[(costs < bound).all(axis=1)])
    front = unique[_front(unique)]
    moocore = _moocore() if len(directions) > 2 and len(front) else None
    if moocore is None:
        return _volume(front, bound)
    return float(moocore.hypervolume(front, ref=bound))


def knee(points: ArrayLike, directions: Sequence[str]) -> int | None:
    """Index of the point where the front bends most, or None where there is no clear knee.

    Each objective is scaled to [0, 1] over the front; the knee is the point farthest, on the good
    side, from the chord through the front's ends (the plane through the best point of each
    objective, for more than two). It is clear when it lies at least ``CLEAR_KNEE`` of the way from
    the chord to the ideal point; a front of fewer than three distinct points has none.

    >>> knee([[0.90, 0.1], [0.89, 0.8], [0.60, 0.9]], ["max", "max"])
    1
    >>> knee([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]], ["max", "max"]) is None
    True
    """
    costs = _minimised(points, directions)
    (members,) = np.nonzero(nondominated(points, directions, keep_duplicates=False))
    if len(members) < 3:
        return None
    front = costs[members]
    span = front.max(axis=0) - front.min(axis=0)
    if not (np.isfinite(span).all() and (span > 0).all()):
        return None
    good = (front.max(axis=0) - front) / span
    normal = _plane(good[np.argmax(good, axis=0)])
    if normal is None:
        return None
    # 0 on the chord, 1 at the ideal point, where every objective has its best value.
    gain = (good @ normal - 1) / (normal.sum() - 1)
    return int(members[np.argmax(gain)]) if gain.max() >= CLEAR_KNEE else None


def _minimised(points: ArrayLike, directions: Sequence[str]) -> FloatArray:
    """``points`` as an (n, m) array in which smaller is better; ValueError if it is not one."""
    values = np.asarray(points, dtype=np.float64)
    if not directions or not set(directions) <= {"max", "min"}:
        raise ValueError(f"directions must be 'max' or 'min' for each objective, got {directions}")
    if values.size == 0:
        values = values.reshape(0, len(directions))
    if values.ndim != 2 or values.shape[1] != len(directions):
        raise ValueError(f"points have shape {values.shape}, but {len(directions)} directions")
    if np.isnan(values).any():
        raise ValueError("points must not have NaN: leave out incomplete ones first")
    signs = np.array([-1.0 if direction == "max" else 1.0 for direction in directions])
    costs: FloatArray = values * signs
    return costs


def _unique(costs: FloatArray) -> tuple[FloatArray, IntArray, IntArray]:
    """Distinct rows in lexicographic order, the first index of each, and each row's place."""
    # + 0.0 turns -0.0 into 0.0, which are equal numbers but different bytes.
    unique, first, inverse = np.unique(costs + 0.0, axis=0, return_index=True, return_inverse=True)
    return unique, first, inverse.reshape(-1)


def _front(unique: FloatArray) -> BoolArray:
    """Mask of the non-dominated rows among distinct rows in lexicographic order."""
    mask = np.zeros(len(unique), dtype=np.bool_)
    if unique.shape[1] == 2 and len(unique):
        lowest = np.minimum.accumulate(unique[:, 1])
        mask[0] = True
        mask[1:] = unique[1:, 1] < lowest[:-1]
        return mask
    left = np.arange(len(unique))
    while len(left):
        # The lexicographic first of what is left is beaten by nothing that is left.
        mask[left[0]] = True
        left = left[(unique[left] < unique[left[0]]).any(axis=1)]
    return mask


@cache
def _moocore() -> Any:
    """The package, where it is installed; else None."""
    try:
        import moocore
    except ImportError:
        return None
    return moocore


def _volume(front: FloatArray, bound: FloatArray) -> float:
    """Hypervolume of non-dominated rows below ``bound``, in lexicographic order."""
    if not len(front):
        return 0.0
    if len(bound) == 1:
        return float(bound[0] - front[0, 0])
    if len(bound) == 2:
        tops = np.append(bound[1], front[:-1, 1])
        return float(((bound[0] - front[:, 0]) * (tops - front[:, 1])).sum())
    # Slices along the first objective: between two neighbours, the points before them count.
    ends = np.append(front[1:, 0], bound[0])
    total = 0.0
    for count, depth in enumerate(ends - front[:, 0], 1):
        if depth > 0:
            rest, _, _ = _unique(front[:count, 1:])
            total += float(depth) * _volume(rest[_front(rest)], bound[1:])
    return total


def _plane(ends: FloatArray) -> FloatArray | None:
    """Normal w of the plane w.x = 1 through the rows; None if they span none that faces forward."""
    try:
        solved = np.linalg.solve(ends, np.ones(len(ends)))
    except np.linalg.LinAlgError:
        return None
    normal = np.asarray(solved, dtype=np.float64)
    return normal if np.isfinite(normal).all() and (normal > 0).all() else None
