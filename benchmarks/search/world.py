"""A table as a search problem: any params in its range and a seed give a learning curve.

Between the points of the grid, **the mean over seeds is interpolated, but the noise is not**. The
mean is bilinear in sparsity and log learning rate. Interpolating single curves would average up to
four noise terms, halve the noise, and make searches look better in the middle of the grid's cells.
Therefore the deviation of a recorded seed from its mean, over all epochs, is taken from one corner
of the cell, drawn with the weights of the interpolation (so that the variance is interpolated too),
and from one recorded seed, drawn uniformly. Deviations from a mean of R values are too small; they
are scaled by sqrt(R / (R - 1)).

The alternative, a space of only the grid's points, also keeps the noise, but it is a different
problem: random search without replacement almost exhausts a few hundred points, and repetitions
decide the comparison. Interpolation has a price: the front between two recorded sparsities is a
straight line, and a steep drop between them becomes a slope. ``true`` refers to this world, whose
means of R seeds still contain noise.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.search.table import Table
from sweep.pareto import hypervolume

Params = dict[str, Any]
Array = NDArray[np.float64]

DIRECTIONS = ("max", "max")
"""The directions of points (accuracy, sparsity)."""

JITTER = 0.1
"""Standard deviation of the log of an epoch's duration around the recorded value."""

FRONT_STEPS = 50
"""Points of the complete front between two sparsities of the grid."""


@dataclass(frozen=True)
class Curve:
    """The curve of a trial of E epochs; each array has the values after epoch 0..E, shape (E+1,).

    ``seen`` is the accuracy that a search observes, ``true`` the mean over seeds, ``seconds`` the
    duration of each epoch.
    """

    seen: Array
    true: Array
    seconds: Array


class World:
    """The curves of one table for all params in its range."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self._mean = table.accuracy.mean(axis=4)
        scale = math.sqrt(table.seeds / (table.seeds - 1)) if table.seeds > 1 else 0.0
        self._deviation = scale * (table.accuracy - self._mean[:, :, :, :, None])
        self._logs = [math.log(rate) for rate in table.learning_rates]

    @property
    def reference(self) -> tuple[float, float]:
        """The reference point (accuracy of the majority class, sparsity 0)."""
        return self.table.majority, 0.0

    def space(self) -> dict[str, Any]:
        """The section ``space`` of a config that covers the table."""
        table = self.table
        return {
            "sparsity": _range(table.sparsities),
            "method": table.methods,
            "scope": table.scopes,
            "finetune_epochs": {"low": 0, "high": table.max_epochs},
            "learning_rate": _range(table.learning_rates, log=True),
        }

    def curve(self, params: Params, seed: list[int]) -> Curve:
        """Return the curve of a trial, which depends only on its params and seed."""
        table, random = self.table, np.random.default_rng(seed)
        place = table.methods.index(params["method"]), table.scopes.index(params["scope"])
        row, down = _cell(table.sparsities, params["sparsity"])
        column, right = _cell(self._logs, math.log(params["learning_rate"]))
        rows, columns = (
            [row, row + 1] if down else [row],
            [column, column + 1] if right else [column],
        )
        weights = np.outer([1 - down, down][: len(rows)], [1 - right, right][: len(columns)])
        true = np.einsum("ij,ije->e", weights, self._mean[place][np.ix_(rows, columns)])
        corner = int(np.searchsorted(weights.cumsum(), random.random() * weights.sum(), "right"))
        i, j = divmod(min(corner, weights.size - 1), len(columns))
        spot = (*place, rows[i], columns[j], int(random.integers(table.seeds)))
        seen = np.clip(true + self._deviation[spot], 0, 1)
        return Curve(
            seen=np.round(seen * table.examples) / table.examples,
            true=true,
            seconds=table.seconds[spot] * np.exp(JITTER * random.normal(size=len(true))),
        )

    @cached_property
    def front(self) -> Array:
        """Return dense points (accuracy, sparsity) with the best true accuracy at each sparsity.

        The mean is piecewise linear in log learning rate, so the best learning rate is a recorded
        one.
        """
        grid = np.asarray(self.table.sparsities)
        places = np.arange(FRONT_STEPS * (len(grid) - 1) + 1) / FRONT_STEPS
        fine = np.interp(places, np.arange(len(grid)), grid)
        curves = np.moveaxis(self._mean, 2, -1).reshape(-1, len(grid))
        best = np.max([np.interp(fine, grid, curve) for curve in curves], axis=0)
        return np.column_stack([best, fine])

    @cached_property
    def volume(self) -> float:
        """The hypervolume of the complete front."""
        return hypervolume(self.front, self.reference, DIRECTIONS)


def _range(values: list[float], log: bool = False) -> Any:
    if len(values) == 1:
        return values[0]
    return {"low": values[0], "high": values[-1]} | ({"log": True} if log else {})


def _cell(grid: list[float], value: float) -> tuple[int, float]:
    """Return the index of the grid point at or below ``value``, and the position in the cell."""
    index = min(max(bisect_right(grid, value) - 1, 0), len(grid) - 1)
    if index + 1 == len(grid):
        return index, 0.0
    share = (value - grid[index]) / (grid[index + 1] - grid[index])
    return index, min(max(share, 0.0), 1.0)
