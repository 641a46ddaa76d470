"""The metric against sparsity: one panel per method and scope, each with the whole front."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from analysis.charts import style
from analysis.charts.frontier import dense_level, dots, drawn
from analysis.charts.panels import Axis, Panel, Panels, Series
from analysis.charts.style import BLUE, GREY, ORANGE, Look
from analysis.format import paragraph
from analysis.results import Results
from analysis.tables import thin
from analysis.tables.front import contenders, objectives
from sweep.pareto import nondominated

COLUMNS = 2
MOST_PANELS = 12

_PER_PANEL = 300


def combinations(results: Results) -> list[tuple[str, pd.DataFrame]]:
    """The candidates of each method and scope, by name; at most the ``MOST_PANELS`` combinations
    with most evaluations."""
    keys = ["param_method", "param_scope"]
    table = results.candidates
    named = table.assign(**{key: table[key].fillna("not set") for key in keys})
    groups = {" ".join(map(str, key)): part for key, part in named.groupby(keys, sort=True)}
    largest = sorted(groups, key=lambda name: -len(groups[name]))[:MOST_PANELS]
    return [(name, part) for name, part in groups.items() if name in largest]


def view(results: Results) -> Panels | str:
    """One panel per combination, all with the same range of their axes."""
    if results.candidates.empty:
        return "There is no finished evaluation of any method yet."
    axes = style.axes_of(results)
    found = combinations(results)
    x, y = (_whole(results.candidates, axis) for axis in axes)
    whole = [
        replace(series, label="whole front") for series in _front_line(results, results.candidates)
    ]
    level = [replace(one, below=0.0) for one in dense_level(results)]
    panels = [
        Panel(
            across=x if place + COLUMNS >= len(found) else replace(x, label="", hover=x.label),
            up=y if place % COLUMNS == 0 else replace(y, label="", hover=y.label),
            title=f"{name} ({len(part):,})",
            series=[*whole, *_evaluations(part, axes), *_front_line(results, part, BLUE)],
            levels=level,
            height=200,
        )
        for place, (name, part) in enumerate(found)
    ]
    return Panels(_caption(results, panels, found), panels, COLUMNS)


def _whole(table: pd.DataFrame, axis: Axis) -> Axis:
    """The axis over the range of its column, with a margin."""
    numbers, short = style.values(table, axis), replace(axis, label=style.short(axis.label))
    if not np.isfinite(numbers).any():
        return short
    low, high = float(np.nanmin(numbers)), float(np.nanmax(numbers))
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    return replace(short, ends=(low - margin, high + margin))


def _evaluations(part: pd.DataFrame, axes: tuple[Axis, Axis]) -> list[Series]:
    """The evaluations after pruning alone, and those after finetuning."""
    x, y = (style.values(part, axis) for axis in axes)
    kept = part.iloc[thin.spread(x, y, _PER_PANEL)]
    is_pruned = kept["stage"].eq("pruned").fillna(False)
    pruned, recovered = kept[is_pruned], kept[~is_pruned]
    before: dict[str, Any] = {"look": Look(ORANGE, "triangle-up"), "hollow": True, "opacity": 0.8}
    after: dict[str, Any] = {"look": Look(BLUE), "opacity": 0.5}
    series = (
        dots("pruned, not finetuned", pruned, axes, size=4, **before),
        dots("recovered", recovered, axes, size=4, **after),
    )
    return [one for one in series if len(one.x)]


def _front_line(results: Results, part: pd.DataFrame, colour: str = GREY) -> list[Series]:
    """The step line of the non-dominated points of ``part``."""
    pool = contenders(part, results.constraints)
    points = objectives(pool, results.directions)
    best = pool[nondominated(points, list(results.directions.values()), keep_duplicates=False)]
    series = drawn(results, "front of the combination", Look(colour), front=best)
    return [replace(one, width=1.6) for one in series if one.line != "none"]


def _caption(results: Results, panels: list[Panel], found: list[tuple[str, pd.DataFrame]]) -> str:
    across, up = (axis.label for axis in style.axes_of(results))
    shown = sum(len(one.x) for panel in panels for one in panel.series if one.marker)
    in_all = results.candidates.groupby(["param_method", "param_scope"], dropna=False).ngroups
    most = f"The {len(found)} combinations with most evaluations of {in_all} are shown."
    return paragraph(
        f"Horizontal: {across}; vertical: {up}. All panels have the same axes; the number of "
        "evaluations is in brackets. Blue line: the front of this method and scope alone; grey "
        "line: the front of all together. Green: the dense model. Orange: after pruning alone; "
        "blue: after finetuning.",
        thin.note(shown, sum(len(part) for _, part in found), "evaluations"),
        most if in_all > len(found) else "",
    )
