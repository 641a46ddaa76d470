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
    across, up = style.axes_of(results.directions)
    rows = results.front if front is None else front
    ends = ("accuracy_low", "accuracy_high") if up == "accuracy" else ()
    return _drawn(results, rows, (across, up), (up, *ends), label, look)


def on_test(results: Results, label: str, look: Look = LEAD) -> list[Series]:
    """The front's points on test, joined over those that none of them beats there."""
    across, up = style.axes_of(results.directions)
    known = results.front[results.front[TEST].notna()]
    columns = (TEST, f"{TEST}_low", f"{TEST}_high")
    return _drawn(results, known, (across, up), columns, label, look)


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
    return "up-then-right" if directions[across] == "max" else "right-then-up"


def is_stopped(table: pd.DataFrame) -> BoolArray:
    """Which rows, (rows,), are of a trial that was stopped."""
    return np.asarray(table["status"].eq("stopped").fillna(False), dtype=np.bool_)


def _drawn(
    results: Results,
    front: pd.DataFrame,
    axes: tuple[str, str],
    columns: tuple[str, ...],
    label: str,
    look: Look,
) -> list[Series]:
    """A front's line, then its points; those of stopped trials hollow.

    ``columns``: of the vertical figure and, if it has them, of the ends of its interval.
    """
    across, up = axes
    front = front.sort_values(across, kind="stable")
    x = style.values(front, across)
    points = np.column_stack([style.values(front, name, up) for name in columns])
    line = _line(results.directions, axes, (x, points[:, 0]), label, look)
    marks = _marks(front, x, points, "" if line else label, look)
    return [one for one in (*line, *marks) if len(one.x)]


def _line(
    directions: dict[str, str],
    axes: tuple[str, str],
    points: tuple[FloatArray, FloatArray],
    label: str,
    look: Look,
) -> list[Series]:
    """The step line over the points that none of them beats; none in a projection."""
    line, (x, y) = step(directions, *axes), points
    if line == "none":
        return []
    ways = [directions[axis] for axis in axes]
    best = nondominated(np.column_stack([x, y]), ways, keep_duplicates=True)
    given: dict[str, Any] = {"line": line, "dash": look.dash, "width": 2}
    return [Series(label, x[best], y[best], look.colour, **given)]


def _marks(
    front: pd.DataFrame, x: FloatArray, points: FloatArray, label: str, look: Look
) -> list[Series]:
    """The points, full ones and hollow ones, with their intervals if ``points`` has their ends."""
    stopped, notes = is_stopped(front), style.notes(front)
    series = []
    for hollow in (False, True):
        own = stopped == hollow
        ends = {"low": points[own, 1], "high": points[own, 2]} if points.shape[1] > 1 else {}
        shown: dict[str, Any] = {"marker": look.marker, "hollow": hollow, "size": 7, **ends}
        own_notes = [note for note, is_own in zip(notes, own, strict=True) if is_own]
        series.append(Series(label, x[own], points[own, 0], look.colour, notes=own_notes, **shown))
    return series
