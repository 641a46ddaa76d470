"""What a search has found: the front of all that it evaluated, and the points that look best."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.search.world import DIRECTIONS, Curve, World
from sweep.pareto import hypervolume

Point = tuple[float, float, float]
"""An accuracy to compare by, sparsity, the true accuracy."""


class Found:
    """Two fronts, kept up to date record by record: by true accuracies and by seen ones."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._true: list[Point] = []
        self._chosen: list[Point] = []

    def add(self, sparsity: float, curve: Curve, epoch: int) -> bool:
        """Take in a record; whether a front has changed. Of equal points the first stays."""
        true, seen = float(curve.true[epoch]), float(curve.seen[epoch])
        changed = _let_in(self._true, (true, float(sparsity), true))
        return _let_in(self._chosen, (seen, float(sparsity), true)) or changed

    def found(self) -> list[tuple[float, float]]:
        """(true accuracy, sparsity) of the non-dominated ones among all that was evaluated."""
        return [(true, sparsity) for _, sparsity, true in self._true]

    def volumes(self) -> tuple[float, float]:
        """Hypervolumes by true accuracy, relative to the world's whole front.

        Of all that was evaluated, which never falls; and of the points that look best by what was
        seen, which falls where luck displaces a better point.
        """
        chosen = [(true, sparsity) for _, sparsity, true in self._chosen]
        return self._volume(self.found()), self._volume(chosen)

    def _volume(self, points: Sequence[tuple[float, float]]) -> float:
        return hypervolume(points, self._world.reference, DIRECTIONS) / self._world.volume


def _let_in(front: list[Point], new: Point) -> bool:
    """Add a point that none on the front is as good as, and drop those that it is as good as."""
    if any(p[0] >= new[0] and p[1] >= new[1] for p in front):
        return False
    front[:] = [p for p in front if p[0] > new[0] or p[1] > new[1]] + [new]
    return True
