"""Draws panels as a plotly figure, for pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from analysis.charts.page import ACROSS, TITLE, dress, floats, html_text
from analysis.charts.panels import Axis, Bars, Level, Panel, Series, rows_of
from analysis.charts.style import short
from sweep.pareto import FloatArray

_HATCHED = {"fillmode": "overlay", "fgcolor": "rgba(255,255,255,0.8)", "size": 6, "solidity": 0.35}


def draw(panels: Sequence[Panel], columns: int = 1) -> Any:
    """A figure of one or more panels, row by row, with one legend above them."""
    from plotly.subplots import make_subplots

    heights, columns = rows_of(panels, columns)
    gap = ACROSS + (TITLE if any(panel.title for panel in panels) else 0.0)
    whole = sum(heights) + gap * (len(heights) - 1)
    figure = make_subplots(
        rows=len(heights),
        cols=columns,
        row_heights=heights,
        vertical_spacing=gap / whole,
        horizontal_spacing=0.12 if columns > 1 else 0.0,
        subplot_titles=[html_text(panel.title) for panel in panels],
    )
    for place, panel in enumerate(panels):
        _panel(figure, panel, {"row": place // columns + 1, "col": place % columns + 1})
    seen = {""}
    for drawn in (*figure.data, *figure.layout.shapes):
        name = drawn.name or ""
        # Traces of one name share the legend entry of the first one, which shows or hides them all.
        drawn.update(legendgroup=name, showlegend=name not in seen)
        seen.add(name)
    dress(figure, whole, has_titles=gap > ACROSS, has_labels=bool(panels[-1].across.label))
    return figure


def _panel(figure: Any, panel: Panel, place: dict[str, int]) -> None:
    names = "<br>".join(
        f"{html_text(short(axis.hover or axis.label))}: %{{{letter}:.4~g}}"
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
    given: dict[str, Any] = {"title": {"text": html_text(axis.label), "font": {"size": 12}}}
    if axis.ticks:
        given["tickvals"] = [place for place, _ in axis.ticks]
        given["ticktext"] = [html_text(text).replace("\n", "<br>") for _, text in axis.ticks]
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
        name=html_text(level.label),
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
            name=html_text(level.below_label),
            **place,
        )


def _series(series: Series, names: str) -> list[Any]:
    """The trace of a series, after the traces of its band if it has one."""
    import plotly.graph_objects as go

    modes = ["lines"] * (series.line != "none") + ["markers"] * (series.marker is not None)
    trace = go.Scatter(
        x=floats(series.x),
        y=floats(series.y),
        mode="+".join(modes),
        opacity=series.opacity,
        name=html_text(series.label),
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
    away = {"array": floats(high - series.y), "arrayminus": floats(series.y - low)}
    look = {"symmetric": False, "color": series.colour, "thickness": 1.2, "width": 3}
    return [trace.update(error_y={**away, **look})]


def _hover(trace: Any, series: Series, names: str) -> None:
    if len(series.notes):
        trace.update(text=[html_text(text) for text in series.notes])
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
    x = floats(series.x)
    return [go.Scatter(x=x, y=floats(low), **look), go.Scatter(x=x, y=floats(high), **look, **fill)]


def _bars(bars: Bars) -> Any:
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
        name=html_text(bars.label),
    )
    if len(bars.notes):
        trace.update(hovertext=[html_text(text) for text in bars.notes])
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
        text=[html_text(text) for _, _, text in texts],
        mode="text",
        textposition="top right",
        textfont={"size": 10},
        hoverinfo="skip",
    )
