"""Accuracy against sparsity for each method and scope: a panel each, the whole front behind."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.charts import style
from analysis.charts.chart import chart_of_panels
from analysis.charts.frontier import dense_level, on_validation
from analysis.charts.panels import Axis, Panel, Series
from analysis.charts.style import BLUE, GREY, ORANGE, Look
from analysis.results import Results
from analysis.tables import thin
from analysis.tables.front import contenders, objectives
from sweep.pareto import nondominated

COLUMNS = 2
MOST_PANELS = 12

_PER_PANEL = 300


def combinations(results: Results) -> list[tuple[str, pd.DataFrame]]:
    """The candidates of each method and scope, by their names; those that have most evaluations
    where there are more than ``MOST_PANELS``."""
    keys = ["param_method", "param_scope"]
    table = results.candidates
    named = table.assign(**{key: table[key].fillna("not set") for key in keys})
    groups = [(" ".join(map(str, key)), part) for key, part in named.groupby(keys, sort=True)]
    largest = sorted(groups, key=lambda group: -len(group[1]))[:MOST_PANELS]
    return [group for group in groups if any(group is one for one in largest)]


def panels(results: Results) -> list[Panel]:
    """One panel a combination, all with the same ends of their axes."""
    across, up = style.axes_of(results.directions)
    found = combinations(results)
    x, y = (_axis(results.candidates, metric) for metric in (across, up))
    whole = [
        replace(series, label="whole front") for series in _front_line(results, results.candidates)
    ]
    level = [replace(one, below=0.0) for one in dense_level(results.baseline, up)]
    return [
        Panel(
            across=x if place + COLUMNS >= len(found) else replace(x, label="", hover=x.label),
            up=y if place % COLUMNS == 0 else replace(y, label="", hover=y.label),
            title=f"{name} ({len(part):,})",
            series=[*whole, *_evaluations(part, across, up), *_front_line(results, part, BLUE)],
            levels=level,
            height=200,
        )
        for place, (name, part) in enumerate(found)
    ]


def _axis(table: pd.DataFrame, metric: str) -> Axis:
    """An axis over all values of a metric, with a margin."""
    numbers = style.values(table, metric)
    if not np.isfinite(numbers).any():
        return Axis(style.short(style.scale(metric).label))
    low, high = float(np.nanmin(numbers)), float(np.nanmax(numbers))
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    return Axis(style.short(style.scale(metric).label), ends=(low - margin, high + margin))


def _evaluations(part: pd.DataFrame, across: str, up: str) -> list[Series]:
    """After pruning alone, and after finetuning."""
    kept = part.iloc[thin.spread(style.values(part, across), style.values(part, up), _PER_PANEL)]
    is_pruned = kept["stage"].eq("pruned").fillna(False)
    looks = (
        ("pruned, not finetuned", kept[is_pruned], Look(ORANGE, "triangle"), True),
        ("recovered", kept[~is_pruned], Look(BLUE), False),
    )
    return [
        Series(
            label=label,
            x=style.values(rows, across),
            y=style.values(rows, up),
            colour=look.colour,
            marker=look.marker,
            hollow=hollow,
            size=4,
            opacity=0.8 if hollow else 0.5,
            notes=style.notes(rows),
        )
        for label, rows, look, hollow in looks
        if len(rows)
    ]


def _front_line(results: Results, part: pd.DataFrame, colour: str = GREY) -> list[Series]:
    """The step line of the points of ``part`` that no other of them beats."""
    pool = contenders(part, results.constraints)
    points = objectives(pool, results.directions)
    best = pool[nondominated(points, list(results.directions.values()), keep_duplicates=False)]
    drawn = on_validation(results, "front of the combination", Look(colour), front=best)
    return [replace(one, width=1.6) for one in drawn if one.line != "none"]


def _caption(results: Results) -> str:
    across, up = (style.scale(metric).label for metric in style.axes_of(results.directions))
    found = combinations(results)
    shown = sum(len(one.x) for panel in panels(results) for one in panel.series if one.marker)
    parts = [
        f"Across: {across}; up: {up}; the same ends in all panels, the number of evaluations in "
        "brackets. Blue line: what this method and scope alone reach; grey line: what all together "
        "do. Green: the dense model. Orange: after pruning alone; blue: after finetuning.",
        thin.note(shown, sum(len(part) for _, part in found), "evaluations"),
    ]
    left_out = results.candidates.groupby(["param_method", "param_scope"], dropna=False).ngroups
    if left_out > len(found):
        parts.append(
            f"The {len(found)} combinations with most evaluations of {left_out} are shown."
        )
    return " ".join(part for part in parts if part)


def _empty(results: Results) -> str:
    return "There is no finished evaluation yet, of any method."


METHODS = chart_of_panels(
    "methods",
    "Accuracy against sparsity, by method and scope",
    panels,
    caption=_caption,
    empty=_empty,
    columns=COLUMNS,
)
