"""Where the zeros are: the sparsity of each matrix, layer by layer, at points of the front."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.charts.chart import Chart, once
from analysis.charts.page import html_text
from analysis.charts.static import math_free
from analysis.results import Results
from analysis.tables import thin
from sweep.pareto import FloatArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_POINTS = 12
"""Of the front, in the interactive figure, one at a time; ``ON_PAPER`` of them side by side."""
ON_PAPER = 3
MOST_ROWS = 48
COLOURS = "cividis"
ALONE = "itself"
"""The column of a matrix that is in no numbered layer."""

_NUMBERED = re.compile(r"^(?P<stack>.*?)\.(?P<layer>\d+)\.(?P<matrix>.+)$")


@dataclass(frozen=True)
class Grid:
    """``shares`` (points, rows, columns): sparsity in %, NaN where there is no such matrix."""

    rows: list[str]
    columns: list[str]
    shares: FloatArray
    points: list[str]
    """What each point is: its sparsity, trial and epoch."""
    rows_in_all: int


def place(name: str) -> tuple[str, str]:
    """The row and the column of a matrix by its name.

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


@once
def grid(results: Results) -> Grid | None:
    """The layers at the front's points, thinned to ``MOST_POINTS``; None where none is known.

    Rows and columns stand in the model's order. Rows of the only numbered stack are called "layer
    3"; with several stacks, by their whole names.
    """
    table = results.layer_table()
    if table is None:
        return None
    known = table.dropna(axis="columns", how="all")
    known = known.iloc[:, thin.evenly(known.shape[1], MOST_POINTS)]
    places = [place(str(name)) for name in known.index]
    rows = list(dict.fromkeys(row for row, _ in places))
    columns = list(dict.fromkeys(column for _, column in places))
    columns.sort(key=lambda column: column == ALONE)
    shares = np.full((known.shape[1], len(rows), len(columns)), np.nan)
    for number, (row, column) in enumerate(places):
        at = (rows.index(row), columns.index(column))
        shares[:, at[0], at[1]] = 100 * known.iloc[number].to_numpy(np.float64)
    kept = thin.evenly(len(rows), MOST_ROWS)
    names = _short_names([rows[at] for at in kept])
    return Grid(names, columns, shares[:, kept], _points(results, known), len(rows))


def interactive(results: Results) -> Any | None:
    """A heat map with a slider over the front's points."""
    import plotly.graph_objects as go

    from analysis.charts.page import dress, floats

    found = grid(results)
    if found is None:
        return None
    figure = go.Figure()
    for number, name in enumerate(found.points):
        figure.add_trace(
            go.Heatmap(
                z=floats(found.shares[number]),
                x=[html_text(column) for column in found.columns],
                y=[html_text(row) for row in found.rows],
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
    dress(figure, 26.0 * len(found.rows) + 40, has_labels=False)
    figure.update_yaxes(autorange="reversed", showgrid=False, type="category")
    figure.update_xaxes(showgrid=False, type="category")
    figure.update_layout(sliders=[_slider(found)], height=figure.layout.height + 150)
    return figure


def static(results: Results) -> Figure | None:
    """Heat maps of the densest point, the middle one and the sparsest, side by side."""
    from matplotlib.figure import Figure

    from analysis.charts.static import WIDTH

    found = grid(results)
    if found is None:
        return None
    shown = thin.evenly(len(found.points), ON_PAPER)
    height = 0.26 * len(found.rows) + 2.2
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    panels = figure.subplots(1, len(shown), squeeze=False, sharey=True)[0]
    for axes, number in zip(panels, shown, strict=True):
        image = axes.imshow(
            found.shares[number], vmin=0, vmax=100, cmap=COLOURS, aspect="auto", rasterized=True
        )
        axes.set_title(math_free(found.points[number].replace(": ", ":\n")), fontsize=9)
        axes.set_xticks(range(len(found.columns)), [math_free(one) for one in found.columns])
        axes.tick_params(axis="x", rotation=90, labelsize=8)
        axes.set_yticks(range(len(found.rows)), [math_free(row) for row in found.rows], fontsize=8)
        axes.set_facecolor("#EEEEEE")
    figure.colorbar(image, ax=list(panels), label="zeros (% of the matrix)", shrink=0.9)
    return figure


def _slider(found: Grid) -> dict[str, Any]:
    steps = [
        {
            "method": "update",
            "label": html_text(name.split(":")[0]),
            "args": [{"visible": [number == other for other in range(len(found.points))]}],
        }
        for number, name in enumerate(found.points)
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
    """Names without the stack, where there is one stack only, and without what all others share."""
    stacks = {row.rpartition(" ")[0] for row in rows if " " in row}
    if len(stacks) != 1:
        return rows
    return [f"layer {row.rpartition(' ')[2]}" if " " in row else row for row in rows]


def _points(results: Results, known: pd.DataFrame) -> list[str]:
    front = results.front
    names = [f"{t}:{e}" for t, e in zip(front["trial_id"], front["epoch"], strict=True)]
    sparsity = dict(zip(names, front["sparsity"], strict=True))
    return [
        f"{100 * sparsity[point]:.1f} %: {point.replace(':', ', epoch ')}"
        for point in known.columns
    ]


def _caption(results: Results) -> str:
    found = grid(results)
    if found is None:
        return ""
    parts = [
        "How many weights of each matrix are zero, in %: rows are layers, columns the matrices in "
        "them; a matrix in no numbered layer has a row of its own and stands under "
        f'"{ALONE}". Of the front\'s points: one at a time in the page; the densest, a middle one '
        "and the sparsest on paper.",
        thin.note(len(found.points), len(results.front), "points of the front"),
        thin.note(len(found.rows), found.rows_in_all, "rows"),
    ]
    return " ".join(part for part in parts if part)


def _empty(results: Results) -> str:
    if results.front.empty:
        return "There is no front yet, so no layers to look at."
    return (
        "The ledger does not say in which matrices the zeros are: an older version wrote it, or "
        "its task has no matrices."
    )


LAYERS = Chart("layers", "Where the zeros are", _caption, interactive, static, _empty)
