"""Pareto fronts: which points are dominated by none, how much they cover, where the front bends.

``points`` has shape (n, m): n points, m objectives, all numbers (no NaN). ``directions`` has one
``"max"`` or ``"min"`` for each objective, always given, so that no objective is turned by accident.
Inside, everything is minimised. Dominance and hypervolume are computed by moocore, which is
imported when they are first asked for.
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
    Equal points do not dominate each other: ``keep_duplicates`` keeps all of them, otherwise the
    first one stands for all. O(n log n) for up to three objectives (Kung, Luccio and Preparata,
    1975).

    >>> points = [[0.9, 0.5], [0.8, 0.7], [0.8, 0.6], [0.8, 0.7]]
    >>> nondominated(points, ["max", "max"], keep_duplicates=False)
    array([ True,  True, False, False])
    >>> nondominated(points, ["max", "max"], keep_duplicates=True)
    array([ True,  True, False,  True])
    """
    import moocore

    places = _places(_minimised(points, directions))
    return np.asarray(moocore.is_nondominated(places, keep_weakly=keep_duplicates), dtype=np.bool_)


def hypervolume(points: ArrayLike, reference: ArrayLike, directions: Sequence[str]) -> float:
    """Volume that the points dominate, bounded by ``reference`` (shape (m,)), which is fixed.

    Points that are not better than the reference in every objective add nothing. Exact; O(n log n)
    for two and three objectives (Fonseca, Paquete and López-Ibáñez, 2006; Guerreiro and Fonseca,
    2018). ValueError for a point or a reference that is not finite.

    >>> hypervolume([[0.9, 0.5], [0.8, 0.75]], [0.5, 0.0], ["max", "max"])
    0.275
    >>> hypervolume([[1, 2, 3]], [2, 4, 6], ["min", "min", "min"])
    6.0
    """
    import moocore

    costs = _minimised(points, directions)
    bound = _minimised(np.asarray(reference, dtype=np.float64)[None, :], directions)[0]
    if not (np.isfinite(costs).all() and np.isfinite(bound).all()):
        raise ValueError("a hypervolume needs finite points and a finite reference point")
    return float(moocore.hypervolume(costs, ref=bound))


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


class Front(Generic[Item]):
    """A front that grows point by point, at the cost of a comparison with each of its points.

    It holds the items whose values no other item's dominate, in the order in which they came; of
    equal values the first item stands. They are those that :func:`nondominated` finds among all
    that were added. ``directions``: "max" or "min" for each value.
    """

    def __init__(self, directions: Iterable[str]) -> None:
        self.items: list[Item] = []
        self._signs = _signs(list(directions))
        self._costs = np.empty((0, len(self._signs)))

    def add(self, item: Item, values: Sequence[float]) -> list[Item] | None:
        """Let an item in. Returns the items that it dominates, which leave the front.

        None if the item does not belong on the front. ``values`` must not have NaN.
        """
        costs = self._signs * np.asarray(values, dtype=np.float64)
        if (self._costs <= costs).all(axis=1).any():
            return None
        stays: BoolArray = np.asarray((self._costs < costs).any(axis=1))
        out = [old for old, kept in zip(self.items, stays, strict=True) if not kept]
        self.items = [old for old, kept in zip(self.items, stays, strict=True) if kept]
        self.items.append(item)
        self._costs = np.vstack([self._costs[stays], costs])
        return out

    def covers(self, points: FloatArray) -> BoolArray:
        """Mask, shape (n,), of the ``points`` that are nowhere better than some one item."""
        as_good: BoolArray = np.all(self._costs <= (points * self._signs)[:, None], axis=2)
        return np.asarray(as_good.any(axis=1))

    @property
    def points(self) -> FloatArray:
        """The values of the items, shape (items, objectives)."""
        found: FloatArray = self._costs * self._signs
        return found

    def spread(self, most: int) -> list[Item]:
        """At most ``most`` items, evenly along the first objective, ends included, best first."""
        ordered = [self.items[i] for i in np.argsort(self._costs[:, 0], kind="stable")]
        if len(ordered) <= most:
            return ordered
        places = np.linspace(0, len(ordered) - 1, most).round().astype(int)
        return [ordered[i] for i in np.unique(places)]


def _minimised(points: ArrayLike, directions: Sequence[str]) -> FloatArray:
    """``points`` as an (n, m) array in which smaller is better; ValueError if it is not one."""
    values = np.asarray(points, dtype=np.float64)
    signs = _signs(directions)
    if values.size == 0:
        values = values.reshape(0, len(directions))
    if values.ndim != 2 or values.shape[1] != len(directions):
        raise ValueError(f"points have shape {values.shape}, but {len(directions)} directions")
    if np.isnan(values).any():
        raise ValueError("points must not have NaN: leave out incomplete ones first")
    costs: FloatArray = values * signs
    return costs


def _signs(directions: Sequence[str]) -> FloatArray:
    """-1 for each "max", 1 for each "min"; ValueError for another word."""
    if not directions or not set(directions) <= {"max", "min"}:
        raise ValueError(f"directions must be 'max' or 'min' for each objective, got {directions}")
    return np.array([-1.0 if direction == "max" else 1.0 for direction in directions])


def _places(costs: FloatArray) -> FloatArray:
    """The place of each value among the distinct values of its column, from 0.

    Dominance depends on the order of the values alone. moocore crashes on infinite ones.
    """
    places = np.empty_like(costs)
    for column, values in enumerate(costs.T):
        places[:, column] = np.unique(values, return_inverse=True)[1]
    return places


def _plane(ends: FloatArray) -> FloatArray | None:
    """Normal w of the plane w.x = 1 through the rows; None if they span none that faces forward."""
    try:
        solved = np.linalg.solve(ends, np.ones(len(ends)))
    except np.linalg.LinAlgError:
        return None
    normal = np.asarray(solved, dtype=np.float64)
    return normal if np.isfinite(normal).all() and (normal > 0).all() else None
