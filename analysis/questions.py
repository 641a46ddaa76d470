"""Which points of a front answer a question: all within bounds, the best of them, the knee.

Accuracies and drops are those on test where the whole front is confirmed, else on validation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import pandas as pd

from analysis.tables.html import answer_html
from sweep.pareto import FloatArray

# 0.90 - 0.89 is a little more than 0.01 in floating point; nobody who asks for 0.01 means that.
_SLACK = 1e-9


class Asked(Protocol):
    """What questions are put to; ``Results`` is one."""

    @property
    def front(self) -> pd.DataFrame: ...
    @property
    def split(self) -> Literal["test", "validation"]: ...
    @property
    def knee(self) -> int | None: ...
    def best(self, min_sparsity: float | None, max_drop: float | None) -> Answer: ...


class Bound(NamedTuple):
    """What a column of the front must not go beyond."""

    column: str
    limit: float
    least: bool
    """Whether ``limit`` is the least value, or the largest."""
    words: str
    unit: float = 1.0
    """In which a miss is counted, so that misses of several bounds add up."""

    def missed_by(self, front: pd.DataFrame) -> FloatArray:
        """How far each row is beyond the bound, in units; 0 where it is kept, inf where unknown."""
        values = front[self.column].to_numpy(dtype=np.float64, na_value=np.nan)
        beyond = self.limit - values if self.least else values - self.limit
        missed = np.where(beyond <= _SLACK * self.unit, 0.0, beyond / self.unit)
        found: FloatArray = np.where(np.isnan(values), np.inf, missed)
        return found


@dataclass(frozen=True)
class Answer:
    """A point of the front, and what else there is. Rows have the columns of ``Results.front``."""

    question: str
    point: pd.Series[Any] | None
    """None where no point of the front satisfies the question."""
    runner_up: pd.Series[Any] | None
    """The second best that satisfies it."""
    nearest: pd.Series[Any] | None
    """Where none satisfies it, the feasible point that misses it by the least."""
    text: str
    """The answer in a sentence."""

    def __repr__(self) -> str:
        return f"<Answer: {self.text}>"

    def _repr_html_(self) -> str:
        named = {"point": self.point, "runner-up": self.runner_up, "nearest": self.nearest}
        return answer_html(self.text, named)


def points(
    results: Asked,
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
    results: Asked,
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
    if table[column].isna().all():
        return None
    return table.iloc[int(table[column].argmax())]


def bounds(
    split: str,
    min_sparsity: float | None = None,
    max_drop: float | None = None,
    max_size_bytes: float | None = None,
) -> list[Bound]:
    """What is asked of a point, None being nothing; ``ValueError`` for a bound out of its range."""
    found = []
    if min_sparsity is not None:
        _check("min_sparsity", min_sparsity, 0.0, 1.0)
        words = f"at least {100 * min_sparsity:g} % sparsity"
        found.append(Bound("sparsity", min_sparsity, True, words))
    if max_drop is not None:
        _check("max_drop", max_drop, -1.0, 1.0)
        words = f"at most {100 * max_drop:g} points below dense"
        found.append(Bound(_drop_of(split), max_drop, False, words))
    if max_size_bytes is not None:
        _check("max_size_bytes", max_size_bytes, 1.0, math.inf)
        words = f"at most {max_size_bytes:,.0f} bytes"
        found.append(Bound("size_bytes", max_size_bytes, False, words, max_size_bytes))
    return found


def missed(front: pd.DataFrame, asked: Sequence[Bound]) -> FloatArray:
    """By how much each row is beyond all that is asked; 0 where it satisfies it."""
    return sum((bound.missed_by(front) for bound in asked), np.zeros(len(front)))


def _check(name: str, value: float, low: float, high: float) -> None:
    if math.isnan(value) or not low <= value <= high:
        raise ValueError(f"{name} must be from {low:g} to {high:g}, got {value}")


def accuracy_of(split: str, end: str = "") -> str:
    """The column of the accuracy, or of an ``end`` of its interval, that answers go by."""
    return f"{'test_' if split == 'test' else ''}accuracy{end}"


def _drop_of(split: str) -> str:
    return "test_drop" if split == "test" else "accuracy_drop"


def choose(results: Asked, asked: Sequence[Bound], by: tuple[str, bool], what: str) -> Answer:
    """The row that satisfies what is ``asked`` and is best ``by`` (column, whether more is better).

    Equals are told apart by accuracy. Where no row is within, ``nearest`` is the feasible row with
    the smallest sum of what it misses.
    """
    front, split = results.front, results.split
    (column, more), accuracy = by, accuracy_of(split)
    beyond = missed(front, asked)
    known = front[column].notna().to_numpy(dtype=bool)
    ordered = front[(beyond == 0) & known].sort_values(
        [column, accuracy], ascending=[not more, False], kind="stable"
    )
    point, runner_up = ([row for _, row in ordered.head(2).iterrows()] + [None, None])[:2]
    nearest = _nearest(front, beyond) if point is None else None
    question = f"{what} point{' with ' * bool(asked)}{' and '.join(bound.words for bound in asked)}"
    text = f"{question}: {_text(front, point, runner_up, nearest, split)}"
    return Answer(question, point, runner_up, nearest, text)


def _nearest(front: pd.DataFrame, beyond: FloatArray) -> pd.Series[Any] | None:
    keeps = front["feasible"].fillna(False).to_numpy(dtype=bool)
    distance = np.where(keeps | ~keeps.any(), beyond, np.inf)
    if not np.isfinite(distance).any():
        return None
    return front.iloc[int(np.argmin(distance))]


def _text(
    front: pd.DataFrame,
    point: pd.Series[Any] | None,
    runner_up: pd.Series[Any] | None,
    nearest: pd.Series[Any] | None,
    split: str,
) -> str:
    if front.empty:
        return "the front has no point yet."
    if point is not None:
        second = "" if runner_up is None else f" Runner-up: {point_text(runner_up, split)}."
        return f"{point_text(point, split)}.{second}"
    come = "" if nearest is None else f" The nearest is {point_text(nearest, split)}."
    return f"no point of the front satisfies that.{come}"


def point_text(row: pd.Series[Any], split: str) -> str:
    """A row of the front in words, with its interval and what it is measured on."""
    names = [accuracy_of(split, end) for end in ("", "_low", "_high")]
    accuracy, low, high = (100 * row[name] for name in names)
    drop = row[_drop_of(split)]
    where = "on test" if split == "test" else "on validation, unconfirmed"
    to_dense = ""
    if pd.notna(drop):
        to_dense = f", {abs(100 * drop):.2f} points {'below' if drop > 0 else 'above'} dense"
    return (
        f"{row['trial_id']} after epoch {row['epoch']}, {100 * row['sparsity']:.1f} % sparsity at "
        f"{accuracy:.2f} % accuracy ({where}; 95 % interval {low:.1f} to {high:.1f} %{to_dense})"
    )
