"""A Pareto front that grows point by point, in time proportional to its length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray


class Front:
    """The non-dominated ones of the points added; of equal points, the first.

    ``objectives``: metric -> "max" or "min", in the order of a point's values.
    """

    def __init__(self, objectives: Mapping[str, str]) -> None:
        self._signs = np.array([-1.0 if way == "max" else 1.0 for way in objectives.values()])
        self._costs = np.empty((0, len(self._signs)))
        self._keys: list[int] = []

    def add(self, key: int, values: Sequence[float]) -> bool:
        """Let a point in; False if another is as good in all objectives."""
        costs = self._signs * values
        if (self._costs <= costs).all(axis=1).any():
            return False
        keep = np.flatnonzero((self._costs < costs).any(axis=1))
        self._costs = np.vstack([self._costs[keep], costs])
        self._keys = [*(self._keys[index] for index in keep), key]
        return True

    @property
    def points(self) -> NDArray[np.float64]:
        """The values, shape (points, objectives)."""
        found: NDArray[np.float64] = self._costs * self._signs
        return found

    def spread(self, most: int) -> list[int]:
        """The keys of at most ``most`` points, evenly along the first objective, ends included."""
        ordered = [self._keys[i] for i in np.argsort(self._costs[:, 0], kind="stable")]
        if len(ordered) <= most:
            return ordered
        places = np.linspace(0, len(ordered) - 1, most).round().astype(int)
        return [ordered[i] for i in np.unique(places)]
