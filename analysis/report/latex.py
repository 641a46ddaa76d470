r"""A document's tables as LaTeX: plain ``tabular``, no package needed beyond what LaTeX has.

A file is read with ``\input{tables/front.tex}``, inside a ``table`` of one's own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from analysis.report.document import Table

_SPECIAL = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "$": r"\$",
        "&": r"\&",
        "#": r"\#",
        "%": r"\%",
        "_": r"\_",
        "^": r"\textasciicircum{}",
        "~": r"\textasciitilde{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': "''",
    }
)


def render(table: Table) -> str:
    """One table, its caption as a comment above it."""
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
    """Text on one line that LaTeX sets as it stands."""
    return _one_line(text).translate(_SPECIAL)


def _one_line(text: str) -> str:
    """No line of a comment or a cell may end early; control characters are none of LaTeX's."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _row(cells: Sequence[str]) -> str:
    # A bracket after \\ would be read as its argument, of the row before.
    guarded = (re.sub(r"^(?=[\[*])", "{}", escape(cell)) for cell in cells)
    return " & ".join(guarded) + r" \\"
