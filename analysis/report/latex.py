r"""Renders the tables of a document as LaTeX: plain ``tabular``, which needs no package.

Include a file with ``\input{tables/front.tex}`` in a ``table`` environment.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from analysis.report.document import Table

_SPECIAL = str.maketrans(
    {char: rf"\{char}" for char in "{}$&#%_"}
    | {
        "\\": r"\textbackslash{}",
        "^": r"\textasciicircum{}",
        "~": r"\textasciitilde{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': "''",
    }
)


def render(table: Table) -> str:
    """A table, with its caption as a comment above it."""
    sides = "".join("r" if column.kind == "numeric" else "l" for column in table.columns)
    lines = [
        f"% {_one_line(table.caption)}",
        rf"\begin{{tabular}}{{{sides}}}",
        r"\hline",
        _row([column.title for column in table.columns]),
        r"\hline",
        *(_row(row) for row in table.rows),
        r"\hline",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """Text on one line, escaped for LaTeX."""
    return _one_line(text).translate(_SPECIAL)


def _one_line(text: str) -> str:
    """The text on one line without control characters: a line break would end a comment or cell."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _row(cells: Sequence[str]) -> str:
    # LaTeX would take a bracket after the \\ of the previous row for its argument.
    guarded = (re.sub(r"^(?=[\[*])", "{}", escape(cell)) for cell in cells)
    return " & ".join(guarded) + r" \\"
