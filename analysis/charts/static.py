"""Panels as a matplotlib figure, for paper: drawn without pyplot, so without global state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.charts.panels import Axis, Bars, Legend, Level, Panel, Series, Text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 7.6
"""Inches."""
MANY = 2000
"""Markers that would make an SVG slow to open: drawn as pixels in it."""

_PIXELS = 96
_MARKERS = {
    "circle": "o",
    "square": "s",
    "diamond": "D",
    "triangle": "^",
    "cross": "X",
    "pentagon": "p",
    "star": "*",
}
_DASHES: dict[str, Any] = {"solid": "-", "dash": (0, (5, 2)), "dot": ":", "dashdot": "-."}
_STEPS = {
    "none": "default",
    "straight": "default",
    "right-then-up": "steps-post",
    "up-then-right": "steps-pre",
}


def draw(panels: Sequence[Panel], columns: int = 1) -> Figure:
    """A figure of the panels, row by row, with one legend below all; there is at least one."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    heights = [max(p.height for p in panels[r * columns : (r + 1) * columns]) for r in range(rows)]
    height = sum(heights) / _PIXELS + 0.75 * rows + 0.6
    room = ConstrainedLayoutEngine(h_pad=0.08, w_pad=0.08)
    figure = Figure(figsize=(WIDTH, height), layout=room)
    grid = figure.subplots(rows, columns, squeeze=False, height_ratios=heights)
    legend = Legend()
    for axes, panel in zip(grid.flat, panels, strict=False):
        _panel(axes, panel, legend)
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    _legend(figure)
    return figure


def math_free(text: object) -> str:
    """User's text for matplotlib, which takes what is between two dollars for a formula."""
    return str(text).replace("$", r"\$")


def _panel(axes: Axes, panel: Panel, legend: Legend) -> None:
    for level in panel.levels:
        _level(axes, level, legend)
    for order, series in enumerate(panel.series):
        _series(axes, series, legend, 3 + order / 100)
    for bars in panel.bars:
        _bars(axes, bars, legend)
    for text in panel.texts:
        _text(axes, text)
    if panel.title:
        axes.set_title(math_free(panel.title), loc="left", fontsize=10)
    _dress(axes, panel.across, panel.up)


def _dress(axes: Axes, across: Axis, up: Axis) -> None:
    axes.set_xlabel(math_free(across.label))
    axes.set_ylabel(math_free(up.label))
    if across.ticks:
        texts = [math_free(text) for _, text in across.ticks]
        axes.set_xticks([place for place, _ in across.ticks], texts)
    if up.ticks:
        axes.set_yticks([place for place, _ in up.ticks], [math_free(text) for _, text in up.ticks])
    if up.is_bare:
        axes.set_yticks([])
    if across.ends:
        axes.set_xlim(*across.ends)
    if up.ends:
        axes.set_ylim(*up.ends)
    axes.grid(color="#E5E5E5", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _level(axes: Axes, level: Level, legend: Legend) -> None:
    line = {"color": level.colour, "linewidth": 1.5, "linestyle": _DASHES[level.dash]}
    axes.axhline(level.y, label=_label(level.label, legend), zorder=2, **line)
    if level.below:
        shade: dict[str, Any] = {"color": level.colour, "alpha": 0.15, "linewidth": 0}
        label = _label(level.below_label, legend)
        axes.axhspan(level.y - level.below, level.y, label=label, zorder=1, **shade)


def _series(axes: Axes, series: Series, legend: Legend, order: float) -> None:
    if series.is_band:
        _band(axes, series, order - 0.5)
    elif series.low is not None and series.high is not None:
        ends = np.vstack([series.y - series.low, series.high - series.y])
        look: dict[str, Any] = {
            "ecolor": series.colour,
            "elinewidth": 2.5,
            "alpha": 0.4 * series.opacity,
        }
        axes.errorbar(series.x, series.y, yerr=ends, fmt="none", zorder=order - 0.5, **look)
    has_line = series.line != "none"
    axes.plot(
        series.x,
        series.y,
        color=series.colour,
        linestyle=_DASHES[series.dash] if has_line else "none",
        drawstyle=_STEPS[series.line],
        linewidth=series.width,
        marker=_MARKERS[series.marker] if series.marker else "none",
        markersize=series.size,
        markerfacecolor="white" if series.hollow and has_line else _face(series),
        markeredgewidth=1.0,
        alpha=series.opacity,
        label=_label(series.label, legend),
        rasterized=len(series.x) > MANY,
        zorder=order,
    )


def _face(series: Series) -> str:
    return "none" if series.hollow else series.colour


def _band(axes: Axes, series: Series, order: float) -> None:
    assert series.low is not None and series.high is not None
    steps: dict[str, Any] = {"right-then-up": "post", "up-then-right": "pre"}
    axes.fill_between(
        series.x,
        series.low,
        series.high,
        step=steps.get(series.line),
        color=series.colour,
        alpha=0.2,
        linewidth=0,
        zorder=order,
    )


def _bars(axes: Axes, bars: Bars, legend: Legend) -> None:
    from matplotlib.collections import PolyCollection

    left, right = bars.starts, bars.starts + bars.lengths
    low, high = bars.rows - bars.height / 2, bars.rows + bars.height / 2
    corners = np.stack([left, low, left, high, right, high, right, low], axis=1)
    # One collection: thousands of single rectangles take seconds.
    drawn = PolyCollection(
        list(corners.reshape(-1, 4, 2)),
        facecolors=bars.colour,
        hatch=bars.hatch * 3,
        # A hatch takes the colour of the edge.
        edgecolors="white" if bars.hatch else bars.colour,
        linewidths=0,
        label=_label(bars.label, legend),
        rasterized=len(bars.rows) > MANY,
        zorder=3,
    )
    axes.add_collection(drawn)
    axes.autoscale_view()


def _text(axes: Axes, text: Text) -> None:
    paper = {"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 0.6}
    words = math_free(text.text)
    axes.annotate(
        words,
        (text.x, text.y),
        xytext=(3, 1),
        textcoords="offset points",
        fontsize=7.5,
        va="bottom",
        bbox=paper,
        zorder=9,
    )


def _label(label: str, legend: Legend) -> str:
    # An underscore in front keeps a label out of the legend.
    return math_free(label) if legend.takes(label) else "_"


def _legend(figure: Figure) -> None:
    pairs = [axes.get_legend_handles_labels() for axes in figure.axes]
    handles = [handle for found, _ in pairs for handle in found]
    labels = [label for _, found in pairs for label in found]
    if not labels:
        return
    widest = max(len(label) for label in labels)
    columns = max(1, min(4, len(labels), 100 // (widest + 8)))
    figure.legend(
        handles, labels, loc="outside lower center", ncols=columns, frameon=False, fontsize=9
    )
