"""A Pareto front that grows point by point, for folds over many events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

import numpy as np

Item = TypeVar("Item")


class Front(Generic[Item]):
    """The items whose values no other item's dominate; of equal values the first item stands.

    The same items as :func:`sweep.pareto.nondominated` finds among all that were added, for the
    cost of one comparison with each item of the front. ``directions``: "max" or "min" a value.
    """

    def __init__(self, directions: Iterable[str]) -> None:
        self.items: list[Item] = []
        self._signs = np.array([1.0 if way == "max" else -1.0 for way in directions])
        self._values = np.empty((0, len(self._signs)))  # more is better

    def add(self, item: Item, values: Sequence[float]) -> list[Item]:
        """Let an item in, if it belongs here; returns the items that it put out. No NaN."""
        point = self._signs * np.asarray(values, dtype=np.float64)
        if (self._values >= point).all(axis=1).any():
            return []
        beaten = np.asarray((self._values <= point).all(axis=1))
        out = [old for old, goes in zip(self.items, beaten, strict=True) if goes]
        if out:
            self.items = [old for old, goes in zip(self.items, beaten, strict=True) if not goes]
        self.items.append(item)
        self._values = np.vstack([self._values[~beaten], point])
        return out
