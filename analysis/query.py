"""Questions to a front: which points are sparse enough, close enough to dense, at the bend."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from analysis.results import Results

# 0.90 - 0.89 is a little more than 0.01 in floating point; nobody who asks for 0.01 means that.
_SLACK = 1e-9


def points(
    results: Results,
    min_sparsity: float | None = None,
    max_drop: float | None = None,
    knee: bool = False,
) -> pd.DataFrame:
    """The rows of ``results.front`` that satisfy all that is asked; no row where none does.

    ``min_sparsity``: measured sparsity at least this, in [0, 1]. ``max_drop``: validation accuracy
    at most this far below the dense baseline, as a share (0.01 is one point), in [-1, 1].
    ``knee``: only the point at which the whole front bends most, if there is one.
    Raises ``ValueError`` for bounds outside their ranges.
    """
    front = results.front
    keep = pd.Series(True, index=front.index)
    if min_sparsity is not None:
        _check("min_sparsity", min_sparsity, 0.0, 1.0)
        keep &= front["sparsity"] >= min_sparsity - _SLACK
    if max_drop is not None:
        _check("max_drop", max_drop, -1.0, 1.0)
        keep &= front["accuracy_drop"] <= max_drop + _SLACK
    if knee:
        keep &= front.index == (-1 if results.knee is None else results.knee)
    return front[keep].reset_index(drop=True)


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


def _check(name: str, value: float, low: float, high: float) -> None:
    if math.isnan(value) or not low <= value <= high:
        raise ValueError(f"{name} must be from {low:g} to {high:g}, got {value}")
