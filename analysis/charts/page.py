"""The common look of interactive figures: no background, the width of the page, one legend above.

Text has no colour, so that a page can set it (``layout.font.color``). Grid lines are grey, which is
visible on white and on black. Numbers are 32-bit floats: seven digits in half the size.
"""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

from analysis.charts.style import BLUE, GREY
from sweep.pareto import FloatArray

CLEAR = "rgba(0,0,0,0)"
GRID = "rgba(128,128,128,0.25)"

TITLE, ACROSS = 26.0, 64.0
"""Pixels above and below the plot of a panel."""
LEGEND = 36.0
"""Pixels above all panels; a legend of several rows makes the plots smaller."""

_REMOVED = ["select", "lasso", "zoom", "pan", "autoscale", "sendChartToCloud"]
"""Buttons that are removed: dragging zooms without one, and no data is sent anywhere."""


def dress(figure: Any, height: float, *, has_titles: bool = False, has_labels: bool = True) -> None:
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


def floats(values: FloatArray) -> Any:
    """The numbers of a trace as 32-bit floats."""
    return np.asarray(values, dtype=np.float32)


def html_text(text: object) -> str:
    """Text of the user for plotly, with its tags escaped."""
    return escape(str(text), quote=False)
