"""Numbers for people: percentages, intervals, durations, counts, each with its unit.

Plain text, not yet escaped for any form. What is missing is a dash.
"""

from __future__ import annotations

import math
from numbers import Real
from typing import Any, TypeGuard

UNKNOWN = "-"


def short(text: object, limit: int = 300) -> str:
    """Any text on one line, of at most ``limit`` characters."""
    line = " ".join(str(text).split())
    return line if len(line) <= limit else line[: limit - 3] + "..."


def known(value: Any) -> TypeGuard[float]:
    """Whether a cell holds a number: not text, not a flag, not missing."""
    return not isinstance(value, bool) and isinstance(value, Real) and not math.isnan(value)


def percent(share: Any, digits: int = 2) -> str:
    """A share as a percentage: 0.893 is "89.30 %"."""
    return f"{100 * share:.{digits}f} %" if known(share) else UNKNOWN


def span(low: Any, high: Any) -> str:
    """An interval of shares in percent: "87.1 to 91.2 %"."""
    if not (known(low) and known(high)):
        return UNKNOWN
    return f"{100 * low:.1f} to {100 * high:.1f} %"


def points(share: Any) -> str:
    """A difference of shares in points, with its sign: 0.0125 is "+1.25"."""
    return f"{100 * share:+.2f}" if known(share) else UNKNOWN


def number(value: Any) -> str:
    """Any cell: whole numbers with commas, others with four digits, missing ones as a dash."""
    if isinstance(value, str):
        return short(value)
    if not known(value):
        return UNKNOWN
    if not math.isfinite(value):
        return str(float(value))
    return f"{int(value):,}" if float(value).is_integer() else f"{value:.4g}"


def megabytes(size: Any) -> str:
    """Bytes as "1.25 MB" (a million bytes)."""
    return f"{size / 1e6:.2f} MB" if known(size) else UNKNOWN


def duration(seconds: Any) -> str:
    """Seconds for people: "45.0 s", "12 min 03 s", "2 h 05 min"."""
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
