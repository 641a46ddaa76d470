"""Parallel coordinates: each trial is a line through its parameters and objectives."""

from __future__ import annotations

from textwrap import wrap
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from analysis.charts import style
from analysis.charts.panels import Axis, Panel, Panels, Series, joined
from analysis.charts.style import BANDS, VERMILION
from analysis.format import paragraph
from analysis.history.importance import observations, parameters
from analysis.results import Results
from analysis.tables import thin
from sweep.pareto import BoolArray, FloatArray

MOST_LINES = 200
WIDE = 50.0
"""Positive numbers are on a logarithmic axis if the largest is more than this times the smallest.
"""
NOT_SET = -0.12


class Upright(NamedTuple):
    """One axis: the heights (rows,) of the trials on it, from 0 to 1, and its labels by height."""

    name: str
    heights: FloatArray
    words: list[tuple[float, str]]


def view(results: Results) -> Panels | str:
    """One panel, unless there are fewer than two trials or no parameter differs."""
    table = observations(results)
    if table.empty:
        return "There is no finished evaluation yet."
    if len(table) < 2 or not parameters(table):
        return (
            "There is only one trial, or no parameter differs between trials: there is nothing to "
            "compare."
        )
    uprights = axes_of(table, results)
    heights = np.column_stack([upright.heights for upright in uprights])
    names = tuple((float(place), _wrapped(one.name)) for place, one in enumerate(uprights))
    words = [
        (float(place), height, word)
        for place, upright in enumerate(uprights)
        for height, word in upright.words
    ]
    _, up = style.axes_of(results)
    on_front = table["trial_id"].isin(results.front["trial_id"]).to_numpy(dtype=bool)
    panel = Panel(
        across=Axis("", ticks=names, ends=(-0.1, len(names) - 0.35)),
        up=Axis("", ends=(-0.18, 1.06), is_bare=True),
        series=_lines(heights, style.values(table, up), on_front),
        texts=words,
        height=360,
    )
    return Panels(_caption(up.label, int((~on_front).sum())), [panel])


def axes_of(table: pd.DataFrame, results: Results) -> list[Upright]:
    """One axis per parameter that differs between trials, then one per objective."""
    given = [upright(name, table[f"param_{name}"]) for name in parameters(table)]
    found = [
        upright(style.short(axis.label), pd.Series(style.values(table, axis)))
        for axis in (style.axis(name, results) for name in results.directions)
    ]
    return [*given, *found]


def upright(name: str, column: pd.Series[Any]) -> Upright:
    """The axis of a column: numbers by size, text by name; missing values are below it."""
    if pd.api.types.is_numeric_dtype(column.dtype) and column.dtype != "boolean":
        heights, words = _by_size(column.to_numpy(dtype=np.float64, na_value=np.nan))
    else:
        codes, names = pd.factorize(column.astype("string"), sort=True)
        heights = np.where(codes < 0, np.nan, (codes + 0.5) / max(1, len(names)))
        words = [((place + 0.5) / len(names), str(one)) for place, one in enumerate(names)]
    is_missing = ~np.isfinite(heights)
    below = [(NOT_SET, "not set")] if is_missing.any() else []
    return Upright(name, np.where(is_missing, NOT_SET, heights), words + below)


def _by_size(numbers: FloatArray) -> tuple[FloatArray, list[tuple[float, str]]]:
    known = numbers[np.isfinite(numbers)]
    if not len(known):
        return numbers, []
    low, high = float(known.min()), float(known.max())
    if low == high:
        return np.where(np.isfinite(numbers), 0.5, np.nan), [(0.5, f"{low:.3g}")]
    size = np.log if low > 0 and high / low > WIDE else np.asarray
    heights = (size(numbers) - size(low)) / (size(high) - size(low))
    return heights, [(0.0, f"{low:.3g}"), (1.0, f"{high:.3g}")]


def _wrapped(name: str) -> str:
    """A name on several short lines, because axes are close to each other."""
    return "\n".join(wrap(name.replace("_", " "), 11))


def _lines(heights: FloatArray, figures: FloatArray, on_front: BoolArray) -> list[Series]:
    """The trials in thirds of ``figures`` (rows,), with those on the front on top."""
    order = np.argsort(figures, kind="stable")
    rest = order[~on_front[order]]
    thirds = np.array_split(rest[thin.evenly(len(rest), MOST_LINES)], 3)
    bundles = [
        (f"{third} third", rows, colour, 0.9, 0.6)
        for third, rows, colour in zip(("lower", "middle", "upper"), thirds, BANDS, strict=False)
        if len(rows)
    ]
    (best,) = np.nonzero(on_front)
    bundles.append((f"on the front ({len(best):,})", best, VERMILION, 1.6, 0.9))
    places = np.arange(heights.shape[1], dtype=np.float64)
    return [
        Series(label, *xy, colour, line="linear", width=width, opacity=opacity)
        for label, rows, colour, width, opacity in bundles
        for xy in [joined(places, heights[rows])]
    ]


def _caption(up: str, rest: int) -> str:
    return paragraph(
        "A line is a trial with its last finished evaluation (a trial may be on the front by an "
        f"earlier one), coloured by {up}. Each axis runs from its smallest value to its largest, "
        f"and is logarithmic if these differ by more than a factor of {WIDE:g}. Values below an "
        "axis are not set.",
        thin.note(min(rest, MOST_LINES), rest, "trials that are not on the front"),
    )
