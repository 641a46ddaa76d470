"""A front as all charts draw it: its step line, its points, and the line of the dense model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis.charts import style
from analysis.charts.panels import Level, Line, Series
from analysis.charts.style import BLUE, GREEN, Look
from analysis.results import Results
from sweep.pareto import BoolArray, FloatArray, nondominated

TEST = "test_accuracy"
LEAD = Look(BLUE)


def leads_with_test(results: Results) -> bool:
    """Whether accuracy is what is drawn, and known on test for some point at least."""
    _, up = style.axes_of(results.directions)
    return up == "accuracy" and bool(results.front[TEST].notna().any())


def on_validation(
    results: Results,
    label: str,
    look: Look = LEAD,
    front: pd.DataFrame | None = None,
) -> list[Series]:
    """The front on validation, which chose it; or another one of the same objectives."""
    _, up = style.axes_of(results.directions)
    rows = results.front if front is None else front
    return _drawn(results, rows, up, label, look)


def on_test(results: Results, label: str, look: Look = LEAD) -> list[Series]:
    """The front's points on test, joined over those that none of them beats there."""
    known = results.front[results.front[TEST].notna()]
    return _drawn(results, known, TEST, label, look)


def dots(
    label: str,
    table: pd.DataFrame,
    axes: tuple[str, str],
    look: Look,
    column: str | None = None,
    **shown: Any,
) -> Series:
    """Evaluations as points that say which they are.

    ``column``: what is drawn upwards, where it is not named as the axis is (``test_accuracy``).
    """
    across, up = axes
    x, y = style.values(table, across), style.values(table, column or up, up)
    return Series(label, x, y, look.colour, look.marker, notes=style.notes(table), **shown)


def intervals(table: pd.DataFrame, column: str, up: str) -> tuple[FloatArray, FloatArray] | None:
    """The ends of each row's interval, where there are any."""
    if f"{column}_low" not in table:
        return None
    return style.values(table, f"{column}_low", up), style.values(table, f"{column}_high", up)


def dense_level(figures: dict[str, Any] | None, up: str) -> list[Level]:
    """The dense model by its ``figures``, with a band of one point below it for accuracies."""
    level = (figures or {}).get(up)
    if not isinstance(level, int | float):
        return []
    factor, is_share = style.scale(up).factor, up == "accuracy"
    return [
        Level(
            label=f"dense ({level * factor:.4g}{' %' if is_share else ''})",
            y=level * factor,
            colour=GREEN,
            below=style.ONE_POINT * factor if is_share else 0.0,
            below_label="within one point of dense",
        )
    ]


def step(directions: dict[str, str], across: str, up: str) -> Line:
    """How a front is joined: what is reached at x or better, a step towards the worse side of x.

    More than two objectives, or others than the two that are drawn, have no step line: there the
    picture is a projection, in which a point that looks beaten may not be.
    """
    if set(directions) != {across, up}:
        return "none"
    return "vh" if directions[across] == "max" else "hv"


def is_stopped(table: pd.DataFrame) -> BoolArray:
    """Which rows, (rows,), are of a trial that was stopped."""
    return np.asarray(table["status"].eq("stopped").fillna(False), dtype=np.bool_)


def _drawn(
    results: Results, front: pd.DataFrame, column: str, label: str, look: Look
) -> list[Series]:
    """A front's step line, unless it is a projection; then its points, stopped trials' hollow.

    The line is over the points that none of them beats.
    """
    axes = style.axes_of(results.directions)
    front, line = front.sort_values(axes[0], kind="stable"), step(results.directions, *axes)
    drawn = []
    if line != "none":
        x, y = style.values(front, axes[0]), style.values(front, column, axes[1])
        ways = [results.directions[axis] for axis in axes]
        best = nondominated(np.column_stack([x, y]), ways, keep_duplicates=True)
        whole = Series(label, x[best], y[best], look.colour, line=line, dash=look.dash, width=2)
        drawn, label = [whole], ""
    for hollow in (False, True):
        own = front[is_stopped(front) == hollow]
        shown = {"hollow": hollow, "size": 7, "ends": intervals(own, column, axes[1])}
        drawn.append(dots(label, own, axes, look, column, **shown))
    return [one for one in drawn if len(one.x)]
