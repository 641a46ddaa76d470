"""Both libraries draw the same numbers of a panel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analysis.charts import interactive, static, style
from analysis.charts.panels import Axis, Bars, Level, Line, Panel, Panels, Series, joined

X, Y = np.array([1.0, 2.0, 4.0]), np.array([5.0, 7.0, 6.0])
LINE = Series("line", X, Y, style.BLUE, marker="square", line="hv", dash="dash")
AXES = (Axis("across (%)"), Axis("up (s)"))


@pytest.mark.parametrize(
    ("line", "drawstyle", "corners"),
    [
        ("linear", "default", [(1, 5), (2, 7), (4, 6)]),
        ("hv", "steps-post", [(1, 5), (2, 5), (2, 7), (4, 7), (4, 6)]),
        ("vh", "steps-pre", [(1, 5), (1, 7), (2, 7), (2, 6), (4, 6)]),
    ],
)
def test_both_libraries_step_alike(
    line: Line, drawstyle: str, corners: list[tuple[int, int]]
) -> None:
    """A band has the same steps as its line."""
    band = replace(LINE, line=line, ends=(Y, Y + 1), is_band=True)
    drawn = interactive.draw(Panels("", [Panel(*AXES, series=[band])])).data
    assert [trace.line.shape for trace in drawn] == [line] * 3
    axes = static.draw(Panels("", [Panel(*AXES, series=[band])])).axes[0]
    assert axes.lines[0].get_drawstyle() == drawstyle
    lower = axes.collections[0].get_paths()[0].vertices
    assert all(corner in map(tuple, lower) for corner in corners)


def test_an_interval_and_a_band() -> None:
    line = replace(LINE, ends=(Y - 1, Y + 2))
    (trace,) = interactive.draw(Panels("", [Panel(*AXES, series=[line])])).data
    assert trace.error_y.array.tolist() == [2, 2, 2]
    assert trace.error_y.arrayminus.tolist() == [1, 1, 1]
    whole = Panel(*AXES, series=[replace(line, is_band=True)])
    low, high, _ = interactive.draw(Panels("", [whole])).data
    assert (low.y.tolist(), high.y.tolist(), high.fill) == ([4, 6, 5], [7, 9, 8], "tonexty")
    (area,) = static.draw(Panels("", [whole])).axes[0].collections
    box = area.get_datalim(static.draw(Panels("", [whole])).axes[0].transData)
    assert box.height == 5


def test_bars_have_their_positions() -> None:
    bars = Bars("bars", np.array([0.0, 2.0]), X[:2], Y[:2], style.BLUE, "/", 0.5, ["a", "b"])
    (trace,) = interactive.draw(Panels("", [Panel(*AXES, bars=[bars])])).data
    assert (trace.base.tolist(), trace.x.tolist(), trace.y.tolist()) == ([1, 2], [5, 7], [0, 2])
    assert (trace.orientation, trace.width, trace.marker.pattern.shape) == ("h", 0.5, "/")
    axes = static.draw(Panels("", [Panel(*AXES, bars=[bars])])).axes[0]
    first, second = (path.get_extents() for path in axes.collections[0].get_paths())
    assert (first.x0, first.x1, first.y0, first.y1) == (1, 6, -0.25, 0.25)
    assert (second.x0, second.x1, second.y0, second.y1) == (2, 9, 1.75, 2.25)


def test_a_label_is_in_the_legend_once_in_a_figure() -> None:
    panels = [Panel(*AXES, "one", [LINE]), Panel(*AXES, "two", [LINE, replace(LINE, label="")])]
    figure = interactive.draw(Panels("", panels, columns=2))
    assert [trace.showlegend for trace in figure.data] == [True, False, False]
    (legend,) = static.draw(Panels("", panels, columns=2)).legends
    assert [text.get_text() for text in legend.get_texts()] == ["line"]


def test_panels_have_their_axes_titles_and_ticks() -> None:
    ticked = Axis("", ticks=((1, "a$b$"), (2, "<i>c")), ends=(0, 5))
    figure = interactive.draw(
        Panels("", [Panel(*AXES, "one", [LINE]), Panel(ticked, AXES[1], "two", [LINE])])
    )
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == tuple(
        axis.label for axis in AXES
    )
    assert figure.layout.xaxis2.ticktext == ("a$b$", "&lt;i&gt;c")
    assert figure.layout.xaxis2.range == (0, 5)
    assert [note.text for note in figure.layout.annotations] == ["one", "two"]
    first, second = static.draw(
        Panels("", [Panel(*AXES, "one", [LINE]), Panel(ticked, AXES[1])])
    ).axes
    assert (first.get_xlabel(), first.get_title(loc="left")) == ("across (%)", "one")
    assert second.get_xlim() == (0, 5)


def test_hover_text_names_the_point() -> None:
    panel = Panel(*AXES, series=[replace(LINE, notes=["a", "b", "<c>"])])
    (trace,) = interactive.draw(Panels("", [panel])).data
    assert trace.text == ("a", "b", "&lt;c&gt;")
    assert "across (%): %{x" in trace.hovertemplate and "up (s): %{y" in trace.hovertemplate


def test_levels_and_texts_are_in_both() -> None:
    level = Level("dense", 6.0, style.GREEN, below=1.0, below_label="near")
    panel = Panel(*AXES, series=[LINE], levels=[level], texts=[(1.0, 5.0, "here")])
    figure = interactive.draw(Panels("", [panel]))
    assert [(shape.y0, shape.y1) for shape in figure.layout.shapes] == [(6, 6), (5, 6)]
    assert figure.data[-1].text == ("here",)
    paper = static.draw(Panels("", [panel]))
    assert [text.get_text() for text in paper.axes[0].texts] == ["here"]
    (legend,) = paper.legends
    assert [text.get_text() for text in legend.get_texts()] == ["dense", "near", "line"]


def test_no_lines_make_no_line() -> None:
    x, y = joined(X, np.empty((0, 3)))
    assert len(x) == len(y) == 0
