"""The runs of every method on one table with one number of workers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import filterfalse

import numpy as np

from benchmarks.search.measures import (
    EPOCHS,
    FOUND,
    Array,
    at_budgets,
    bands_above,
    needed,
    quartiles,
)
from benchmarks.search.methods import BASE, is_ours
from benchmarks.search.runs import Row, full_budget
from benchmarks.search.world import World

SHARE = 0.99
"""The target of all methods, as a share of the final median hypervolume of ``random+fifo``."""


@dataclass(frozen=True)
class Cell:
    """``runs``: method -> one row per seed; ``budget``: epochs of a full budget."""

    world: World
    workers: int
    budget: int
    runs: dict[str, list[Row]]

    @property
    def name(self) -> str:
        return f"{self.world.table.name}, {self.workers} workers"

    @property
    def target(self) -> float:
        """99 % of the median hypervolume of ``random+fifo`` at its full budget."""
        final = [at_budgets(row["curve"], [self.budget])[0] for row in self.runs[BASE]]
        return SHARE * float(quartiles(final)[1])

    def budget_of(self, method: str) -> int:
        """Return the epochs of a method: fewer than the full budget if it is slow."""
        return int(self.runs[method][0]["marks"][-1])

    def values(self, method: str, budgets: Iterable[int], column: int = FOUND) -> Array:
        """Return hypervolumes (seeds, budgets); NaN beyond the method's budget."""
        wanted = np.asarray(list(budgets), dtype=np.float64)
        rows = [at_budgets(row["curve"], wanted, column) for row in self.runs[method]]
        return np.where(wanted <= self.budget_of(method), np.array(rows), np.nan)

    def need(self, method: str, target: float, column: int = EPOCHS) -> float:
        """Return the median epochs (or seconds) to a true hypervolume: inf if half of the runs
        never reach it, NaN if a slow method does not reach it within its smaller budget."""
        median = float(
            quartiles([needed(r["curve"], target, column) for r in self.runs[method]])[1]
        )
        short = np.isinf(median) and self.budget_of(method) < self.budget
        return float("nan") if short else median

    def beaten_by(self, ours: str) -> dict[str, list[int]]:
        """Return method -> the budgets at which its band is above ours."""
        found = {}
        budgets = np.arange(1, self.budget + 1)
        for method in filterfalse(is_ours, self.runs):
            above = bands_above(self.values(ours, budgets), self.values(method, budgets))
            if above.any():
                found[method] = budgets[above].tolist()
        return found


def make_cells(rows: Iterable[Row], worlds: dict[str, World], methods: list[str]) -> list[Cell]:
    """Make cells, ordered by world (by name) and workers, with methods in the given order."""
    cells: dict[tuple[str, int], Cell] = {}
    for row in sorted(rows, key=lambda row: (row["workers"], row["seed"])):
        key = row["table"], row["workers"]
        if key not in cells:
            world = worlds[row["table"]]
            budget = full_budget(row["trials"], world.table.max_epochs)
            cells[key] = Cell(world, row["workers"], budget, {})
        cells[key].runs.setdefault(row["method"], []).append(row)
    for cell in cells.values():
        order = [method for method in methods if method in cell.runs]
        cell.runs.update({method: cell.runs.pop(method) for method in order})
    return sorted(cells.values(), key=lambda cell: list(worlds).index(cell.world.table.name))


def ratios(cells: list[Cell], ours: str) -> tuple[float, float]:
    """Return (our epochs to the target / full budget, our epochs / those of the best other method).

    Epochs are medians over seeds to 99 % of the final hypervolume of ``random+fifo``. The best
    other method is that of each cell. The ratios are means over the cells.
    """
    to_base, to_best = [], []
    for cell in cells:
        our_need = cell.need(ours, cell.target)
        theirs = [cell.need(name, cell.target) for name in cell.runs if not is_ours(name)]
        to_base.append(our_need / cell.budget)
        to_best.append(our_need / max(1.0, np.nanmin(theirs)))
    return float(np.mean(to_base)), float(np.mean(to_best))
