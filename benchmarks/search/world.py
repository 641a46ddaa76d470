"""A table as a world to search in: any params of its range and a seed give a learning curve.

Between the points of the grid, **the mean over seeds is interpolated, the noise is not**. The mean
is bilinear in sparsity and log learning rate. Interpolating single curves would average up to four
noises into one of half the size, and searches would look better than they are in the middle of the
grid's cells. So what a recorded seed lies above or below its mean, over all its epochs, is taken
whole from one corner of the cell, drawn by the trial's seed with the interpolation's weights (so
that the variance is interpolated too), and from one recorded seed, drawn evenly. Deviations from a
mean of R are smaller than those from the expectation: they are scaled by sqrt(R / (R - 1)).

The alternative, only the grid's own points, keeps the noise as well, but a space of a few hundred
points is a different problem: random search without replacement nearly exhausts it, and repeats
decide who wins. The price of interpolating: the front between two recorded sparsities is a straight
line, and a cliff between them becomes a slope; ``true`` means true in this world, whose means of R
seeds still carry their own noise.
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
"""Of points (accuracy, sparsity)."""

JITTER = 0.1
"""Standard deviation of the log of an epoch's duration around what was recorded."""

FRONT_STEPS = 50
"""Points of the whole front between two sparsities of the grid; it is straight between them."""


@dataclass(frozen=True)
class Curve:
    """What a trial of the table's E epochs gives: after epoch 0..E, each (E+1,).

    ``seen`` is the accuracy that a search is told, ``true`` the mean over seeds, ``seconds`` the
    duration of that epoch.
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
        """The reference point: (accuracy of the majority class, sparsity 0)."""
        return self.table.majority, 0.0

    def space(self) -> dict[str, Any]:
        """The space of a config that covers the table."""
        table = self.table
        return {
            "sparsity": _range(table.sparsities),
            "method": table.methods,
            "scope": table.scopes,
            "finetune_epochs": {"low": 0, "high": table.max_epochs},
            "learning_rate": _range(table.learning_rates, log=True),
        }

    def curve(self, params: Params, seed: list[int]) -> Curve:
        """The curve of a trial; the same for the same params and seed."""
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
        """Points (accuracy, sparsity), densely along the best true accuracy at each sparsity.

        At a sparsity the mean is linear in log learning rate between recorded ones, so the best
        learning rate is a recorded one.
        """
        grid = np.asarray(self.table.sparsities)
        places = np.arange(FRONT_STEPS * (len(grid) - 1) + 1) / FRONT_STEPS
        fine = np.interp(places, np.arange(len(grid)), grid)
        curves = np.moveaxis(self._mean, 2, -1).reshape(-1, len(grid))
        best = np.max([np.interp(fine, grid, curve) for curve in curves], axis=0)
        return np.column_stack([best, fine])

    @cached_property
    def volume(self) -> float:
        """The hypervolume of the whole front."""
        return hypervolume(self.front, self.reference, DIRECTIONS)


def _range(values: list[float], log: bool = False) -> Any:
    if len(values) == 1:
        return values[0]
    return {"low": values[0], "high": values[-1]} | ({"log": True} if log else {})


def _cell(grid: list[float], value: float) -> tuple[int, float]:
    """(index of the grid point at or below ``value``, share of the way to the next, in [0, 1))."""
    index = min(max(bisect_right(grid, value) - 1, 0), len(grid) - 1)
    if index + 1 == len(grid):
        return index, 0.0
    share = (value - grid[index]) / (grid[index + 1] - grid[index])
    return index, min(max(share, 0.0), 1.0)
