"""Draws pictures as matplotlib figures, for paper; without pyplot, so without global state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.charts.panels import Axis, Bars, HeatMaps, Level, Panel, Panels, Series
from analysis.charts.style import HEAT
from analysis.tables import thin
from sweep.pareto import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 7.6
"""The width of a figure in inches."""
MANY = 2000
"""More markers than this would make an SVG slow to open, so they are drawn as pixels in it."""
ON_PAPER = 3
"""The number of heat maps, which are side by side."""

_PIXELS = 96
_MARKERS = {
    "circle": "o",
    "square": "s",
    "diamond": "D",
    "triangle-up": "^",
    "x": "X",
    "pentagon": "p",
    "star": "*",
}
_DASHES: dict[str, Any] = {"solid": "-", "dash": (0, (5, 2)), "dot": ":", "dashdot": "-."}
_STEPS: dict[str, Any] = {"hv": "post", "vh": "pre"}


def draw(picture: Panels | HeatMaps) -> Figure:
    """The figure of a picture, with one legend below all panels."""
    return _heat_maps(picture) if isinstance(picture, HeatMaps) else _panels(picture)


def _heat_maps(maps: HeatMaps) -> Figure:
    """Heat maps of the densest, the middle and the sparsest point, side by side."""
    from matplotlib.figure import Figure

    shown = thin.evenly(len(maps.points), ON_PAPER)
    height = 0.26 * len(maps.rows) + 2.2
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    panels = figure.subplots(1, len(shown), squeeze=False, sharey=True)[0]
    for axes, number in zip(panels, shown, strict=True):
        image = axes.imshow(
            maps.shares[number], vmin=0, vmax=100, cmap=HEAT, aspect="auto", rasterized=True
        )
        axes.set_title(math_free(maps.points[number].replace(": ", ":\n")), fontsize=9)
        axes.set_xticks(range(len(maps.columns)), [math_free(one) for one in maps.columns])
        axes.tick_params(axis="x", rotation=90, labelsize=8)
        axes.set_yticks(range(len(maps.rows)), [math_free(row) for row in maps.rows], fontsize=8)
        axes.set_facecolor("#EEEEEE")
    figure.colorbar(image, ax=list(panels), label="zeros (% of the matrix)", shrink=0.9)
    return figure


def _panels(picture: Panels) -> Figure:
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    heights, columns = picture.grid
    height = sum(heights) / _PIXELS + 0.75 * len(heights) + 0.6
    room = ConstrainedLayoutEngine(h_pad=0.08, w_pad=0.08)
    figure = Figure(figsize=(WIDTH, height), layout=room)
    grid = figure.subplots(len(heights), columns, squeeze=False, height_ratios=heights)
    for axes, panel in zip(grid.flat, picture.panels, strict=False):
        _panel(axes, panel)
    for axes in grid.flat[len(picture.panels) :]:
        axes.set_visible(False)
    _legend(figure)
    return figure


def math_free(text: object) -> str:
    """Text of the user for matplotlib, in which dollar signs do not start a formula."""
    return str(text).replace("$", r"\$")


def _panel(axes: Axes, panel: Panel) -> None:
    for level in panel.levels:
        _level(axes, level)
    for order, series in enumerate(panel.series):
        _series(axes, series, 3 + order / 100)
    for bars in panel.bars:
        _bars(axes, bars)
    paper = {"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 0.6}
    look: dict[str, Any] = {"fontsize": 7.5, "va": "bottom", "bbox": paper, "zorder": 9}
    for x, y, text in panel.texts:
        axes.annotate(math_free(text), (x, y), (3, 1), textcoords="offset points", **look)
    if panel.title:
        axes.set_title(math_free(panel.title), loc="left", fontsize=10)
    _dress(axes, panel.across, panel.up)


def _dress(axes: Axes, across: Axis, up: Axis) -> None:
    sides = (axes.xaxis, axes.set_xlim, across), (axes.yaxis, axes.set_ylim, up)
    for side, set_ends, axis in sides:
        side.set_label_text(math_free(axis.label))
        if axis.ticks or axis.is_bare:
            texts = [math_free(text) for _, text in axis.ticks]
            side.set_ticks([place for place, _ in axis.ticks], texts)
        if axis.ends:
            set_ends(*axis.ends)
    axes.grid(color="#E5E5E5", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _level(axes: Axes, level: Level) -> None:
    line = {"color": level.colour, "linewidth": 1.5, "linestyle": _DASHES[level.dash]}
    axes.axhline(level.y, label=math_free(level.label), zorder=2, **line)
    if level.below:
        shade: dict[str, Any] = {"color": level.colour, "alpha": 0.15, "linewidth": 0}
        label = math_free(level.below_label)
        axes.axhspan(level.y - level.below, level.y, label=label, zorder=1, **shade)


def _series(axes: Axes, series: Series, order: float) -> None:
    if series.ends is not None:
        _ends(axes, series, series.ends, order - 0.5)
    has_line, step = series.line != "none", _STEPS.get(series.line)
    face = "white" if has_line else "none"
    axes.plot(
        series.x,
        series.y,
        color=series.colour,
        linestyle=_DASHES[series.dash] if has_line else "none",
        drawstyle=f"steps-{step}" if step else "default",
        linewidth=series.width,
        marker=_MARKERS[series.marker] if series.marker else "none",
        markersize=series.size,
        markerfacecolor=face if series.hollow else series.colour,
        markeredgewidth=1.0,
        alpha=series.opacity,
        label=math_free(series.label),
        rasterized=len(series.x) > MANY,
        zorder=order,
    )


def _ends(axes: Axes, series: Series, ends: tuple[FloatArray, FloatArray], order: float) -> None:
    low, high = ends
    if series.is_band:
        look: dict[str, Any] = {"color": series.colour, "alpha": 0.2, "linewidth": 0}
        axes.fill_between(series.x, low, high, step=_STEPS.get(series.line), zorder=order, **look)
    else:
        away = np.vstack([series.y - low, high - series.y])
        look = {"ecolor": series.colour, "elinewidth": 2.5, "alpha": 0.4 * series.opacity}
        axes.errorbar(series.x, series.y, yerr=away, fmt="none", zorder=order, **look)


def _bars(axes: Axes, bars: Bars) -> None:
    from matplotlib.collections import PolyCollection

    left, right = bars.starts, bars.starts + bars.lengths
    low, high = bars.rows - bars.height / 2, bars.rows + bars.height / 2
    corners = np.stack([left, low, left, high, right, high, right, low], axis=1)
    # One collection, because thousands of single rectangles take seconds to draw.
    drawn = PolyCollection(
        list(corners.reshape(-1, 4, 2)),
        facecolors=bars.colour,
        hatch=bars.hatch * 3,
        # A hatch has the colour of the edge.
        edgecolors="white" if bars.hatch else bars.colour,
        linewidths=0,
        label=math_free(bars.label),
        rasterized=len(bars.rows) > MANY,
        zorder=3,
    )
    axes.add_collection(drawn)
    axes.autoscale_view()


def _legend(figure: Figure) -> None:
    """A legend with each label once, in the style of the first series of that label."""
    first: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            first.setdefault(label, handle)
    if first:
        columns = max(1, min(4, len(first), 100 // (max(map(len, first)) + 8)))
        look: dict[str, Any] = {"ncols": columns, "frameon": False, "fontsize": 9}
        figure.legend(first.values(), first.keys(), loc="outside lower center", **look)
