"""The parts of a front that several charts draw: its step line, its points and the dense model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis.charts import style
from analysis.charts.panels import Axis, Level, Line, Series
from analysis.charts.style import BLUE, GREEN, Look
from analysis.format import MetricFormat
from analysis.results import Results
from sweep.pareto import BoolArray, FloatArray, nondominated

LEAD = Look(BLUE)


def leads_with_test(results: Results) -> bool:
    """Whether the primary metric is drawn and known on test for at least one point."""
    _, up = style.axes_of(results)
    return up.name == results.metric.name and results.reported.split == "test"


def drawn(
    results: Results,
    label: str,
    look: Look = LEAD,
    *,
    on_test: bool = False,
    front: pd.DataFrame | None = None,
) -> list[Series]:
    """The step line of a front, unless the picture is a projection, and its points.

    The line joins the points that are non-dominated on validation or, with ``on_test``, on test, as
    far as they are confirmed. Points of stopped trials are hollow. ``front`` replaces the front of
    ``results``.
    """
    axes = across, up = style.axes_of(results)
    column = results.metric.test if on_test else up.name
    rows = (results.front if front is None else front).sort_values(across.name, kind="stable")
    rows = rows[rows[column].notna()] if on_test else rows
    line, series = step(results.directions, *axes), []
    if line != "none":
        x, y = style.values(rows, across), style.values(rows, up, column)
        ways = [results.directions[axis.name] for axis in axes]
        best = nondominated(np.column_stack([x, y]), ways, keep_duplicates=True)
        whole = Series(label, x[best], y[best], look.colour, line=line, dash=look.dash, width=2)
        series, label = [whole], ""
    for hollow in (False, True):
        own = rows[is_stopped(rows) == hollow]
        shown = {"hollow": hollow, "size": 7, "ends": intervals(own, column, up)}
        series.append(dots(label, own, axes, look, column, **shown))
    return [one for one in series if len(one.x)]


def dots(
    label: str,
    table: pd.DataFrame,
    axes: tuple[Axis, Axis],
    look: Look,
    column: str | None = None,
    **shown: Any,
) -> Series:
    """Evaluations as points, with their names as notes.

    ``column`` is drawn upwards, if it has another name than the axis (``test_accuracy``).
    """
    across, up = axes
    x, y = style.values(table, across), style.values(table, up, column)
    return Series(label, x, y, look.colour, look.marker, notes=style.notes(table), **shown)


def intervals(table: pd.DataFrame, column: str, up: Axis) -> tuple[FloatArray, FloatArray] | None:
    """The lower and upper ends of the intervals of the rows; None if the column has none."""
    if f"{column}_low" not in table:
        return None
    return style.values(table, up, f"{column}_low"), style.values(table, up, f"{column}_high")


def dense_level(results: Results, *, on_test: bool = False) -> list[Level]:
    """The line of the dense model; for the primary metric with a band of the values near it."""
    _, up = style.axes_of(results)
    metric, form = results.metric, MetricFormat(results.metric)
    level = ((results.test_baseline if on_test else results.baseline) or {}).get(up.name)
    if not isinstance(level, int | float):
        return []
    is_primary = up.name == metric.name
    margin = results.margin("test" if on_test else "validation") if is_primary else None
    band, percent = up.factor * (margin or 0.0), " %" * (is_primary and metric.is_share)
    return [
        Level(
            label=f"dense ({level * up.factor:.4g}{percent})",
            y=level * up.factor,
            colour=GREEN,
            below=band if metric.direction == "max" else -band,
            below_label=form.near,
        )
    ]


def step(directions: dict[str, str], across: Axis, up: Axis) -> Line:
    """How the points of a front are joined: by the best value reached at x or better.

    The line steps towards the worse side of x. There is none if the objectives are not exactly the
    two that are drawn: then the picture is a projection, in which a point of the front may look
    dominated.
    """
    if set(directions) != {across.name, up.name}:
        return "none"
    return "vh" if directions[across.name] == "max" else "hv"


def is_stopped(table: pd.DataFrame) -> BoolArray:
    """Which rows belong to a stopped trial, shape (rows,)."""
    return np.asarray(table["status"].eq("stopped").fillna(False), dtype=np.bool_)
