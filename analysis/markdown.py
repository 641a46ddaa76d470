"""Pieces of a Markdown file: text that stays text, tables, numbers with their units."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from numbers import Real
from typing import Any, TypeGuard

_SPECIAL = str.maketrans(
    {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        "|": "\\|",
        "\\": "\\\\",
        "`": "\\`",
        "*": "\\*",
        "_": "\\_",
        "[": "\\[",
        "]": "\\]",
    }
)
UNKNOWN = "-"


def plain(text: object, limit: int = 300) -> str:
    """Any text on one line, of at most ``limit`` characters, with nothing in it that is markup."""
    line = " ".join(str(text).split())
    short = line if len(line) <= limit else line[: limit - 3] + "..."
    return short.translate(_SPECIAL)


def table(header: Sequence[str], rows: Iterable[Sequence[str]], numbers: Iterable[int] = ()) -> str:
    """A table of finished cells; the columns in ``numbers`` are set to the right."""
    right = set(numbers)
    rule = ["---:" if column in right else "---" for column in range(len(header))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, rule, *rows))


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


def number(value: Any) -> str:
    """Any cell: whole numbers with commas, others with four digits, missing ones as a dash."""
    if isinstance(value, str):
        return plain(value)
    if not known(value):
        return UNKNOWN
    return f"{int(value):,}" if float(value).is_integer() else f"{value:.4g}"


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
