"""The attainment surface of several sweeps: what half of them reach, and how each one differs."""

from __future__ import annotations

import numpy as np

from analysis.charts import style
from analysis.charts.frontier import step
from analysis.charts.panels import Axis, Level, Panel, Panels, Series
from analysis.charts.style import GREY
from analysis.comparison import Comparison, attainment
from analysis.format import MetricFormat
from analysis.tables.front import objectives
from sweep.pareto import FloatArray

FEWEST = 3
"""The smallest number of sweeps with quartiles; two sweeps are compared with each other."""


def view(comparison: Comparison) -> Panels | str:
    """The median surface with its quartiles, and the difference of each sweep from it.

    For two sweeps, the difference of the second from the first. There is no picture for one sweep,
    or unless there are exactly two objectives.
    """
    directions, count = comparison.directions, len(comparison.results)
    axes = style.axes_of(comparison)
    across, up = (axis.name for axis in axes)
    if count < 2:
        return "Attainment needs several sweeps, and there is one sweep only."
    if {across, up} != set(directions):
        return "Attainment surfaces are drawn for two objectives."
    if sum(not results.front.empty for results in comparison.results) < 2:
        return "Fewer than two of the sweeps have a front."
    ways = (directions[across], directions[up])
    units = [axis.factor for axis in axes]
    order = dict(zip((across, up), ways, strict=True))
    fronts = [objectives(results.front, order) * units for results in comparison.results]
    at = np.unique(np.concatenate(fronts)[:, 0])
    heights = np.array([reached(front, at, ways) for front in fronts])
    if count < FEWEST:
        heights[0], base = np.nan, heights[0].copy()
        return Panels(_caption(count, ways[1]), [_differences(comparison, at, heights - base)])
    low, median, high = (reached(attainment(fronts, q, ways), at, ways) for q in (0.75, 0.5, 0.25))
    # Where three quarters of the sweeps reach nothing, the band ends at the worst value of all.
    worst = np.min if ways[1] == "max" else np.max
    low = np.where(np.isnan(low), worst(np.concatenate(fronts)[:, 1]), low)
    surface = _surface(comparison, at, (low, median, high))
    differences = _differences(comparison, at, heights - median)
    return Panels(_caption(count, ways[1]), [surface, differences])


def reached(points: FloatArray, at: FloatArray, ways: tuple[str, str]) -> FloatArray:
    """The best second value among the ``points`` (n, 2) that are at least as good as ``at`` (k,) in
    the first, shape (k,); NaN if there is no such point.

    >>> reached(np.array([[0.5, 0.9], [0.8, 0.7]]), np.array([0.4, 0.6, 0.9]), ("max", "max"))
    array([0.9, 0.7, nan])
    """
    signs = np.array([1.0 if way == "max" else -1.0 for way in ways])
    good = points * signs
    is_as_good = good[None, :, 0] >= at[:, None] * signs[0]
    best = np.where(is_as_good, good[None, :, 1], -np.inf).max(axis=1, initial=-np.inf)
    return np.asarray(np.where(np.isfinite(best), best * signs[1], np.nan), dtype=np.float64)


def _surface(
    comparison: Comparison, at: FloatArray, quartiles: tuple[FloatArray, FloatArray, FloatArray]
) -> Panel:
    """What three quarters, half and one quarter of the sweeps reach at the values ``at``."""
    axes = style.axes_of(comparison)
    known = np.isfinite(quartiles[1])
    low, median, high = (height[known] for height in quartiles)
    series = Series(
        label="median, with quartiles",
        x=at[known],
        y=median,
        colour=GREY,
        line=step(comparison.directions, *axes),
        width=2.2,
        ends=(low, high),
        is_band=True,
    )
    title = f"what {len(comparison.results)} sweeps attain"
    return Panel(*axes, title, [series], height=300)


def _differences(comparison: Comparison, at: FloatArray, differences: FloatArray) -> Panel:
    """The ``differences`` of each sweep, shape (sweeps, k), at the values ``at``, shape (k,)."""
    axes = across, up = style.axes_of(comparison)
    line, series = step(comparison.directions, *axes), []
    for place, (name, difference) in enumerate(zip(comparison.names, differences, strict=True)):
        known = np.isfinite(difference)
        if known.any():
            look = style.look(place)
            x, y = at[known], difference[known]
            series.append(Series(name, x, y, look.colour, line=line, dash=look.dash))
    metric = comparison.metric
    unit = MetricFormat(metric).unit if up.name == metric.name else style.short(up.label)
    is_pair = len(differences) < FEWEST
    against = f"against {comparison.names[0]}" if is_pair else "of each sweep to the median"
    zero = [Level("no difference", 0.0, GREY, "dash")]
    gap = Axis(f"difference ({unit})" if unit else "difference")
    return Panel(across, gap, against, series, levels=zero, height=260)


def _caption(count: int, way: str) -> str:
    side = "Above 0 is better." if way == "max" else "Below 0 is better."
    what = (
        "The difference of the second front from the first along the horizontal axis."
        if count < FEWEST
        else f"Top: what at least half of the {count} sweeps reach (line), and what one quarter "
        "and three quarters of them reach (band). Bottom: the front of each sweep minus that "
        "median."
    )
    return f"{what} {side} Lines end where one of the two reaches nothing. Values on validation."
