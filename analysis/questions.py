"""Selects points of a front: all points within bounds, the best of them, or the knee.

Values of the primary metric are on test if the whole front is confirmed, else on validation.

The best of several points by their figures on test is partly the luckiest one, so its own figure is
too good. Therefore a question with a largest drop is answered with a point for which that drop
holds at 95 %, also after the choice (``verdicts.certain``). Where there is none, the answer is the
point that is best by its figure alone, and the text says that this is optimistic.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
import pandas as pd

from analysis.certainty.verdicts import SLACK, certain
from analysis.format import MetricFormat, percent
from analysis.tables.columns import MOST_DROP, Split, on_split
from analysis.tables.html import answer_html
from sweep.ledger.metric import PrimaryMetric
from sweep.pareto import BoolArray, FloatArray

Row: TypeAlias = "pd.Series[Any] | None"

CHOSEN = "The point was chosen by its own figure on test, which is therefore optimistic."


class Asked(Protocol):
    """The part of ``Results`` that this module uses."""

    @property
    def front(self) -> pd.DataFrame: ...
    @property
    def metric(self) -> PrimaryMetric: ...
    @property
    def split(self) -> Split: ...
    @property
    def confirmed(self) -> bool: ...
    @property
    def knee(self) -> int | None: ...
    def best(self, min_sparsity: float | None, max_drop: float | None) -> Answer: ...


class Bound(NamedTuple):
    """A limit that the values of a column of the front must not exceed, or not fall below."""

    column: str
    limit: float
    least: bool
    """Whether ``limit`` is the smallest allowed value; else it is the largest."""
    words: str
    unit: float = 1.0
    """Misses are divided by it, so that misses of different bounds can be added."""

    def missed_by(self, front: pd.DataFrame) -> FloatArray:
        """How far each row is beyond the limit, in units: 0 within it, inf if it is missing."""
        values = front[self.column].to_numpy(dtype=np.float64, na_value=np.nan)
        beyond = self.limit - values if self.least else values - self.limit
        missed = np.where(beyond <= SLACK * self.unit, 0.0, beyond / self.unit)
        return np.where(np.isnan(values), np.inf, missed)


@dataclass(frozen=True)
class Answer:
    """The answer to a question about a front. Its rows have the columns of ``Results.front``."""

    question: str
    point: pd.Series[Any] | None
    """The best point, or None if no point of the front is within the bounds."""
    runner_up: pd.Series[Any] | None
    """The second best point within the bounds."""
    nearest: pd.Series[Any] | None
    """The feasible point that misses the bounds by the least, if no point is within them."""
    text: str
    """The answer in a sentence."""
    metric: PrimaryMetric
    certain: bool = False
    """Whether the bound on the drop holds for ``point`` at 95 %, also after the choice."""
    by_figure: pd.Series[Any] | None = None
    """The best point by its figure alone, which is optimistic; None if no point is."""
    note: str = ""
    """What the choice of ``point`` on test means, in sentences; "" on validation."""

    def __repr__(self) -> str:
        return f"<Answer: {self.text}>"

    def _repr_html_(self) -> str:
        named = {"point": self.point, "runner-up": self.runner_up, "nearest": self.nearest}
        if self.certain:
            named["by its figure"] = self.by_figure
        return answer_html(self.text, named, self.metric)


def points(
    results: Asked,
    min_sparsity: float | None = None,
    max_drop: float | None = None,
    knee: bool = False,
) -> pd.DataFrame:
    """The rows of ``results.front`` that are within all given bounds; there may be none.

    ``min_sparsity`` is the smallest allowed measured sparsity, in [0, 1]. ``max_drop`` is how much
    worse than the dense model a point may be: for a share in [-1, 1], where 0.01 is one point. With
    ``knee``, only the point at which the whole front bends most is kept. Raises ``ValueError`` for
    a bound outside its range.
    """
    front = results.front
    keep = missed(front, bounds(results, min_sparsity, max_drop)) == 0
    if knee:
        keep &= front.index == (-1 if results.knee is None else results.knee)
    found: pd.DataFrame = front[keep]
    return found.reset_index(drop=True)


def why_none(
    results: Asked,
    min_sparsity: float | None = None,
    max_drop: float | None = None,
    knee: bool = False,
) -> str:
    """Why :func:`points` returns no row for these bounds, and which point is nearest to them."""
    if results.front.empty:
        return "the front has no point yet"
    if not knee:
        return results.best(min_sparsity, max_drop).text
    if results.knee is None:
        return (
            f"the front of {len(results.front)} points has no knee: a knee needs at least three "
            "points, one of them far from the straight line between the ends of the front"
        )
    return (
        f"the knee is outside the bounds: {point_text(results.front.iloc[results.knee], results)}"
    )


def most(table: pd.DataFrame, column: str, largest: bool = True) -> pd.Series[Any] | None:
    """The first row with the largest (or smallest) value of ``column``; None if all are missing."""
    if table[column].isna().all():
        return None
    return table.iloc[int(table[column].argmax() if largest else table[column].argmin())]


def bounds(
    results: Asked,
    min_sparsity: float | None = None,
    max_drop: float | None = None,
    max_size_bytes: float | None = None,
    split: Split | None = None,
) -> list[Bound]:
    """The given bounds; None stands for no bound. ``ValueError`` for a bound outside its range.

    ``split`` is the split on which the drop is measured, by default that of ``results``.
    """
    found, metric = [], results.metric
    if min_sparsity is not None:
        _check("min_sparsity", min_sparsity, 0.0, 1.0)
        words = f"at least {100 * min_sparsity:g} % sparsity"
        found.append(Bound("sparsity", min_sparsity, True, words))
    if max_drop is not None:
        most_worse = 1.0 if metric.is_share else math.inf
        _check("max_drop", max_drop, -most_worse, most_worse)
        form = MetricFormat(metric)
        words = f"at most {form.factor * max_drop:g} {form.unit}".rstrip()
        words = f"{words} {form.side(1.0)} dense"
        column = on_split(metric, split or results.split).drop
        unit = 1.0 if metric.is_share else float(results.front[metric.baseline].abs().max()) or 1.0
        found.append(Bound(column, max_drop, False, words, unit))
    if max_size_bytes is not None:
        _check("max_size_bytes", max_size_bytes, 1.0, math.inf)
        words = f"at most {max_size_bytes:,.0f} bytes"
        found.append(Bound("size_bytes", max_size_bytes, False, words, max_size_bytes))
    return found


def missed(front: pd.DataFrame, asked: Sequence[Bound]) -> FloatArray:
    """By how much each row misses all bounds together; 0 for rows within them."""
    return sum((bound.missed_by(front) for bound in asked), np.zeros(len(front)))


def _check(name: str, value: float, low: float, high: float) -> None:
    if math.isnan(value) or not low <= value <= high:
        raise ValueError(f"{name} must be from {low:g} to {high:g}, got {value}")


def marked(results: Asked, min_sparsity: float | None, max_drop: float) -> pd.DataFrame:
    """The rows of :func:`points`, with three more columns of booleans about ``max_drop``.

    ``certain``: the point's drop is smaller at 95 %, for all these points together.
    ``answer_by_bound`` and ``answer_by_figure`` are true in at most one row each: that of the
    sparsest certain point, and that of the sparsest one by its figure, which is optimistic.
    """
    front, asked = results.front, bounds(results, min_sparsity, max_drop)
    found: pd.DataFrame = front[missed(front, asked) == 0]
    answer = results.best(min_sparsity, max_drop)
    chosen = {"bound": answer.point if answer.certain else None, "figure": answer.by_figure}
    added = {
        f"answer_by_{by}": found.index == (-1 if row is None else row.name)
        for by, row in chosen.items()
    }
    is_certain = found.index.isin(front.index[_certain(results, asked)])
    return found.assign(certain=is_certain, **added).reset_index(drop=True)


def _certain(results: Asked, asked: Sequence[Bound]) -> BoolArray:
    """The rows of the front whose drop on test is certain to be within the bound on it, (n,): none
    on validation, or without such a bound."""
    front, metric = results.front, results.metric
    most, sparsity = (front[name].to_numpy(np.float64) for name in (MOST_DROP, "sparsity"))
    is_tested = front[metric.test].notna().to_numpy(dtype=bool)
    on_test = on_split(metric, "test").drop
    limit = min((bound.limit for bound in asked if bound.column == on_test), default=-np.inf)
    return certain(most, sparsity, is_tested, limit)


def choose(results: Asked, asked: Sequence[Bound], by: tuple[str, bool], what: str) -> Answer:
    """The row within the bounds ``asked`` that is best ``by`` (column, whether more is better).

    With a bound on the drop on test, it is the best of the rows that are certain to be within it,
    if there are any. The primary metric breaks ties. If no row is within the bounds, ``nearest`` is
    the feasible row with the smallest sum of misses.
    """
    front, metric = results.front, results.metric
    column, more = by
    beyond = missed(front, asked)
    known = front[column].notna().to_numpy(dtype=bool)
    ordered = front[(beyond == 0) & known].sort_values(
        [column, on_split(metric, results.split).value],
        ascending=[not more, metric.direction == "min"],
        kind="stable",
    )
    sure = ordered[ordered.index.isin(front.index[_certain(results, asked)])]
    found = ordered if sure.empty else sure
    point, runner_up = ([row for _, row in found.head(2).iterrows()] + [None, None])[:2]
    nearest = _nearest(front, beyond) if point is None else None
    by_figure = None if ordered.empty else ordered.iloc[0]
    question = f"{what}{' with ' * bool(asked)}{' and '.join(bound.words for bound in asked)}"
    note = _note(results, asked, None if sure.empty else point, by_figure)
    text = f"{question}: {_text(results, point, runner_up, nearest)} {note}".rstrip()
    is_certain = not sure.empty
    return Answer(question, point, runner_up, nearest, text, metric, is_certain, by_figure, note)


def _note(results: Asked, asked: Sequence[Bound], sure: Row, by_figure: Row) -> str:
    """What a choice on test means; "" on validation. ``sure``: the answer, if it is certain."""
    if by_figure is None or not results.confirmed:
        return ""
    if sure is None:
        on_drop = any(bound.column == on_split(results.metric, "test").drop for bound in asked)
        start = "No such point is certain to have so small a drop at 95 %. " if on_drop else ""
        return f"{start}{CHOSEN}"
    told = "That its drop is so small is certain at 95 %, also after this choice."
    if sure.name == by_figure.name:
        return told
    other = point_text(by_figure, results)
    return f"{told} By its figure alone the answer would be {other}, which is optimistic."


def _nearest(front: pd.DataFrame, beyond: FloatArray) -> pd.Series[Any] | None:
    keeps = front["feasible"].fillna(False).to_numpy(dtype=bool)
    distance = np.where(keeps | ~keeps.any(), beyond, np.inf)
    if not np.isfinite(distance).any():
        return None
    return front.iloc[int(np.argmin(distance))]


def _text(results: Asked, point: Row, runner_up: Row, nearest: Row) -> str:
    if results.front.empty:
        return "the front has no point yet."
    if point is not None:
        second = "" if runner_up is None else f" Runner-up: {point_text(runner_up, results)}."
        return f"{point_text(point, results)}.{second}"
    come = "" if nearest is None else f" The nearest point is {point_text(nearest, results)}."
    return f"no point of the front is within the bounds.{come}"


def point_text(row: pd.Series[Any], results: Asked) -> str:
    """A row of the front in words, with its interval and the split it is measured on."""
    metric, form = results.metric, MetricFormat(results.metric)
    on = on_split(metric, results.split)
    where = "on test" if on.split == "test" else "on validation, unconfirmed"
    drop, to_dense = row[on.drop], ""
    if pd.notna(drop):
        to_dense = f", {form.gap(drop)} {form.side(drop)} dense"
    return (
        f"{row['trial_id']} after epoch {row['epoch']}, {percent(row['sparsity'], 1)} sparsity at "
        f"{form.named(row[on.value])} ({where}; 95 % interval "
        f"{form.span(row[on.low], row[on.high])}{to_dense})"
    )
