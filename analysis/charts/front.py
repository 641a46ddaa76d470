"""The Pareto front with its intervals over all evaluations, against the dense baseline.

On validation, which chose the points, until they are confirmed; then their test figures lead, and
what validation said stays visible, faintly, with the runners-up that were retrained beside them.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.charts import style
from analysis.charts.chart import chart_of_panels
from analysis.charts.frontier import (
    TEST,
    dense_level,
    is_stopped,
    leads_with_test,
    on_test,
    on_validation,
    step,
)
from analysis.charts.panels import Axis, Panel, Series
from analysis.charts.style import GREY, ORANGE, SKY
from analysis.results import Results
from analysis.tables import thin


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
            opacity=0.8 if hollow else 0.6,
            notes=style.notes(part),
        )
        for label, part, hollow in kinds
        if len(part)
    ]


def _dense(results: Results) -> dict[str, Any] | None:
    """The dense model's figures on the split that leads."""
    return results.test_baseline if leads_with_test(results) else results.baseline


def _thinned(results: Results) -> pd.DataFrame:
    """The candidates that are drawn."""
    across, up = style.axes_of(results.directions)
    table = results.candidates
    return table.iloc[thin.spread(style.values(table, across), style.values(table, up))]


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
            notes=style.notes(front),
        )
    ]


def _runners_up(results: Results, across: str) -> list[Series]:
    """Retrained points that were not on the front: means over their seeds, on test."""
    table = results.confirmation
    rows = table[table["why"].eq("runner-up").fillna(False)]
    if rows.empty or across not in rows:
        return []
    keys = ["trial_id", "epoch"]
    means = rows.groupby(keys, as_index=False)[[across]].mean()
    means = means.merge(results.confirmed_points, on=keys)
    shown = {name: style.values(means, f"{TEST}{name}", "accuracy") for name in ("_low", "_high")}
    return [
        Series(
            label=f"runner-up on test ({len(means):,})",
            x=style.values(means, across),
            y=style.values(means, TEST, "accuracy"),
            colour=ORANGE,
            marker="diamond",
            size=6,
            low=shown["_low"],
            high=shown["_high"],
            notes=style.notes(means),
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
    if results.constraints:
        parts.append("Evaluations that break a constraint of the search are not on the front.")
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
