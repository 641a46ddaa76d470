"""The Pareto front with its intervals, all evaluations and the dense baseline.

Values are on validation, where the search selected the points, until the points are confirmed. Then
the values on test are in the foreground, with the retrained runners-up; the values on validation
stay visible in the background.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.charts import static, style
from analysis.charts.frontier import (
    dense_level,
    dots,
    drawn,
    intervals,
    is_stopped,
    leads_with_test,
    step,
)
from analysis.charts.panels import Axis, Panel, Panels, Series
from analysis.charts.style import GREY, ORANGE, SKY, Look
from analysis.format import MetricFormat, paragraph
from analysis.results import Results
from analysis.tables import thin

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def view(results: Results) -> Panels | str:
    """One panel, unless there is no finished evaluation."""
    if results.candidates.empty:
        missing = "trials" if results.trials.empty else "finished evaluation"
        return f"The sweep has no {missing} yet."
    axes = across, up = style.axes_of(results)
    table, front = results.candidates, results.front.sort_values(across.name, kind="stable")
    kept = table.iloc[thin.spread(style.values(table, across), style.values(table, up))]
    series = _cloud(kept, axes)
    if leads_with_test(results):
        label = MetricFormat(results.metric).label("test")
        title, on_test = "on test, retrained under fresh seeds", front[results.metric.test]
        series += [_faint(front, axes, results.directions), *_runners_up(results, axes)]
        series += drawn(results, f"front on test ({on_test.count():,})", on_test=True)
        dense = dense_level(results, on_test=True)
    else:
        label, title = up.label, "on validation, not confirmed on test"
        series += drawn(results, f"Pareto front ({len(front):,})")
        dense = dense_level(results)
    title = f"{results.name}: {title}"
    panel = Panel(across, Axis(label), title, series, levels=dense, height=400)
    note = thin.note(len(kept), len(table), "evaluations")
    return Panels(paragraph(*_sentences(results, bool(dense)), note), [panel])


def draw(results: Results) -> Figure | None:
    """The front as a matplotlib figure; None if there is no point."""
    seen = view(results)
    return None if isinstance(seen, str) else static.draw(seen)


def _cloud(kept: pd.DataFrame, axes: tuple[Axis, Axis]) -> list[Series]:
    """The candidates; those of stopped trials are hollow."""
    stopped = is_stopped(kept)
    given: dict[str, Any] = {"axes": axes, "look": Look(GREY), "size": 4}
    full = dots("evaluation", kept[~stopped], **given, opacity=0.6)
    hollow = dots("of a stopped trial", kept[stopped], **given, hollow=True, opacity=0.8)
    return [one for one in (full, hollow) if len(one.x)]


def _faint(front: pd.DataFrame, axes: tuple[Axis, Axis], directions: dict[str, str]) -> Series:
    """The values of the front's points on validation, in the background."""
    shown: dict[str, Any] = {"hollow": True, "size": 4.5, "width": 1.2, "opacity": 0.8}
    line, look = step(directions, *axes), Look(SKY, "square", "dot")
    return dots("the same on validation", front, axes, look, line=line, dash=look.dash, **shown)


def _runners_up(results: Results, axes: tuple[Axis, Axis]) -> list[Series]:
    """The retrained points that were not on the front: means over seeds on test."""
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
    """The sentences of the caption; "" for one that does not apply."""
    axes = style.axes_of(results)
    names, shown = ", ".join(results.directions), {axis.name for axis in axes}
    is_primary = axes[1].name == results.metric.name
    projection = (
        f"This is a projection: the front has the objectives {names}, so its points may look "
        "dominated here."
    )
    form = MetricFormat(results.metric)
    margin = f"one point (1 % of {results.metric.name})" if results.metric.is_share else "1 %"
    dense = f"Green: the dense model, and a band of {margin} {form.side(1.0)} it."
    constraints = "Evaluations that violate a constraint of the search are not on the front."
    return [
        _what_is_seen(results, is_primary),
        projection if shown != set(results.directions) else "",
        dense if has_dense and is_primary else "",
        "Hollow: evaluations of trials that were stopped early.",
        constraints if results.constraints else "",
    ]


def _what_is_seen(results: Results, is_primary: bool) -> str:
    if not leads_with_test(results):
        ends = f" Bars: 95 %{results.interval_name} intervals." if is_primary else ""
        return (
            "Blue: the non-dominated points on validation. The search selected them there, so they "
            f"look better than they are until they are confirmed on test.{ends} Grey: all finished "
            "evaluations."
        )
    waiting = int(results.front[results.metric.test].isna().sum())
    more = f" {waiting:,} of the front's points have no value on test yet." if waiting else ""
    return (
        "Blue: the front's points on test, retrained under fresh seeds, means with 95 % intervals; "
        "the line joins those that are non-dominated there. Dotted: the values on validation by "
        f"which they were selected. Orange: retrained runners-up. Grey: evaluations on validation."
        f"{more}"
    )
