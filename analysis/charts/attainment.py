"""What is reached by half of the sweeps, and how far each is from that."""

from __future__ import annotations

import numpy as np

from analysis.charts import style
from analysis.charts.chart import chart_of_panels
from analysis.charts.frontier import step
from analysis.charts.fronts import named
from analysis.charts.panels import Axis, Level, Panel, Series
from analysis.charts.style import GREY
from analysis.comparison import Comparison
from analysis.tables.front import objectives
from sweep.pareto import FloatArray

FEWEST = 3
"""Sweeps below which there are no quartiles: two are compared with one another."""


def panels(comparison: Comparison) -> list[Panel]:
    """The median surface with its quartiles, and each sweep's difference to it; for two sweeps
    the difference of the second to the first. None for one sweep, or other than two objectives."""
    if not is_drawn(comparison):
        return []
    if len(comparison.results) < FEWEST:
        return [_differences(comparison)]
    return [_surfaces(comparison), _differences(comparison)]


def is_drawn(comparison: Comparison) -> bool:
    """Whether there are fronts of two sweeps at least, in the two objectives that are drawn."""
    fronts = sum(not results.front.empty for results in comparison.results)
    return fronts > 1 and set(style.axes_of(comparison.directions)) == set(comparison.directions)


def reached(points: FloatArray, at: FloatArray, ways: tuple[str, str]) -> FloatArray:
    """The best second value of ``points`` (n, 2) among those at least as good as ``at`` (k,) in
    the first, (k,); NaN where there is none.

    >>> reached(np.array([[0.5, 0.9], [0.8, 0.7]]), np.array([0.4, 0.6, 0.9]), ("max", "max"))
    array([0.9, 0.7, nan])
    """
    signs = np.array([1.0 if way == "max" else -1.0 for way in ways])
    good = points * signs
    is_as_good = good[None, :, 0] >= at[:, None] * signs[0]
    best = np.where(is_as_good, good[None, :, 1], -np.inf).max(axis=1, initial=-np.inf)
    return np.asarray(np.where(np.isfinite(best), best * signs[1], np.nan), dtype=np.float64)


def _axes(comparison: Comparison) -> tuple[str, str]:
    return style.axes_of(comparison.directions)


def _ways(comparison: Comparison) -> tuple[str, str]:
    across, up = _axes(comparison)
    return comparison.directions[across], comparison.directions[up]


def _fronts(comparison: Comparison) -> list[FloatArray]:
    """Each sweep's front, (n, 2): across, up."""
    order = {name: comparison.directions[name] for name in _axes(comparison)}
    return [objectives(results.front, order) for results in comparison.results]


def _surface(comparison: Comparison, level: float) -> FloatArray:
    """The corners, (k, 2): across, up."""
    names = list(comparison.directions)
    return comparison.attainment(level)[:, [names.index(name) for name in _axes(comparison)]]


def _places(comparison: Comparison) -> FloatArray:
    """All places across at which some front has a point, rising."""
    return np.unique(np.concatenate([front[:, 0] for front in _fronts(comparison)]))


def _surfaces(comparison: Comparison) -> Panel:
    across, up = _axes(comparison)
    ways, at = _ways(comparison), _places(comparison)
    heights = {q: reached(_surface(comparison, q), at, ways) for q in (0.25, 0.5, 0.75)}
    known = np.isfinite(heights[0.5])
    x_scale, y_scale = style.scale(across), style.scale(up)
    # Where three quarters reach nothing at all, the band goes down to the worst that is seen.
    worst = np.nanmin if ways[1] == "max" else np.nanmax
    floor = float(worst(np.concatenate([front[:, 1] for front in _fronts(comparison)])))
    ends = [np.where(np.isnan(heights[q]), floor, heights[q])[known] for q in (0.25, 0.75)]
    median = Series(
        label="median, with quartiles",
        x=at[known] * x_scale.factor,
        y=heights[0.5][known] * y_scale.factor,
        colour=GREY,
        line=step(comparison.directions, across, up),
        width=2.2,
        low=np.minimum(*ends) * y_scale.factor,
        high=np.maximum(*ends) * y_scale.factor,
        is_band=True,
    )
    return Panel(
        Axis(x_scale.label),
        Axis(y_scale.label),
        f"what {len(comparison.results)} sweeps attain",
        series=[median],
        height=300,
    )


def _differences(comparison: Comparison) -> Panel:
    across, up = _axes(comparison)
    ways, at = _ways(comparison), _places(comparison)
    fronts, is_pair = _fronts(comparison), len(comparison.results) < FEWEST
    base = fronts[0] if is_pair else _surface(comparison, 0.5)
    middle = reached(base, at, ways)
    factor = style.scale(up).factor
    series = []
    for place, (name, _) in enumerate(named(comparison)):
        difference = (reached(fronts[place], at, ways) - middle) * factor
        known = np.isfinite(difference)
        if known.any() and not (is_pair and place == 0):
            look = style.look(place)
            series.append(
                Series(
                    label=name,
                    x=at[known] * style.scale(across).factor,
                    y=difference[known],
                    colour=look.colour,
                    line=step(comparison.directions, across, up),
                    dash=look.dash,
                )
            )
    unit = "points" if up == "accuracy" else style.short(style.scale(up).label)
    against = f"against {comparison.names[0]}" if is_pair else "of each sweep to the median"
    zero = [Level("no difference", 0.0, GREY, "dash")]
    return Panel(
        Axis(style.scale(across).label),
        Axis(f"difference ({unit})"),
        against,
        series,
        levels=zero,
        height=260,
    )


def _caption(comparison: Comparison) -> str:
    if not is_drawn(comparison):
        return ""
    _, up = _axes(comparison)
    side = "Above 0 is better." if comparison.directions[up] == "max" else "Below 0 is better."
    note = f"{side} Lines end where one of the two reaches nothing. On validation."
    if len(comparison.results) < FEWEST:
        return f"How much the second front reaches more than the first, place by place. {note}"
    return (
        f"Top: what half of the {len(comparison.results)} sweeps reach at least (line), and what "
        "one quarter and three quarters do (band). Bottom: each sweep's front minus that median. "
        f"{note}"
    )


def _empty(comparison: Comparison) -> str:
    if len(comparison.results) < 2:
        return "There is one sweep only: attainment is of several."
    if set(_axes(comparison)) != set(comparison.directions):
        return "Attainment surfaces are drawn for two objectives."
    return "Fewer than two of the sweeps have a front."


ATTAINMENT = chart_of_panels(
    "attainment", "What the sweeps attain", panels, caption=_caption, empty=_empty
)
