"""Figures of a benchmark, with the colours of Okabe and Ito and different dashes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.search.cell import Cell
from benchmarks.search.measures import attained, quartiles
from benchmarks.search.methods import BASE, is_ours

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#000000", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#7A7A7A", "#8C6D1F")
DASHES = ("--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)), (0, (7, 2)), "-")
OURS = "#0072B2"


def save_all(cells: Sequence[Cell], ours: str, folder: Path) -> list[Path]:
    """Draw curves.png (all methods), samplers.png (our samplers) and attainment.png."""
    methods = list(dict.fromkeys(method for cell in cells for method in cell.runs))
    others = [method for method in methods if not is_ours(method)]
    own = [method for method in methods if is_ours(method) and method != ours]
    figures = {
        "curves": _curves(cells, [*others, ours], ours),
        "attainment": _attainment(cells, [*others, ours], ours),
    }
    if own:
        figures["samplers"] = _curves(cells, [BASE, *own, ours], ours)
    paths = []
    for name, figure in figures.items():
        paths.append(folder / f"{name}.png")
        figure.savefig(paths[-1], dpi=150)
    return paths


def _curves(cells: Sequence[Cell], methods: Sequence[str], ours: str) -> Figure:
    """Draw hypervolume over epochs: medians and quartile bands over seeds, one panel per cell."""
    figure, panels = _panels(len(cells), min(2, len(cells)))
    for axes, cell in zip(panels, cells, strict=True):
        for method in (name for name in methods if name in cell.runs):
            budgets = np.arange(1, cell.budget_of(method) + 1)
            low, median, high = quartiles(cell.values(method, budgets))
            style = _style(method, methods, ours)
            axes.plot(budgets, median, label=method, **style)
            alpha = 0.2 if method in (ours, BASE) else 0.07
            axes.fill_between(budgets, low, high, color=style["color"], alpha=alpha, linewidth=0)
        axes.axhline(cell.target, color="#B0B0B0", linewidth=0.8)
        floor = quartiles(cell.values(BASE, [max(1, cell.budget // 32)]))[0, 0]
        axes.set(xscale="log", xlim=(max(1, cell.budget // 64), cell.budget), ylim=(floor, 1.005))
        _dress(axes, cell.name, "finetune epochs spent", "hypervolume / that of the whole front")
    _legend(figure, panels[0])
    return figure


def _attainment(cells: Sequence[Cell], methods: Sequence[str], ours: str) -> Figure:
    """Draw median attainment surfaces at a quarter of the budget and at the full budget."""
    figure, panels = _panels(2 * len(cells), 2)
    shares = ("a quarter of the budget", "the full budget")
    for index, axes in enumerate(panels):
        cell, mark = cells[index // 2], index % 2
        table = cell.world.table
        at = np.linspace(table.sparsities[0], table.sparsities[-1], 300)
        whole = attained(cell.world.front.tolist(), at, table.majority)
        axes.plot(100 * at, 100 * whole, color="#B0B0B0", linewidth=4, label="whole front")
        for method in methods:
            fronts = [row["fronts"][mark] for row in cell.runs[method]]
            surface = quartiles(np.array([attained(f, at, table.majority) for f in fronts]))[1]
            axes.plot(100 * at, 100 * surface, label=method, **_style(method, methods, ours))
        _dress(axes, f"{cell.name}, {shares[mark]}", "sparsity (%)", "true accuracy (%)")
    _legend(figure, panels[0])
    return figure


def _panels(count: int, columns: int) -> tuple[Figure, list[Axes]]:
    from matplotlib.figure import Figure

    rows = -(-count // columns)
    figure = Figure(figsize=(5.6 * columns, 3.6 * rows + 0.6), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat[count:]:
        axes.set_visible(False)
    return figure, list(grid.flat[:count])


def _style(method: str, methods: Sequence[str], ours: str) -> dict[str, Any]:
    if method == ours:
        return {"color": OURS, "linewidth": 2.4, "linestyle": "-", "zorder": 5}
    place = [name for name in methods if name != ours].index(method) % len(COLOURS)
    return {"color": COLOURS[place], "linewidth": 1.4, "linestyle": DASHES[place]}


def _dress(axes: Axes, title: str, across: str, up: str) -> None:
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.grid(color="#E5E5E5", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
