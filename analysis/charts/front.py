"""The Pareto front with its intervals over all evaluations, against the dense baseline.

On validation, which chose the points, until they are confirmed; then their test figures lead, and
what validation said stays visible, faintly, with the runners-up that were retrained beside them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.charts import style, thin
from analysis.charts.chart import chart_of_panels
from analysis.charts.panels import Axis, Level, Line, Panel, Series
from analysis.charts.save import save
from analysis.charts.style import BLUE, GREEN, GREY, ORANGE, SKY, Look
from analysis.pareto import BoolArray, nondominated
from analysis.results import Results

TEST = "test_accuracy"
LEAD = Look(BLUE)


def panels(results: Results) -> list[Panel]:
    """One panel; none without a finished evaluation."""
    if results.candidates.empty:
        return []
    across, up = style.axes_of(results.directions)
    series = cloud(results)
    if leads_with_test(results):
        label, title = "accuracy (%)", "on test, retrained under fresh seeds"
        series += [*_faint(results, across), *_runners_up(results, across)]
        series += on_test(results, f"front on test ({results.front[TEST].count():,})")
    else:
        label, title = style.scale(up).label, "on validation, not confirmed on test"
        series += on_validation(results, f"Pareto front ({len(results.front):,})")
    across_axis, levels = Axis(style.scale(across).label), dense_level(_dense(results), up)
    title = f"{results.name}: {title}"
    return [Panel(across_axis, Axis(label), title, series, levels=levels, height=400)]


def leads_with_test(results: Results) -> bool:
    """Whether accuracy is what is drawn, and known on test for some point at least."""
    _, up = style.axes_of(results.directions)
    return up == "accuracy" and bool(results.front[TEST].notna().any())


def cloud(results: Results) -> list[Series]:
    """All candidates, thinned; those of stopped trials hollow."""
    kept = _thinned(results)
    stopped = is_stopped(kept)
    kinds = (("evaluation", kept[~stopped], False), ("of a stopped trial", kept[stopped], True))
    across, up = style.axes_of(results.directions)
    return [
        Series(
            label=label,
            x=style.values(part, across),
            y=style.values(part, up),
            colour=GREY,
            marker="circle",
            hollow=hollow,
            size=4,
            opacity=0.8 if hollow else 0.45,
            notes=[style.where_it_is(row) for row in part.itertuples()],
        )
        for label, part, hollow in kinds
        if len(part)
    ]


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


def save_front(results: Results, folder: str | Path) -> list[Path]:
    """Draw the front to ``folder``/front.png and front.svg, if there is one."""
    figure = FRONT.static(results)
    return save(figure, folder, FRONT.key) if figure is not None else []


def _dense(results: Results) -> dict[str, Any] | None:
    """The dense model's figures on the split that leads."""
    return results.test_baseline if leads_with_test(results) else results.baseline


def _thinned(results: Results) -> pd.DataFrame:
    """The candidates that are drawn."""
    across, up = style.axes_of(results.directions)
    table = results.candidates
    return table.iloc[thin.spread(style.values(table, across), style.values(table, up))]


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
    line = step(results.directions, across, up)
    points = np.column_stack([style.values(front, name, up) for name in columns])
    x = style.values(front, across)
    series = []
    if line != "none" and len(front):
        ways = [results.directions[across], results.directions[up]]
        best = nondominated(np.column_stack([x, points[:, 0]]), ways, keep_duplicates=True)
        given: dict[str, Any] = {"line": line, "dash": look.dash, "width": 2}
        series.append(Series(label, x[best], points[best, 0], look.colour, **given))
    stopped, notes = is_stopped(front), [style.where_it_is(row) for row in front.itertuples()]
    for hollow in (False, True):
        own = stopped == hollow
        ends = {"low": points[own, 1], "high": points[own, 2]} if len(columns) > 1 else {}
        series.append(
            Series(
                label="" if line != "none" else label,
                x=x[own],
                y=points[own, 0],
                colour=look.colour,
                marker=look.marker,
                hollow=hollow,
                size=7,
                notes=[note for note, is_own in zip(notes, own, strict=True) if is_own],
                **ends,
            )
        )
    return [one for one in series if len(one.x)]


def _faint(results: Results, across: str) -> list[Series]:
    """What validation said of the front's points, in the background."""
    front = results.front.sort_values(across, kind="stable")
    return [
        Series(
            label="the same on validation",
            x=style.values(front, across),
            y=style.values(front, "accuracy"),
            colour=SKY,
            marker="square",
            hollow=True,
            size=4.5,
            line=step(results.directions, across, "accuracy"),
            dash="dot",
            width=1.2,
            opacity=0.8,
            notes=[style.where_it_is(row) for row in front.itertuples()],
        )
    ]


def _runners_up(results: Results, across: str) -> list[Series]:
    """Retrained points that were not on the front: means over their seeds, on test."""
    table = results.confirmation
    rows = table[table["why"].eq("runner-up").fillna(False)]
    if rows.empty or across not in rows:
        return []
    means = rows.groupby(["trial_id", "epoch"], as_index=False)[[across, "accuracy"]].mean()
    return [
        Series(
            label=f"runner-up on test ({len(means):,})",
            x=style.values(means, across),
            y=style.values(means, "accuracy"),
            colour=ORANGE,
            marker="diamond",
            size=6,
            notes=[style.where_it_is(row) for row in means.itertuples()],
        )
    ]


def _caption(results: Results) -> str:
    across, up = style.axes_of(results.directions)
    parts = [_what_is_seen(results, up)]
    if step(results.directions, across, up) == "none":
        names = ", ".join(results.directions)
        parts.append(f"A projection: the front is of {names}, so points here may look beaten.")
    if dense_level(_dense(results), up) and up == "accuracy":
        parts.append("Green: the dense model, and one point (1 % of accuracy) below it.")
    parts.append("Hollow: of trials that were stopped early.")
    parts.append(thin.note(len(_thinned(results)), len(results.candidates), "evaluations"))
    return " ".join(part for part in parts if part)


def _what_is_seen(results: Results, up: str) -> str:
    if not leads_with_test(results):
        ends = " Bars: 95 % Wilson intervals." if up == "accuracy" else ""
        return (
            "Blue: the points that no other beats, on validation, which chose them: they flatter "
            f"themselves until they are confirmed on test.{ends} Grey: all finished evaluations."
        )
    waiting = int(results.front[TEST].isna().sum())
    more = f" {waiting:,} of the front's points have no test figure yet." if waiting else ""
    return (
        "Blue: the front's points on test, retrained under fresh seeds, means with 95 % intervals; "
        "the line joins those that none of them beats there. Dotted: what validation said when it "
        f"chose them. Orange: runners-up, retrained too. Grey: evaluations on validation.{more}"
    )


def _empty(results: Results) -> str:
    if results.trials.empty:
        return "The sweep has no trials yet."
    return "The sweep has no finished evaluation yet."


FRONT = chart_of_panels("front", "The Pareto front", panels, caption=_caption, empty=_empty)
