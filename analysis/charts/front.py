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
    dense_level,
    dots,
    drawn,
    intervals,
    is_stopped,
    leads_with_test,
    step,
)
from analysis.charts.panels import Axis, Panel, Series
from analysis.charts.style import GREY, ORANGE, SKY, Look, Scale
from analysis.format import MetricFormat
from analysis.results import Results
from analysis.tables import thin

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def view(results: Results) -> View | str:
    """One panel; none without a finished evaluation."""
    if results.candidates.empty:
        missing = "trials" if results.trials.empty else "finished evaluation"
        return f"The sweep has no {missing} yet."
    axes = across, up = style.axes_of(results)
    table, front = results.candidates, results.front.sort_values(across.name, kind="stable")
    kept = table.iloc[thin.spread(style.values(table, across), style.values(table, up))]
    series = _cloud(kept, axes)
    if leads_with_test(results):
        label = MetricFormat(results.metric).label()
        title, on_test = "on test, retrained under fresh seeds", front[results.metric.test]
        series += [_faint(front, axes, results.directions), *_runners_up(results, axes)]
        series += drawn(results, f"front on test ({on_test.count():,})", on_test=True)
        dense = dense_level(results, on_test=True)
    else:
        label, title = up.label, "on validation, not confirmed on test"
        series += drawn(results, f"Pareto front ({len(front):,})")
        dense = dense_level(results)
    title = f"{results.name}: {title}"
    across_axis = Axis(across.label)
    panel = Panel(across_axis, Axis(label), title, series, levels=dense, height=400)
    note = thin.note(len(kept), len(table), "evaluations")
    return Panels(told(*_sentences(results, bool(dense)), note), [panel])


def draw(results: Results) -> Figure | None:
    """The front as a matplotlib figure; None where there is no point."""
    seen = view(results)
    return None if isinstance(seen, str) else seen.static()


def _cloud(kept: pd.DataFrame, axes: tuple[Scale, Scale]) -> list[Series]:
    """Candidates; those of stopped trials hollow."""
    stopped = is_stopped(kept)
    given: dict[str, Any] = {"axes": axes, "look": Look(GREY), "size": 4}
    full = dots("evaluation", kept[~stopped], **given, opacity=0.6)
    hollow = dots("of a stopped trial", kept[stopped], **given, hollow=True, opacity=0.8)
    return [one for one in (full, hollow) if len(one.x)]


def _faint(front: pd.DataFrame, axes: tuple[Scale, Scale], directions: dict[str, str]) -> Series:
    """What validation said of the front's points, in the background."""
    shown: dict[str, Any] = {"hollow": True, "size": 4.5, "width": 1.2, "opacity": 0.8}
    line, look = step(directions, *axes), Look(SKY, "square", "dot")
    return dots("the same on validation", front, axes, look, line=line, dash=look.dash, **shown)


def _runners_up(results: Results, axes: tuple[Scale, Scale]) -> list[Series]:
    """Retrained points that were not on the front: means over their seeds, on test."""
    across, up = axes
    table = results.confirmation
    rows = table[table["why"].eq("runner-up").fillna(False)]
    if rows.empty or across.name not in rows:
        return []
    keys, test = ["trial_id", "epoch"], results.metric.test
    means = rows.groupby(keys, as_index=False)[[across.name]].mean()
    means = means.merge(results.confirmed_points, on=keys)
    label, look = f"runner-up on test ({len(means):,})", Look(ORANGE, "diamond")
    return [dots(label, means, axes, look, test, ends=intervals(means, test, up))]


def _sentences(results: Results, has_dense: bool) -> list[str]:
    """The caption; "" where a sentence does not apply."""
    axes = style.axes_of(results)
    names, shown = ", ".join(results.directions), {axis.name for axis in axes}
    is_primary = axes[1].name == results.metric.name
    projection = f"A projection: the front is of {names}, so points here may look beaten."
    form = MetricFormat(results.metric)
    margin = f"one point (1 % of {results.metric.name})" if results.metric.is_share else "1 %"
    dense = f"Green: the dense model, and {margin} {form.side(1.0)} it."
    constraints = "Evaluations that break a constraint of the search are not on the front."
    return [
        _what_is_seen(results, is_primary),
        projection if shown != set(results.directions) else "",
        dense if has_dense and is_primary else "",
        "Hollow: of trials that were stopped early.",
        constraints if results.constraints else "",
    ]


def _what_is_seen(results: Results, is_primary: bool) -> str:
    if not leads_with_test(results):
        ends = f" Bars: 95 %{results.interval_name} intervals." if is_primary else ""
        return (
            "Blue: the points that no other beats, on validation, which chose them: they flatter "
            f"themselves until they are confirmed on test.{ends} Grey: all finished evaluations."
        )
    waiting = int(results.front[results.metric.test].isna().sum())
    more = f" {waiting:,} of the front's points have no test figure yet." if waiting else ""
    return (
        "Blue: the front's points on test, retrained under fresh seeds, means with 95 % intervals; "
        "the line joins those that none of them beats there. Dotted: what validation said when it "
        f"chose them. Orange: runners-up, retrained too. Grey: evaluations on validation.{more}"
    )


FRONT = Chart("front", "The Pareto front", view)
