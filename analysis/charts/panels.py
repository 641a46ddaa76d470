"""What is drawn, described once for both libraries: panels of series and bars, or heat maps.

All numbers are in the units of the labels of the axes. Text is not escaped here, but where it is
drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sweep.pareto import FloatArray

Line = Literal["none", "linear", "hv", "vh"]
"""How points are joined, by the names of plotly; "hv" steps along x first, "vh" along y first."""


@dataclass(frozen=True)
class Series:
    """Points (n,), joined by a line or not. NaN in ``y`` breaks the line."""

    label: str
    """The legend entry, one for all series of the same label; "" for no entry."""
    x: FloatArray
    y: FloatArray
    colour: str
    marker: str | None = None
    """One of ``style.MARKERS``; None for the line alone."""
    hollow: bool = False
    line: Line = "none"
    dash: str = "solid"
    width: float = 1.8
    size: float = 6.0
    """Diameter of the markers, in points."""
    opacity: float = 1.0
    ends: tuple[FloatArray, FloatArray] | None = None
    """The lower and upper ends of the interval of each point or, with ``is_band``, of a band."""
    is_band: bool = False
    notes: Sequence[str] = ()
    """The hover text of each point: (n,) or none."""


@dataclass(frozen=True)
class Bars:
    """Horizontal bars (n,) in ``rows``, from ``starts`` to ``starts + lengths``."""

    label: str
    rows: FloatArray
    """Positions on the vertical axis, whose ticks name them."""
    starts: FloatArray
    lengths: FloatArray
    colour: str
    hatch: str = ""
    """A pattern that distinguishes bars without colour: "" or one of ``/ \\ x .``."""
    height: float = 0.8
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Level:
    """A horizontal line across a panel, with a band between ``y - below`` and ``y``."""

    label: str
    y: float
    colour: str
    dash: str = "solid"
    below: float = 0.0
    below_label: str = ""


@dataclass(frozen=True)
class Axis:
    """An axis; ``ticks`` are (position, text) pairs if not numbers, ``ends`` its range."""

    label: str
    name: str = ""
    """The column that is drawn along the axis, if it is one of the records."""
    factor: float = 1.0
    """The factor from the values of the column to the unit of the label."""
    ticks: Sequence[tuple[float, str]] = ()
    ends: tuple[float, float] | None = None
    hover: str = ""
    """The name of the axis in hover text, by default its label."""
    is_bare: bool = False
    """Whether the axis has no ticks and no grid, because its positions have no meaning."""


@dataclass(frozen=True)
class Panel:
    """One pair of axes. Later series are drawn over earlier ones, and levels below all."""

    across: Axis
    up: Axis
    title: str = ""
    series: Sequence[Series] = ()
    bars: Sequence[Bars] = ()
    levels: Sequence[Level] = ()
    texts: Sequence[tuple[float, float, str]] = ()
    """(x, y, text): each text is to the upper right of its position."""
    height: float = 320.0
    """The height of the plot alone, in pixels of a page (1/96 inch)."""


@dataclass(frozen=True)
class Panels:
    """One or more panels, row by row, with at most ``columns`` of them side by side."""

    caption: str
    """Plain text: what the picture shows, in which units, and how far it is thinned out."""
    panels: Sequence[Panel]
    columns: int = 1

    @property
    def grid(self) -> tuple[list[float], int]:
        """The height of each row, and the number of columns."""
        columns = min(self.columns, len(self.panels))
        rows = (self.panels[at : at + columns] for at in range(0, len(self.panels), columns))
        return [max(panel.height for panel in row) for row in rows], columns


@dataclass(frozen=True)
class HeatMaps:
    """Heat maps: ``shares`` (points, rows, columns) has sparsities in %, NaN for no matrix."""

    caption: str
    rows: list[str]
    columns: list[str]
    shares: FloatArray
    points: list[str]
    """The sparsity, trial and epoch of each point."""


def joined(x: FloatArray, lines: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The ``lines`` (n, k) over the same ``x`` (k,) as one line that is broken by NaN between them:
    its x and y, each (n * (k + 1) - 1,).

    >>> x, y = joined(np.array([0.0, 1.0]), np.array([[5.0, 6.0], [7.0, 8.0]]))
    >>> x.tolist(), y.tolist()
    ([0.0, 1.0, nan, 0.0, 1.0], [5.0, 6.0, nan, 7.0, 8.0])
    """
    gaps = np.full((len(lines), 1), np.nan)
    return np.tile([*x, np.nan], len(lines))[:-1], np.hstack([lines, gaps]).ravel()[:-1]
