"""Pareto fronts: nondominated points, hypervolume and knee.

``points`` has shape (n, m): n points, m objectives, without NaN. ``directions`` has one ``"max"``
or ``"min"`` for each objective. It has no default, so that no objective gets the wrong direction by
accident. Internally, every objective is minimised. moocore computes dominance and hypervolume; it
is imported at the first call.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

CLEAR_KNEE = 0.1

Item = TypeVar("Item")


def nondominated(
    points: ArrayLike, directions: Sequence[str], *, keep_duplicates: bool
) -> BoolArray:
    """Mask, shape (n,), of the points that no other point dominates.

    A point dominates another when it is at least as good in every objective and better in one.
    Equal points do not dominate each other. With ``keep_duplicates`` all equal points are kept,
    otherwise only the first one. O(n log n) for up to three objectives (Kung, Luccio and Preparata,
    1975).

    >>> points = [[0.9, 0.5], [0.8, 0.7], [0.8, 0.6], [0.8, 0.7]]
    >>> nondominated(points, ["max", "max"], keep_duplicates=False)
    array([ True,  True, False, False])
    >>> nondominated(points, ["max", "max"], keep_duplicates=True)
    array([ True,  True, False,  True])
    """
    import moocore

    ranks = _column_ranks(_minimised(points, directions))
    return np.asarray(moocore.is_nondominated(ranks, keep_weakly=keep_duplicates), dtype=np.bool_)


def hypervolume(points: ArrayLike, reference: ArrayLike, directions: Sequence[str]) -> float:
    """Volume that the points dominate, bounded by the fixed point ``reference`` (shape (m,)).

    A point that is not better than the reference in every objective adds nothing. The result is
    exact. O(n log n) for two and three objectives (Fonseca, Paquete and López-Ibáñez, 2006;
    Guerreiro and Fonseca, 2018). Raises ValueError if a point or the reference is not finite.

    >>> hypervolume([[0.9, 0.5], [0.8, 0.75]], [0.5, 0.0], ["max", "max"])
    0.275
    >>> hypervolume([[1, 2, 3]], [2, 4, 6], ["min", "min", "min"])
    6.0
    """
    import moocore

    costs = _minimised(points, directions)
    bound = _minimised(np.asarray(reference, dtype=np.float64)[None, :], directions)[0]
    if not (np.isfinite(costs).all() and np.isfinite(bound).all()):
        raise ValueError("hypervolume: the points and the reference point must be finite")
    return float(moocore.hypervolume(costs, ref=bound))


def knee(points: ArrayLike, directions: Sequence[str]) -> int | None:
    """Index of the point where the front bends most, or None if the front has no clear knee.

    Each objective is scaled to [0, 1] over the front. The knee is the point that lies farthest
    beyond the chord through the ends of the front (for more than two objectives: the plane through
    the best point of each objective). The knee is clear if it lies at least ``CLEAR_KNEE`` of the
    way from the chord to the ideal point. A front of fewer than three distinct points has no knee.

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
    normal = _plane_normal(good[np.argmax(good, axis=0)])
    if normal is None:
        return None
    # 0 on the chord, 1 at the ideal point, where every objective has its best value.
    gain = (good @ normal - 1) / (normal.sum() - 1)
    return int(members[np.argmax(gain)]) if gain.max() >= CLEAR_KNEE else None


class Front(Generic[Item]):
    """A front to which items are added one by one; each addition costs O(size of the front).

    ``items`` holds the nondominated items in the order in which they were added. Of several items
    with equal values, only the first one is kept. The items are those that :func:`nondominated`
    finds among all that were added. ``directions``: "max" or "min" for each value.
    """

    def __init__(self, directions: Iterable[str]) -> None:
        self.items: list[Item] = []
        self._signs = _signs(list(directions))
        self._costs = np.empty((0, len(self._signs)))

    def add(self, item: Item, values: Sequence[float]) -> list[Item] | None:
        """Add an item. Returns the items that it dominates, which are removed from the front.

        Returns None if an item of the front dominates or equals it. ``values`` must have no NaN.
        """
        costs = self._signs * np.asarray(values, dtype=np.float64)
        if (self._costs <= costs).all(axis=1).any():
            return None
        is_kept: BoolArray = np.asarray((self._costs < costs).any(axis=1))
        removed = [old for old, kept in zip(self.items, is_kept, strict=True) if not kept]
        self.items = [old for old, kept in zip(self.items, is_kept, strict=True) if kept]
        self.items.append(item)
        self._costs = np.vstack([self._costs[is_kept], costs])
        return removed

    @property
    def points(self) -> FloatArray:
        """The values of the items, shape (items, objectives)."""
        return np.asarray(self._costs * self._signs)

    def spread(self, most: int) -> list[Item]:
        """At most ``most`` items, evenly spaced along the first objective, best first.

        The two ends of the front are included.
        """
        ordered = [self.items[i] for i in np.argsort(self._costs[:, 0], kind="stable")]
        if len(ordered) <= most:
            return ordered
        positions = np.linspace(0, len(ordered) - 1, most).round().astype(int)
        return [ordered[i] for i in np.unique(positions)]


def _minimised(points: ArrayLike, directions: Sequence[str]) -> FloatArray:
    """``points`` as an (n, m) array in which smaller is better. ValueError for a bad shape."""
    values = np.asarray(points, dtype=np.float64)
    signs = _signs(directions)
    if values.size == 0:
        values = values.reshape(0, len(directions))
    if values.ndim != 2 or values.shape[1] != len(directions):
        raise ValueError(f"points have shape {values.shape}; got {len(directions)} directions")
    if np.isnan(values).any():
        raise ValueError("points must have no NaN: remove incomplete points first")
    return np.asarray(values * signs)


def _signs(directions: Sequence[str]) -> FloatArray:
    """-1 for each "max", 1 for each "min". Raises ValueError for any other value."""
    if not directions or not set(directions) <= {"max", "min"}:
        raise ValueError(f"directions must be 'max' or 'min' for each objective; got {directions}")
    return np.array([-1.0 if direction == "max" else 1.0 for direction in directions])


def _column_ranks(costs: FloatArray) -> FloatArray:
    """The rank (from 0) of each value among the distinct values of its column.

    Dominance depends only on the order of the values, and moocore crashes on infinite values.
    """
    ranks = [np.unique(values, return_inverse=True)[1] for values in costs.T]
    return np.array(ranks, dtype=np.float64).T


def _plane_normal(ends: FloatArray) -> FloatArray | None:
    """Normal w > 0 of the plane w.x = 1 through the rows; None if there is no such plane."""
    try:
        solved = np.linalg.solve(ends, np.ones(len(ends)))
    except np.linalg.LinAlgError:
        return None
    normal = np.asarray(solved, dtype=np.float64)
    return normal if np.isfinite(normal).all() and (normal > 0).all() else None
