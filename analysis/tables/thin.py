"""Thins out points of which thousands would overlap in a picture; kept points are unchanged."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sweep.pareto import FloatArray, IntArray

MOST_POINTS = 1500


def spread(x: FloatArray, y: FloatArray, most: int = MOST_POINTS) -> IntArray:
    """Indices of at most ``most`` points that look like all of them: the first point in each cell
    of a grid over their range. Outliers are kept, because they are alone in their cells; the
    density is lost.

    Returns all indices if there are at most ``most``, else ascending ones of finite points.
    """
    if len(x) <= most:
        return np.arange(len(x))
    (finite,) = np.nonzero(np.isfinite(x) & np.isfinite(y))
    columns = max(1, int(np.sqrt(most * 1.5)))
    rows = max(1, most // columns)
    cells = _cells(x[finite], columns) * rows + _cells(y[finite], rows)
    _, first = np.unique(cells, return_index=True)
    return np.sort(finite[first])


def evenly(count: int, most: int) -> IntArray:
    """At most ``most`` of the indices below ``count``, evenly spaced, including both ends.

    >>> evenly(3, 10).tolist(), evenly(9, 3).tolist()
    ([0, 1, 2], [0, 4, 8])
    """
    if count <= most:
        return np.arange(count)
    return np.linspace(0, count - 1, most).round().astype(np.intp)


def rows(table: pd.DataFrame, most: int) -> pd.DataFrame:
    """At most ``most`` rows of a table, evenly spaced, including both ends."""
    return table.iloc[evenly(len(table), most)]


def note(shown: int, of: int, noun: str) -> str:
    """The sentence of a caption about thinned points; "" if all are shown.

    >>> note(3, 4000, "evaluations")
    'Thinned: 3 of 4,000 evaluations are drawn.'
    """
    return f"Thinned: {shown:,} of {of:,} {noun} are drawn." if shown < of else ""


def _cells(values: FloatArray, count: int) -> IntArray:
    """The cell of each value, among ``count`` equal cells over the range of the values."""
    return np.digitize(values, np.histogram_bin_edges(values, count)[1:-1])
