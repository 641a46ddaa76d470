"""Formats numbers for people: percentages, intervals, durations and counts, with their units.

The result is plain text that is not escaped for HTML or Markdown. A missing value is a dash.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any, TypeGuard

from sweep.ledger.metric import PrimaryMetric

UNKNOWN = "-"


def short(text: object, limit: int = 300) -> str:
    """A text on one line of at most ``limit`` characters."""
    line = " ".join(str(text).split())
    return line if len(line) <= limit else line[: limit - 3] + "..."


def paragraph(*sentences: str) -> str:
    """The sentences that are not empty, as one text."""
    return " ".join(filter(None, sentences))


def known(value: Any) -> TypeGuard[float]:
    """Whether a cell has a number, which is not text, a boolean or missing."""
    return not isinstance(value, bool) and isinstance(value, Real) and not math.isnan(value)


def percent(share: Any, digits: int = 2) -> str:
    """A share as a percentage: 0.893 is "89.30 %"."""
    return f"{100 * share:.{digits}f} %" if known(share) else UNKNOWN


def number(value: Any) -> str:
    """Any cell: integers with commas, other numbers with four digits, missing ones as a dash."""
    if isinstance(value, str):
        return short(value)
    if not known(value):
        return UNKNOWN
    if not math.isfinite(value):
        return str(float(value))
    return f"{int(value):,}" if float(value).is_integer() else f"{value:.4g}"


def megabytes(size: Any) -> str:
    """Bytes in millions: "1.25 MB"."""
    return f"{size / 1e6:.2f} MB" if known(size) else UNKNOWN


def duration(seconds: Any) -> str:
    """Seconds as "45.0 s", "12 min 03 s" or "2 h 05 min"."""
    if not known(seconds):
        return UNKNOWN
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def count(amount: int, noun: str) -> str:
    """ "1 trial", "3 trials"."""
    return f"{amount:,} {noun}" if amount == 1 else f"{amount:,} {noun}s"


@dataclass(frozen=True)
class MetricFormat:
    """Formats the values of a metric and differences between them.

    Shares are shown in per cent and their differences in points. Other values are shown as plain
    numbers, with the unit of the metric in headings and sentences.
    """

    metric: PrimaryMetric

    @property
    def unit(self) -> str:
        """The unit of a difference: "points" for shares; may be empty."""
        return "points" if self.metric.is_share else self.metric.unit

    @property
    def best(self) -> str:
        """The best value in words: "highest accuracy"."""
        return f"{'highest' if self.metric.direction == 'max' else 'lowest'} {self.metric.name}"

    @property
    def near(self) -> str:
        """What it means that a point is near dense (`analysis.certainty.verdicts.margin`)."""
        return f"within {'1 point' if self.metric.is_share else '1 %'} of dense"

    @property
    def factor(self) -> float:
        """The factor from a value to the shown number."""
        return 100.0 if self.metric.is_share else 1.0

    def value(self, value: Any, digits: int = 2) -> str:
        """A value: "89.30 %", or "2.345" without its unit."""
        return percent(value, digits) if self.metric.is_share else number(value)

    def plain(self, value: Any) -> str:
        """A value in a terminal, where shares are in [0, 1]: "0.8930"."""
        return f"{value:.4f}" if self.metric.is_share else f"{value:.4g}"

    def signed(self, difference: Any) -> str:
        """A difference in a terminal, with its sign: "+0.0125"."""
        return f"{difference:+.4f}" if self.metric.is_share else f"{difference:+.4g}"

    def named(self, value: Any, start: str = "") -> str:
        """A value in a sentence: "89.30 % accuracy", "rmse 2.345 metres"."""
        name = f"{start}{self.metric.name}"
        if self.metric.is_share:
            return f"{self.value(value)} {name}"
        return f"{name} {number(value)} {self.metric.unit}".rstrip()

    def span(self, low: Any, high: Any) -> str:
        """An interval: "87.1 to 91.2 %", "2.2 to 2.5"."""
        if not (known(low) and known(high)):
            return UNKNOWN
        if self.metric.is_share:
            return f"{100 * low:.1f} to {100 * high:.1f} %"
        return f"{number(low)} to {number(high)}"

    def difference(self, value: Any, sign: str = "+") -> str:
        """A difference, by default with its sign: "+1.25" points, "-0.031"."""
        if not known(value):
            return UNKNOWN
        return f"{100 * value:{sign}.2f}" if self.metric.is_share else f"{value:{sign}.4g}"

    def gap(self, difference: float) -> str:
        """A difference without its sign in a sentence: "1.25 points", "0.031 metres"."""
        return f"{self.difference(abs(difference), '')} {self.unit}".rstrip()

    def to_dense(self, drop: Any) -> str:
        """A value minus that of the dense model, computed from the drop: "-0.40" points."""
        if not known(drop):
            return UNKNOWN
        return self.difference(-drop if self.metric.direction == "max" else drop)

    def side(self, drop: float) -> str:
        """Whether a value is "below" or "above" that of the dense model, given its drop."""
        return "below" if (drop > 0) == (self.metric.direction == "max") else "above"

    def titled(self, title: str, unit: str | None = None) -> str:
        """A heading with a unit in brackets, by default that of differences."""
        unit = self.unit if unit is None else unit
        return f"{title} ({unit})" if unit else title

    def heading(self, title: str) -> str:
        """The heading of a column of values; shares have a per cent sign in each cell instead."""
        return self.titled(f"{title}{self.metric.name}", "" if self.metric.is_share else None)

    def label(self, split: str) -> str:
        """The label of an axis: "validation accuracy (%)"."""
        return self.titled(f"{split} {self.metric.name}", "%" if self.metric.is_share else None)
