"""The Pareto front with its intervals over all evaluations, against the dense baseline.

On validation, which chose the points, until they are confirmed; then their test figures lead, and
what validation said stays visible, faintly, with the runners-up that were retrained beside them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.charts import style
from analysis.charts.chart import Chart, Panels, View, told
from analysis.charts.frontier import (
    TEST,
    dense_level,
    dots,
    drawn,
    intervals,
    is_stopped,
    leads_with_test,
    step,
)
from analysis.charts.panels import Axis, Panel, Series
from analysis.charts.style import GREY, ORANGE, SKY, Look
from analysis.results import Results
from analysis.tables import thin

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def view(results: Results) -> View | str:
    """One panel; none without a finished evaluation."""
    if results.candidates.empty:
        missing = "trials" if results.trials.empty else "finished evaluation"
        return f"The sweep has no {missing} yet."
    axes = across, up = style.axes_of(results.directions)
    table, front = results.candidates, results.front.sort_values(across, kind="stable")
    kept = table.iloc[thin.spread(style.values(table, across), style.values(table, up))]
    series = _cloud(kept, axes)
    if leads_with_test(results):
        label, title = "accuracy (%)", "on test, retrained under fresh seeds"
        series += [_faint(front, axes, results.directions), *_runners_up(results, axes)]
        series += drawn(results, f"front on test ({front[TEST].count():,})", on_test=True)
        dense = dense_level(results.test_baseline, up)
    else:
        label, title = style.scale(up).label, "on validation, not confirmed on test"
        series += drawn(results, f"Pareto front ({len(front):,})")
        dense = dense_level(results.baseline, up)
    title = f"{results.name}: {title}"
    across_axis = Axis(style.scale(across).label)
    panel = Panel(across_axis, Axis(label), title, series, levels=dense, height=400)
    note = thin.note(len(kept), len(table), "evaluations")
    return Panels(told(*_sentences(results, bool(dense)), note), [panel])


def draw(results: Results) -> Figure | None:
    """The front as a matplotlib figure; None where there is no point."""
    seen = view(results)
    return None if isinstance(seen, str) else seen.static()


def _cloud(kept: pd.DataFrame, axes: tuple[str, str]) -> list[Series]:
    """Candidates; those of stopped trials hollow."""
    stopped = is_stopped(kept)
    given: dict[str, Any] = {"axes": axes, "look": Look(GREY), "size": 4}
    full = dots("evaluation", kept[~stopped], **given, opacity=0.6)
    hollow = dots("of a stopped trial", kept[stopped], **given, hollow=True, opacity=0.8)
    return [one for one in (full, hollow) if len(one.x)]


def _faint(front: pd.DataFrame, axes: tuple[str, str], directions: dict[str, str]) -> Series:
    """What validation said of the front's points, in the background."""
    shown: dict[str, Any] = {"hollow": True, "size": 4.5, "width": 1.2, "opacity": 0.8}
    line, look = step(directions, *axes), Look(SKY, "square", "dot")
    return dots("the same on validation", front, axes, look, line=line, dash=look.dash, **shown)


def _runners_up(results: Results, axes: tuple[str, str]) -> list[Series]:
    """Retrained points that were not on the front: means over their seeds, on test."""
    across, up = axes
    table = results.confirmation
    rows = table[table["why"].eq("runner-up").fillna(False)]
    if rows.empty or across not in rows:
        return []
    keys = ["trial_id", "epoch"]
    means = rows.groupby(keys, as_index=False)[[across]].mean()
    means = means.merge(results.confirmed_points, on=keys)
    label, look = f"runner-up on test ({len(means):,})", Look(ORANGE, "diamond")
    return [dots(label, means, axes, look, TEST, ends=intervals(means, TEST, up))]


def _sentences(results: Results, has_dense: bool) -> list[str]:
    """The caption; "" where a sentence does not apply."""
    across, up = style.axes_of(results.directions)
    names, is_projection = ", ".join(results.directions), set(results.directions) != {across, up}
    projection = f"A projection: the front is of {names}, so points here may look beaten."
    dense = "Green: the dense model, and one point (1 % of accuracy) below it."
    constraints = "Evaluations that break a constraint of the search are not on the front."
    return [
        _what_is_seen(results, up),
        projection if is_projection else "",
        dense if has_dense and up == "accuracy" else "",
        "Hollow: of trials that were stopped early.",
        constraints if results.constraints else "",
    ]


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


FRONT = Chart("front", "The Pareto front", view)
