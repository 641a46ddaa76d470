"""Which figures a report leads with: those of test as soon as there are any, else validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from analysis.questions import bounds, missed
from analysis.results import Results

ONE_POINT = 0.01


@dataclass(frozen=True)
class Basis:
    """A split, and the columns of ``front`` that hold its figures (shares in [0, 1])."""

    split: Literal["test", "validation"]
    accuracy: str
    low: str
    high: str
    drop: str
    """Dense minus the point's accuracy."""


VALIDATION = Basis("validation", "accuracy", "accuracy_low", "accuracy_high", "accuracy_drop")
TEST = Basis("test", "test_accuracy", "test_accuracy_low", "test_accuracy_high", "test_drop")


def basis_of(results: Results) -> Basis:
    """Test where any point of the front was read there; validation figures are never a result."""
    return TEST if results.front["test_accuracy"].notna().any() else VALIDATION


def measured(results: Results) -> pd.DataFrame:
    """The points of the front that have figures of the split that the report leads with."""
    return results.front[results.front[basis_of(results).accuracy].notna()]


def near_dense(results: Results) -> pd.DataFrame:
    """Those of them whose estimate is at most one point below dense."""
    points = measured(results)
    beyond = missed(points, bounds(basis_of(results).split, max_drop=ONE_POINT))
    return points[pd.Series(beyond == 0, index=points.index)]


def mark(results: Results) -> str:
    """What a heading says of the front's standing: "" once all of it has test figures."""
    if results.front.empty or results.confirmed:
        return ""
    return " (PARTLY CONFIRMED)" if basis_of(results) is TEST else " (UNCONFIRMED)"
