"""Questions to a front: which points are sparse enough, close enough to dense, at the bend."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.choice import bounds, missed, point_text
from analysis.results import Results


def points(
    results: Results,
    min_sparsity: float | None = None,
    max_drop: float | None = None,
    knee: bool = False,
) -> pd.DataFrame:
    """The rows of ``results.front`` that satisfy all that is asked; no row where none does.

    ``min_sparsity``: measured sparsity at least this, in [0, 1]. ``max_drop``: accuracy at most
    this far below the dense baseline, as a share (0.01 is one point), in [-1, 1]; on test where
    the whole front is confirmed, else on validation. ``knee``: only the point at which the whole
    front bends most, if there is one. Raises ``ValueError`` for bounds outside their ranges.
    """
    front = results.front
    beyond = missed(front, bounds(results.split, min_sparsity, max_drop))
    keep = pd.Series(beyond == 0, index=front.index)
    if knee:
        keep &= front.index == (-1 if results.knee is None else results.knee)
    return front[keep].reset_index(drop=True)


def why_none(
    results: Results,
    min_sparsity: float | None = None,
    max_drop: float | None = None,
    knee: bool = False,
) -> str:
    """Why :func:`points` has no row for that, and what comes nearest, in a sentence or two."""
    if results.front.empty:
        return "the front has no point yet"
    if not knee:
        return results.best(min_sparsity, max_drop).text
    if results.knee is None:
        return (
            f"the front of {len(results.front)} points has no knee: it takes three or more, of "
            "which one stands well out from the straight line between the ends"
        )
    return f"the knee is beyond that: {point_text(results.front.iloc[results.knee], results.split)}"


def most(table: pd.DataFrame, column: str) -> pd.Series[Any] | None:
    """The first row with the largest ``column``; None where no row has a value."""
    return _extreme(table, column, largest=True)


def least(table: pd.DataFrame, column: str) -> pd.Series[Any] | None:
    """The first row with the smallest ``column``; None where no row has a value.

    The least size within a point of dense: ``least(points(results, max_drop=0.01), "size_bytes")``.
    """
    return _extreme(table, column, largest=False)


def _extreme(table: pd.DataFrame, column: str, *, largest: bool) -> pd.Series[Any] | None:
    known = table[table[column].notna()]
    if known.empty:
        return None
    ordered = known.sort_values(column, ascending=not largest, kind="stable")
    return ordered.iloc[0]
