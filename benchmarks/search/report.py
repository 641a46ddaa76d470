"""The results of a benchmark as Markdown and CSV."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.search.cell import Cell
from benchmarks.search.measures import CHOSEN, FOUND, SECONDS, quartiles
from benchmarks.search.methods import BASE

HEADS = (
    "method", "seeds", "trials", "1/4 budget", "1/2", "full: quartiles", "chosen",
    "to 95 %", "to 99 %", "to target", "of budget", "of time",
)  # fmt: skip


def cell_table(cell: Cell) -> str:
    """Format a cell as a Markdown table with one line per method."""
    base = float(quartiles([row["seconds"] for row in cell.runs[BASE]])[1])
    lines = [
        f"\n**{cell.name}**, {cell.budget} epochs, {cell.world.table.examples} examples, front "
        f"{cell.world.volume:.4f}, target {cell.target:.4f} of it.\n",
        "| " + " | ".join(HEADS) + " |",
        "| --- |" + " ---: |" * (len(HEADS) - 1),
    ]
    lines += ["| " + " | ".join(_cells(cell, method, base)) + " |" for method in cell.runs]
    return "\n".join(lines)


def _cells(cell: Cell, method: str, base: float) -> Iterator[str]:
    rows = cell.runs[method]
    yield method
    yield str(len(rows))
    yield f"{quartiles([row['started'] for row in rows])[1]:.0f}"
    at = quartiles(cell.values(method, (cell.budget // 4, cell.budget // 2, cell.budget)))
    yield _share(at[1, 0])
    yield _share(at[1, 1])
    yield " ".join(_share(value) for value in at[:, 2]) if not math.isnan(at[1, 2]) else ""
    yield _share(quartiles(cell.values(method, [cell.budget], CHOSEN))[1, 0])
    for target in (0.95, 0.99, cell.target):
        yield _epochs(cell.need(method, target))
    yield _ratio(cell.need(method, cell.target) / cell.budget)
    yield _ratio(cell.need(method, cell.target, SECONDS) / base)


def check_line(cell: Cell, ours: str) -> str:
    """Describe at which budgets another method's band is above ours, if any."""
    beaten = cell.beaten_by(ours)
    told = "; ".join(
        f"{method} at {len(budgets)} budgets from {budgets[0]} to {budgets[-1]} epochs"
        for method, budgets in beaten.items()
    )
    return f"band check, {cell.name}: {told or 'no band lies above that of ' + ours}"


def write_curves(cells: Iterable[Cell], path: Path) -> None:
    """Write CSV: one line per method and budget, with quartiles over seeds of both hypervolumes."""
    head = ["table", "workers", "method", "epochs"]
    head += [f"{kind}_{part}" for kind in ("found", "chosen") for part in ("q25", "median", "q75")]
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(head)
        for cell in cells:
            for method in cell.runs:
                budgets = range(cell.budget_of(method) + 1)
                bands = [quartiles(cell.values(method, budgets, c)) for c in (FOUND, CHOSEN)]
                for epochs in budgets:
                    values = [f"{value:.5f}" for band in bands for value in band[:, epochs]]
                    out.writerow([cell.world.table.name, cell.workers, method, epochs, *values])


def write_needs(cells: Iterable[Cell], path: Path) -> None:
    """Write CSV: one line per method and target; empty if half of the runs do not reach it."""
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["table", "workers", "method", "target", "epochs", "seconds", "budget"])
        for cell in cells:
            targets = {"95 %": 0.95, "99 %": 0.99, "99 % of random+fifo": cell.target}
            for method in cell.runs:
                for name, value in targets.items():
                    needs = [cell.need(method, value, column) for column in (0, SECONDS)]
                    out.writerow(
                        [cell.world.table.name, cell.workers, method, name]
                        + [_number(need) for need in needs]
                        + [cell.budget_of(method)]
                    )


def _share(value: Any) -> str:
    return "" if math.isnan(value) else f"{value:.3f}"


def _epochs(value: float) -> str:
    return "" if math.isnan(value) else "never" if math.isinf(value) else f"{value:.0f}"


def _ratio(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else ""


def _number(value: float) -> str:
    return f"{value:.6g}" if math.isfinite(value) else ""
