"""One table under one number of workers: the runs of every method, side by side."""

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
"""Of the median hypervolume of ``random+fifo`` at its full budget: what all are timed to."""


@dataclass(frozen=True)
class Cell:
    """``runs``: method -> its rows, a seed each; ``budget``: epochs of a full one."""

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
        """The epochs that a method was given: fewer than the full budget if it is slow."""
        return int(self.runs[method][0]["marks"][-1])

    def values(self, method: str, budgets: Iterable[int], column: int = FOUND) -> Array:
        """(seeds, budgets): hypervolumes, NaN beyond what the method was given."""
        wanted = np.asarray(list(budgets), dtype=np.float64)
        rows = [at_budgets(row["curve"], wanted, column) for row in self.runs[method]]
        return np.where(wanted <= self.budget_of(method), np.array(rows), np.nan)

    def need(self, method: str, target: float, column: int = EPOCHS) -> float:
        """Median epochs (or seconds) to a true hypervolume; inf if half the runs never get there,
        NaN if a slow method's did not within its smaller budget."""
        median = float(
            quartiles([needed(r["curve"], target, column) for r in self.runs[method]])[1]
        )
        short = np.isinf(median) and self.budget_of(method) < self.budget
        return float("nan") if short else median

    def beaten_by(self, ours: str) -> dict[str, list[int]]:
        """Method -> the budgets at which its band lies above ours; empty at best."""
        found = {}
        budgets = np.arange(1, self.budget + 1)
        for method in filterfalse(is_ours, self.runs):
            above = bands_above(self.values(ours, budgets), self.values(method, budgets))
            if above.any():
                found[method] = budgets[above].tolist()
        return found


def make_cells(rows: Iterable[Row], worlds: dict[str, World], methods: list[str]) -> list[Cell]:
    """Cells in the order of ``worlds`` (by name), then of workers; methods in the order given."""
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
    """(our epochs to the target / the full budget, our epochs / those of the best other method).

    In each cell the median over seeds of the epochs to 99 % of what ``random+fifo`` has at its full
    budget; the best other method is chosen in each cell anew. Means over the cells.
    """
    to_base, to_best = [], []
    for cell in cells:
        our_need = cell.need(ours, cell.target)
        theirs = [cell.need(name, cell.target) for name in cell.runs if not is_ours(name)]
        to_base.append(our_need / cell.budget)
        to_best.append(our_need / max(1.0, np.nanmin(theirs)))
    return float(np.mean(to_base)), float(np.mean(to_best))
