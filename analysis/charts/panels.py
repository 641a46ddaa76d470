"""What is drawn, said once for both libraries: panels of series, bars, levels and bands.

All numbers are in the units of the axes' labels. Text is as the user wrote it: who draws it keeps
it from being read as markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sweep.pareto import FloatArray

Line = Literal["none", "linear", "hv", "vh"]
"""How points are joined, in plotly's words; the last two are steps: along x first, or along y."""


@dataclass(frozen=True)
class Series:
    """Points (n,), joined by a line or not. NaN in ``y`` breaks the line."""

    label: str
    """In the legend, once for all series of the same label; "" for none."""
    x: FloatArray
    y: FloatArray
    colour: str
    marker: str | None = None
    """One of ``style.MARKERS``; None draws the line alone."""
    hollow: bool = False
    line: Line = "none"
    dash: str = "solid"
    width: float = 1.8
    size: float = 6.0
    """Diameter of the markers, in points."""
    opacity: float = 1.0
    ends: tuple[FloatArray, FloatArray] | None = None
    """Of each point's interval, from and to; or of the band around the line with ``is_band``."""
    is_band: bool = False
    notes: Sequence[str] = ()
    """What a point is, shown when it is pointed at: (n,) or none."""


@dataclass(frozen=True)
class Bars:
    """Horizontal bars (n,): in row ``rows``, from ``starts``, ``lengths`` long."""

    label: str
    rows: FloatArray
    """Places on the vertical axis, whose ticks name them."""
    starts: FloatArray
    lengths: FloatArray
    colour: str
    hatch: str = ""
    """Sets it apart without colour: "" or one of ``/ \\ x .``, as in both libraries."""
    height: float = 0.8
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Level:
    """A horizontal line across a panel, with a band from ``y - below`` to it; above it where
    ``below`` is negative."""

    label: str
    y: float
    colour: str
    dash: str = "solid"
    below: float = 0.0
    below_label: str = ""


@dataclass(frozen=True)
class Axis:
    """``ticks``: (place, text) of each, where numbers would not do. ``ends``: from, to."""

    label: str
    ticks: Sequence[tuple[float, str]] = ()
    ends: tuple[float, float] | None = None
    hover: str = ""
    """What it is called where it is pointed at; the label itself, if it has one."""
    is_bare: bool = False
    """Without ticks and grid: its places mean nothing by themselves."""


@dataclass(frozen=True)
class Text:
    """Words to the right of a place and above it."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Panel:
    """One pair of axes. Later series lie on earlier ones; levels lie below all."""

    across: Axis
    up: Axis
    title: str = ""
    series: Sequence[Series] = ()
    bars: Sequence[Bars] = ()
    levels: Sequence[Level] = ()
    texts: Sequence[Text] = ()
    height: float = 320.0
    """Of the plot alone, in pixels of a page (a 96th of an inch)."""


def rows_of(panels: Sequence[Panel], columns: int) -> tuple[list[float], int]:
    """How high each row of a figure is, and in how many columns its panels stand.

    There is at least one panel.
    """
    columns = min(columns, len(panels))
    rows = (panels[at : at + columns] for at in range(0, len(panels), columns))
    return [max(panel.height for panel in row) for row in rows], columns


def joined(pieces: Sequence[tuple[FloatArray, FloatArray]]) -> tuple[FloatArray, FloatArray]:
    """Several lines as one, with NaN between them: x and y, each (points + pieces - 1,).

    >>> x, y = joined([(np.array([0.0, 1.0]), np.array([5.0, 6.0])), (np.zeros(1), np.ones(1))])
    >>> x.tolist(), y.tolist()
    ([0.0, 1.0, nan, 0.0], [5.0, 6.0, nan, 1.0])
    """
    if not pieces:
        return np.empty(0), np.empty(0)
    gap = np.array([np.nan])
    x = [part for piece, _ in pieces for part in (gap, piece)][1:]
    y = [part for _, piece in pieces for part in (gap, piece)][1:]
    return np.concatenate(x), np.concatenate(y)
