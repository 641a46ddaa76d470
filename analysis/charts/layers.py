"""The sparsity of each matrix, layer by layer, at points of the front."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.charts.chart import told
from analysis.charts.page import html_text
from analysis.charts.static import math_free
from analysis.results import Results
from analysis.tables import thin
from sweep.pareto import FloatArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_POINTS = 12
"""The number of front points in the interactive figure, one at a time; the static figure has
``ON_PAPER`` of them side by side."""
ON_PAPER = 3
MOST_ROWS = 48
COLOURS = "cividis"
ALONE = "itself"
"""The column of matrices that are in no numbered layer."""

_NUMBERED = re.compile(r"^(?P<stack>.*?)\.(?P<layer>\d+)\.(?P<matrix>.+)$")


@dataclass(frozen=True)
class Grid:
    """Heat maps: ``shares`` (points, rows, columns) has sparsities in %, NaN for no matrix."""

    caption: str
    rows: list[str]
    columns: list[str]
    shares: FloatArray
    points: list[str]
    """The sparsity, trial and epoch of each point."""

    def interactive(self) -> Any:
        """A heat map with a slider over the front's points."""
        import plotly.graph_objects as go

        from analysis.charts.page import dress, floats

        figure = go.Figure()
        for number, name in enumerate(self.points):
            figure.add_trace(
                go.Heatmap(
                    z=floats(self.shares[number]),
                    x=[html_text(column) for column in self.columns],
                    y=[html_text(row) for row in self.rows],
                    zmin=0,
                    zmax=100,
                    colorscale=COLOURS,
                    xgap=1,
                    ygap=1,
                    colorbar={"title": {"text": "zeros (%)"}, "thickness": 12},
                    name=html_text(name),
                    hovertemplate="%{y}, %{x}: %{z:.1f} % zeros<extra></extra>",
                    visible=number == 0,
                )
            )
        dress(figure, 26.0 * len(self.rows) + 40, has_labels=False)
        figure.update_yaxes(autorange="reversed", showgrid=False, type="category")
        figure.update_xaxes(showgrid=False, type="category")
        figure.update_layout(sliders=[_slider(self.points)], height=figure.layout.height + 150)
        return figure

    def static(self) -> Figure:
        """Heat maps of the densest, the middle and the sparsest point, side by side."""
        from matplotlib.figure import Figure

        from analysis.charts.static import WIDTH

        shown = thin.evenly(len(self.points), ON_PAPER)
        height = 0.26 * len(self.rows) + 2.2
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        panels = figure.subplots(1, len(shown), squeeze=False, sharey=True)[0]
        for axes, number in zip(panels, shown, strict=True):
            image = axes.imshow(
                self.shares[number], vmin=0, vmax=100, cmap=COLOURS, aspect="auto", rasterized=True
            )
            axes.set_title(math_free(self.points[number].replace(": ", ":\n")), fontsize=9)
            axes.set_xticks(range(len(self.columns)), [math_free(one) for one in self.columns])
            axes.tick_params(axis="x", rotation=90, labelsize=8)
            axes.set_yticks(
                range(len(self.rows)), [math_free(row) for row in self.rows], fontsize=8
            )
            axes.set_facecolor("#EEEEEE")
        figure.colorbar(image, ax=list(panels), label="zeros (% of the matrix)", shrink=0.9)
        return figure


def place(name: str) -> tuple[str, str]:
    """The row and the column of a matrix, from its name.

    >>> place("bert.encoder.layer.3.attention.self.query.weight")
    ('bert.encoder.layer 3', 'attention.self.query')
    >>> place("classifier.weight")
    ('classifier', 'itself')
    """
    inner = name.removesuffix(".weight")
    found = _NUMBERED.match(inner)
    if found is None:
        return inner, ALONE
    return f"{found['stack']} {found['layer']}", found["matrix"]


def view(results: Results) -> Grid | str:
    """The layers at the points of the front, at most ``MOST_POINTS``.

    Rows and columns are in the order of the model. With one numbered stack its rows are called
    "layer 3"; with several stacks, rows have their whole names.
    """
    if results.front.empty:
        return "There is no front yet, so there are no layers to show."
    table = results.layer_table()
    if table is None:
        return (
            "The ledger does not have the zeros of each matrix: an older version wrote it, or its "
            "task has no matrices."
        )
    (known,) = np.nonzero(table.notna().any())
    known = known[thin.evenly(len(known), MOST_POINTS)]
    table = table.set_axis(pd.MultiIndex.from_tuples([place(str(name)) for name in table.index]))
    rows, columns = (table.index.unique(level) for level in (0, 1))
    columns = columns[np.argsort(columns == ALONE, kind="stable")]
    kept = rows[thin.evenly(len(rows), MOST_ROWS)]
    maps = [
        table[name].unstack().reindex(index=kept, columns=columns) for name in table.columns[known]
    ]
    shown = results.front.iloc[known]
    named = zip(100 * shown["sparsity"], shown["trial_id"], shown["epoch"], strict=True)
    points = [f"{sparsity:.1f} %: {trial}, epoch {epoch}" for sparsity, trial, epoch in named]
    caption = _caption(results, len(points), len(kept), len(rows))
    return Grid(caption, _short_names(list(kept)), list(columns), 100 * np.array(maps), points)


def _slider(points: list[str]) -> dict[str, Any]:
    steps = [
        {
            "method": "update",
            "label": html_text(name.split(":")[0]),
            "args": [{"visible": [number == other for other in range(len(points))]}],
        }
        for number, name in enumerate(points)
    ]
    return {
        "steps": steps,
        "currentvalue": {"prefix": "front point at "},
        "pad": {"t": 110},
        "bgcolor": "rgba(128,128,128,0.3)",
        "activebgcolor": "rgba(128,128,128,0.6)",
        "bordercolor": "rgba(128,128,128,0.5)",
        "tickcolor": "rgba(128,128,128,0.8)",
    }


def _short_names(rows: list[str]) -> list[str]:
    """The names of the rows, without the name of the stack if there is only one."""
    stacks = {row.rpartition(" ")[0] for row in rows if " " in row}
    if len(stacks) != 1:
        return rows
    return [f"layer {row.rpartition(' ')[2]}" if " " in row else row for row in rows]


def _caption(results: Results, points: int, rows: int, in_all: int) -> str:
    return told(
        "The share of zero weights in each matrix, in %. Rows are layers and columns are the "
        "matrices in them; a matrix in no numbered layer has a row of its own and is in the column "
        f'"{ALONE}". The page shows one point of the front at a time; the static figure shows the '
        "densest, a middle one and the sparsest.",
        thin.note(points, len(results.front), "points of the front"),
        thin.note(rows, in_all, "rows"),
    )
