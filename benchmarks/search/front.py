"""The front of all evaluated points, and the front by observed accuracies."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.search.world import DIRECTIONS, Curve, World
from sweep.pareto import hypervolume

Point = tuple[float, float, float]
"""The accuracy for comparisons, the sparsity, the true accuracy."""


class Found:
    """Two fronts, updated with each record: by true and by observed accuracies."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._true: list[Point] = []
        self._chosen: list[Point] = []

    def add(self, sparsity: float, curve: Curve, epoch: int) -> bool:
        """Add a record; return whether a front changed. Of equal points the first stays."""
        true, seen = float(curve.true[epoch]), float(curve.seen[epoch])
        changed = _let_in(self._true, (true, float(sparsity), true))
        return _let_in(self._chosen, (seen, float(sparsity), true)) or changed

    def found(self) -> list[tuple[float, float]]:
        """Return (true accuracy, sparsity) of the non-dominated evaluated points."""
        return [(true, sparsity) for _, sparsity, true in self._true]

    def volumes(self) -> tuple[float, float]:
        """Return hypervolumes by true accuracy, relative to the world's complete front.

        The first is that of all evaluated points and never falls. The second is that of the points
        that are best by observed accuracy; it falls if a lucky point replaces a better one.
        """
        chosen = [(true, sparsity) for _, sparsity, true in self._chosen]
        return self._volume(self.found()), self._volume(chosen)

    def _volume(self, points: Sequence[tuple[float, float]]) -> float:
        return hypervolume(points, self._world.reference, DIRECTIONS) / self._world.volume


def _let_in(front: list[Point], new: Point) -> bool:
    """Add a point that no front point weakly dominates; remove the points that it dominates."""
    if any(p[0] >= new[0] and p[1] >= new[1] for p in front):
        return False
    front[:] = [p for p in front if p[0] > new[0] or p[1] > new[1]] + [new]
    return True
