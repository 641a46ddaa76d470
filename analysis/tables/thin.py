"""Fewer points where thousands would lie on one another. What is kept is kept as it is."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sweep.pareto import FloatArray, IntArray

MOST_POINTS = 1500


def spread(x: FloatArray, y: FloatArray, most: int = MOST_POINTS) -> IntArray:
    """Indices of at most ``most`` points that look like all of them: the first in each cell of a
    grid over their range. Outliers stay, for they are alone in their cells; density is lost.

    All indices if there are no more than ``most``, else rising ones of the finite points.
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
    """At most ``most`` of the indices below ``count``, evenly spaced, the ends among them.

    >>> evenly(3, 10).tolist(), evenly(9, 3).tolist()
    ([0, 1, 2], [0, 4, 8])
    """
    if count <= most:
        return np.arange(count)
    return np.linspace(0, count - 1, most).round().astype(np.intp)


def rows(table: pd.DataFrame, most: int) -> pd.DataFrame:
    """At most ``most`` rows of a table, evenly spaced, its ends among them."""
    return table.iloc[evenly(len(table), most)]


def note(shown: int, of: int, noun: str) -> str:
    """The sentence that a caption owes its reader; "" where all are shown.

    >>> note(3, 4000, "evaluations")
    'Thinned: 3 of 4,000 evaluations are drawn.'
    """
    return f"Thinned: {shown:,} of {of:,} {noun} are drawn." if shown < of else ""


def _cells(values: FloatArray, count: int) -> IntArray:
    """Which of ``count`` equal cells over its range each value lies in."""
    if not len(values):
        return np.empty(0, dtype=np.intp)
    span = float(np.ptp(values)) or 1.0
    places = ((values - values.min()) / span * count).astype(np.intp)
    return np.asarray(np.minimum(places, count - 1), dtype=np.intp)
