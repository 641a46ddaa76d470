"""Draws pictures as plotly figures, for pages.

A figure has no background, the width of the page, and one legend above its panels. Text has no
colour, so that a page can set it (``layout.font.color``). Grid lines are grey, which is visible on
white and on black. Numbers are 32-bit floats: seven digits in half the size.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from analysis.charts.panels import Axis, Bars, HeatMaps, Level, Panel, Panels, Series
from analysis.charts.style import BLUE, GREY, HEAT, short
from sweep.pareto import FloatArray

CLEAR = "rgba(0,0,0,0)"
GRID = "rgba(128,128,128,0.25)"

TITLE, ACROSS = 26.0, 64.0
"""Pixels above and below the plot of a panel."""
LEGEND = 36.0
"""Pixels above all panels; a legend of several rows makes the plots smaller."""

_REMOVED = ["select", "lasso", "zoom", "pan", "autoscale", "sendChartToCloud"]
"""Buttons that are removed: dragging zooms without one, and no data is sent anywhere."""
_HATCHED = {"fillmode": "overlay", "fgcolor": "rgba(255,255,255,0.8)", "size": 6, "solidity": 0.35}


def draw(picture: Panels | HeatMaps) -> Any:
    """The figure of a picture."""
    return _heat_maps(picture) if isinstance(picture, HeatMaps) else _panels(picture)


def _heat_maps(maps: HeatMaps) -> Any:
    """A heat map with a slider over the points."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for number, name in enumerate(maps.points):
        figure.add_trace(
            go.Heatmap(
                z=_floats(maps.shares[number]),
                x=[_html_text(column) for column in maps.columns],
                y=[_html_text(row) for row in maps.rows],
                zmin=0,
                zmax=100,
                colorscale=HEAT,
                xgap=1,
                ygap=1,
                colorbar={"title": {"text": "zeros (%)"}, "thickness": 12},
                name=_html_text(name),
                hovertemplate="%{y}, %{x}: %{z:.1f} % zeros<extra></extra>",
                visible=number == 0,
            )
        )
    _dress(figure, 26.0 * len(maps.rows) + 40, has_labels=False)
    figure.update_yaxes(autorange="reversed", showgrid=False, type="category")
    figure.update_xaxes(showgrid=False, type="category")
    figure.update_layout(sliders=[_slider(maps.points)], height=figure.layout.height + 150)
    return figure


def _slider(points: list[str]) -> dict[str, Any]:
    steps = [
        {
            "method": "update",
            "label": _html_text(name.split(":")[0]),
            "args": [{"visible": [number == other for other in range(len(points))]}],
        }
        for number, name in enumerate(points)
    ]
    return {
        "steps": steps,
        "currentvalue": {"prefix": "front point at "},
        "pad": {"t": 110},
        "bgcolor": "rgba(128,128,128,0.3)",
        "activebgcolor": "rgba(128,128,128,0.6)",
        "bordercolor": "rgba(128,128,128,0.5)",
        "tickcolor": "rgba(128,128,128,0.8)",
    }


def _panels(picture: Panels) -> Any:
    from plotly.subplots import make_subplots

    panels, (heights, columns) = picture.panels, picture.grid
    gap = ACROSS + (TITLE if any(panel.title for panel in panels) else 0.0)
    whole = sum(heights) + gap * (len(heights) - 1)
    figure = make_subplots(
        rows=len(heights),
        cols=columns,
        row_heights=heights,
        vertical_spacing=gap / whole,
        horizontal_spacing=0.12 if columns > 1 else 0.0,
        subplot_titles=[_html_text(panel.title) for panel in panels],
    )
    for place, panel in enumerate(panels):
        _panel(figure, panel, {"row": place // columns + 1, "col": place % columns + 1})
    seen = {""}
    for drawn in (*figure.data, *figure.layout.shapes):
        name = drawn.name or ""
        # Traces of one name share the legend entry of the first one, which shows or hides them all.
        drawn.update(legendgroup=name, showlegend=name not in seen)
        seen.add(name)
    _dress(figure, whole, has_titles=gap > ACROSS, has_labels=bool(panels[-1].across.label))
    return figure


def _panel(figure: Any, panel: Panel, place: dict[str, int]) -> None:
    names = "<br>".join(
        f"{_html_text(short(axis.hover or axis.label))}: %{{{letter}:.4~g}}"
        for axis, letter in ((panel.across, "x"), (panel.up, "y"))
    )
    for series in panel.series:
        figure.add_traces(_series(series, names), **{f"{k}s": v for k, v in place.items()})
    for bars in panel.bars:
        figure.add_trace(_bars(bars), **place)
    if panel.texts:
        figure.add_trace(_texts(panel.texts), **place)
    for level in panel.levels:
        # plotly draws no line in a plot without traces, so levels come after the traces.
        _level(figure, level, place)
    figure.update_xaxes(_axis(panel.across), **place)
    figure.update_yaxes(_axis(panel.up), **place)


def _axis(axis: Axis) -> dict[str, Any]:
    given: dict[str, Any] = {"title": {"text": _html_text(axis.label), "font": {"size": 12}}}
    if axis.ticks:
        given["tickvals"] = [place for place, _ in axis.ticks]
        given["ticktext"] = [_html_text(text).replace("\n", "<br>") for _, text in axis.ticks]
    if axis.ends:
        given["range"] = list(axis.ends)
    if axis.is_bare:
        given |= {"showgrid": False, "showticklabels": False}
    return given


def _level(figure: Any, level: Level, place: dict[str, int]) -> None:
    figure.add_hline(
        level.y,
        line={"color": level.colour, "width": 1.5, "dash": level.dash},
        layer="below",
        name=_html_text(level.label),
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
            name=_html_text(level.below_label),
            **place,
        )


def _series(series: Series, names: str) -> list[Any]:
    """The trace of a series, after the traces of its band if it has one."""
    import plotly.graph_objects as go

    modes = ["lines"] * (series.line != "none") + ["markers"] * (series.marker is not None)
    trace = go.Scatter(
        x=_floats(series.x),
        y=_floats(series.y),
        mode="+".join(modes),
        opacity=series.opacity,
        name=_html_text(series.label),
    )
    if series.line != "none":
        look = {"color": series.colour, "width": series.width, "dash": series.dash}
        trace.update(line={**look, "shape": series.line})
    if series.marker:
        symbol = series.marker + ("-open" if series.hollow else "")
        trace.update(marker={"color": series.colour, "size": series.size + 1, "symbol": symbol})
    _hover(trace, series, names)
    if series.ends is None:
        return [trace]
    low, high = series.ends
    if series.is_band:
        return [*_band(series, low, high), trace]
    away = {"array": _floats(high - series.y), "arrayminus": _floats(series.y - low)}
    look = {"symmetric": False, "color": series.colour, "thickness": 1.2, "width": 3}
    return [trace.update(error_y={**away, **look})]


def _hover(trace: Any, series: Series, names: str) -> None:
    if len(series.notes):
        trace.update(text=[_html_text(text) for text in series.notes])
        trace.update(hovertemplate=f"<b>%{{text}}</b><br>{names}<extra></extra>")
    elif series.marker or series.dash != "solid" or series.line != "linear":
        trace.update(hovertemplate=f"{names}<extra></extra>")
    else:
        trace.update(hoverinfo="skip")


def _band(series: Series, low: FloatArray, high: FloatArray) -> list[Any]:
    """Two traces with the area between them filled; they step like the line."""
    import plotly.graph_objects as go
    from plotly.colors import hex_to_rgb

    look = {"mode": "lines", "line": {"width": 0, "shape": series.line}, "hoverinfo": "skip"}
    fill = {"fill": "tonexty", "fillcolor": f"rgba{(*hex_to_rgb(series.colour), 0.2)}"}
    x = _floats(series.x)
    return [
        go.Scatter(x=x, y=_floats(low), **look),
        go.Scatter(x=x, y=_floats(high), **look, **fill),
    ]


def _bars(bars: Bars) -> Any:
    import plotly.graph_objects as go

    trace = go.Bar(
        x=_floats(bars.lengths),
        y=_floats(bars.rows),
        base=_floats(bars.starts),
        width=bars.height,
        orientation="h",
        marker={
            "color": bars.colour,
            "line": {"width": 0},
            "pattern": {**_HATCHED, "shape": bars.hatch},
        },
        name=_html_text(bars.label),
    )
    if len(bars.notes):
        trace.update(hovertext=[_html_text(text) for text in bars.notes])
        trace.update(hovertemplate="%{hovertext}<extra></extra>")
    else:
        trace.update(hoverinfo="skip")
    return trace


def _texts(texts: Sequence[tuple[float, float, str]]) -> Any:
    """Text in the plot, in the colour of the page."""
    import plotly.graph_objects as go

    return go.Scatter(
        x=[x for x, _, _ in texts],
        y=[y for _, y, _ in texts],
        text=[_html_text(text) for _, _, text in texts],
        mode="text",
        textposition="top right",
        textfont={"size": 10},
        hoverinfo="skip",
    )


def _dress(
    figure: Any, height: float, *, has_titles: bool = False, has_labels: bool = True
) -> None:
    """Apply the common look to a figure whose plots have a ``height`` in pixels."""
    above, below = TITLE if has_titles else 8.0, ACROSS if has_labels else 32.0
    figure.update_layout(
        template="none",
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        autosize=True,
        height=height + below + above + LEGEND,
        margin={"l": 64, "r": 12, "t": above + LEGEND, "b": below},
        font={"family": "system-ui, sans-serif", "size": 12},
        legend={
            "orientation": "h",
            "x": 0,
            "y": 1 + above / height,
            "yanchor": "bottom",
            "bgcolor": CLEAR,
            "itemsizing": "constant",
        },
        barmode="overlay",
        bargap=0,
        hovermode="closest",
        modebar={"bgcolor": CLEAR, "color": GREY, "activecolor": BLUE, "remove": _REMOVED},
    )
    figure.update_annotations(font={"size": 13})
    figure.update_xaxes(gridcolor=GRID, zeroline=False, automargin=True)
    figure.update_yaxes(gridcolor=GRID, zeroline=False, automargin=True, ticklabelstandoff=4)


def _floats(values: FloatArray) -> Any:
    """The numbers of a trace as 32-bit floats."""
    return np.asarray(values, dtype=np.float32)


def _html_text(text: object) -> str:
    """Text of the user for plotly, with its tags escaped."""
    return escape(str(text), quote=False)
