"""Panels as a plotly figure, for pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from analysis.charts.page import ACROSS, TITLE, dress, floats, html_text
from analysis.charts.panels import Axis, Bars, Legend, Level, Panel, Series, Text
from analysis.charts.style import short
from sweep.pareto import FloatArray

_HATCHED = {"fillmode": "overlay", "fgcolor": "rgba(255,255,255,0.8)", "size": 6, "solidity": 0.35}
_MARKERS = {"triangle": "triangle-up", "cross": "x"}
_SHAPES = {"straight": "linear", "right-then-up": "hv", "up-then-right": "vh"}


def draw(panels: Sequence[Panel], columns: int = 1) -> Any:
    """A figure of the panels, row by row, with one legend above all; there is at least one."""
    from plotly.subplots import make_subplots

    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    heights = [max(p.height for p in panels[r * columns : (r + 1) * columns]) for r in range(rows)]
    gap = ACROSS + (TITLE if any(panel.title for panel in panels) else 0.0)
    whole = sum(heights) + gap * (rows - 1)
    figure = make_subplots(
        rows=rows,
        cols=columns,
        row_heights=heights,
        vertical_spacing=gap / whole,
        horizontal_spacing=0.12 if columns > 1 else 0.0,
        subplot_titles=[html_text(panel.title) for panel in panels],
    )
    legend = Legend()
    for place, panel in enumerate(panels):
        _panel(figure, panel, {"row": place // columns + 1, "col": place % columns + 1}, legend)
    dress(figure, whole, has_titles=gap > ACROSS, has_labels=bool(panels[-1].across.label))
    return figure


def _panel(figure: Any, panel: Panel, place: dict[str, int], legend: Legend) -> None:
    names = "<br>".join(
        f"{html_text(short(axis.hover or axis.label))}: %{{{letter}:.4~g}}"
        for axis, letter in ((panel.across, "x"), (panel.up, "y"))
    )
    for series in panel.series:
        if series.low is not None and series.high is not None and series.is_band:
            figure.add_trace(_band(series), **place)
        figure.add_trace(_series(series, legend, names), **place)
    for bars in panel.bars:
        figure.add_trace(_bars(bars, legend), **place)
    if panel.texts:
        figure.add_trace(_texts(panel.texts), **place)
    for level in panel.levels:
        # After the traces: plotly leaves lines out of plots that hold none.
        _level(figure, level, place, legend)
    figure.update_xaxes(_axis(panel.across), **place)
    figure.update_yaxes(_axis(panel.up), **place)


def _axis(axis: Axis) -> dict[str, Any]:
    given: dict[str, Any] = {"title": {"text": html_text(axis.label), "font": {"size": 12}}}
    if axis.ticks:
        given["tickvals"] = [place for place, _ in axis.ticks]
        given["ticktext"] = [html_text(text).replace("\n", "<br>") for _, text in axis.ticks]
    if axis.ends:
        given["range"] = list(axis.ends)
    if axis.is_bare:
        given |= {"showgrid": False, "showticklabels": False}
    return given


def _level(figure: Any, level: Level, place: dict[str, int], legend: Legend) -> None:
    figure.add_hline(
        level.y,
        line={"color": level.colour, "width": 1.5, "dash": level.dash},
        layer="below",
        **_entry(level.label, legend),
        **place,
    )
    if level.below:
        figure.add_hrect(
            level.y - level.below,
            level.y,
            fillcolor=level.colour,
            opacity=0.15,
            line_width=0,
            layer="below",
            **_entry(level.below_label, legend),
            **place,
        )


def _series(series: Series, legend: Legend, names: str) -> Any:
    import plotly.graph_objects as go

    modes = ["lines"] * (series.line != "none") + ["markers"] * (series.marker is not None)
    trace = go.Scatter(
        x=floats(series.x),
        y=floats(series.y),
        mode="+".join(modes),
        opacity=series.opacity,
        **_entry(series.label, legend),
    )
    if series.line != "none":
        shape = _SHAPES[series.line]
        look = {"color": series.colour, "width": series.width, "dash": series.dash}
        trace.update(line={**look, "shape": shape})
    if series.marker:
        symbol = _MARKERS.get(series.marker, series.marker) + ("-open" if series.hollow else "")
        trace.update(marker={"color": series.colour, "size": series.size + 1, "symbol": symbol})
    if series.low is not None and series.high is not None and not series.is_band:
        trace.update(error_y=_interval(series))
    if len(series.notes):
        trace.update(text=[html_text(text) for text in series.notes])
        trace.update(hovertemplate=f"<b>%{{text}}</b><br>{names}<extra></extra>")
    elif series.marker or series.dash != "solid" or series.line != "straight":
        trace.update(hovertemplate=f"{names}<extra></extra>")
    else:
        trace.update(hoverinfo="skip")
    return trace


def _interval(series: Series) -> dict[str, Any]:
    assert series.low is not None and series.high is not None
    return {
        "array": floats(series.high - series.y),
        "arrayminus": floats(series.y - series.low),
        "symmetric": False,
        "color": series.colour,
        "thickness": 1.2,
        "width": 3,
    }


def _band(series: Series) -> Any:
    """The area between ``low`` and ``high``, stepped as the line is."""
    import plotly.graph_objects as go

    assert series.low is not None and series.high is not None
    x, low = stepped(series.x, series.low, series.line)
    _, high = stepped(series.x, series.high, series.line)
    return go.Scatter(
        x=floats(np.concatenate([x, x[::-1]])),
        y=floats(np.concatenate([low, high[::-1]])),
        fill="toself",
        fillcolor=_faint(series.colour),
        line={"width": 0},
        mode="lines",
        hoverinfo="skip",
        showlegend=False,
    )


def stepped(x: FloatArray, y: FloatArray, line: str) -> tuple[FloatArray, FloatArray]:
    """The corners of a step line, (2n - 1,) each; the points themselves where it has no steps."""
    if line not in ("right-then-up", "up-then-right") or not len(x):
        return x, y
    double_x, double_y = np.repeat(x, 2), np.repeat(y, 2)
    if line == "right-then-up":
        return double_x[1:], double_y[:-1]
    return double_x[:-1], double_y[1:]


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.2)"


def _bars(bars: Bars, legend: Legend) -> Any:
    import plotly.graph_objects as go

    trace = go.Bar(
        x=floats(bars.lengths),
        y=floats(bars.rows),
        base=floats(bars.starts),
        width=bars.height,
        orientation="h",
        marker={
            "color": bars.colour,
            "line": {"width": 0},
            "pattern": {**_HATCHED, "shape": bars.hatch},
        },
        **_entry(bars.label, legend),
    )
    if len(bars.notes):
        trace.update(hovertext=[html_text(text) for text in bars.notes])
        trace.update(hovertemplate="%{hovertext}<extra></extra>")
    else:
        trace.update(hoverinfo="skip")
    return trace


def _texts(texts: Sequence[Text]) -> Any:
    """Words in the plot, in the page's colour."""
    import plotly.graph_objects as go

    return go.Scatter(
        x=[text.x for text in texts],
        y=[text.y for text in texts],
        text=[html_text(text.text) for text in texts],
        mode="text",
        textposition="top right",
        textfont={"size": 10},
        hoverinfo="skip",
        showlegend=False,
    )


def _entry(label: str, legend: Legend) -> dict[str, Any]:
    """A label's place in the legend; all that bear it are shown and hidden together."""
    shown = legend.takes(label)
    return {"name": html_text(label), "legendgroup": html_text(label), "showlegend": shown}
