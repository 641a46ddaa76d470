"""A front as all charts draw it: its step line, its points, and the line of the dense model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis.charts import style
from analysis.charts.panels import Level, Line, Series
from analysis.charts.style import BLUE, GREEN, Look, Scale
from analysis.format import MetricFormat
from analysis.results import Results
from sweep.pareto import BoolArray, FloatArray, nondominated

LEAD = Look(BLUE)


def leads_with_test(results: Results) -> bool:
    """Whether the primary metric is drawn, and known on test for some point at least."""
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
    """A front's step line, unless it is a projection; then its points, stopped trials' hollow.

    The line is over the points that none of them beats: on validation, which chose them, or
    ``on_test``, as far as they were read there. ``front``: another one of the same objectives.
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
    axes: tuple[Scale, Scale],
    look: Look,
    column: str | None = None,
    **shown: Any,
) -> Series:
    """Evaluations as points that say which they are.

    ``column``: what is drawn upwards, where it is not named as the axis is (``test_accuracy``).
    """
    across, up = axes
    x, y = style.values(table, across), style.values(table, up, column)
    return Series(label, x, y, look.colour, look.marker, notes=style.notes(table), **shown)


def intervals(table: pd.DataFrame, column: str, up: Scale) -> tuple[FloatArray, FloatArray] | None:
    """The ends of each row's interval, where there are any."""
    if f"{column}_low" not in table:
        return None
    return style.values(table, up, f"{column}_low"), style.values(table, up, f"{column}_high")


def dense_level(results: Results, *, on_test: bool = False) -> list[Level]:
    """The dense model, with a band of what is near it and worse, if the primary metric is drawn."""
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


def step(directions: dict[str, str], across: Scale, up: Scale) -> Line:
    """How a front is joined: what is reached at x or better, a step towards the worse side of x.

    More than two objectives, or others than the two that are drawn, have no step line: there the
    picture is a projection, in which a point that looks beaten may not be.
    """
    if set(directions) != {across.name, up.name}:
        return "none"
    return "vh" if directions[across.name] == "max" else "hv"


def is_stopped(table: pd.DataFrame) -> BoolArray:
    """Which rows, (rows,), are of a trial that was stopped."""
    return np.asarray(table["status"].eq("stopped").fillna(False), dtype=np.bool_)
