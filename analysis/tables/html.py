"""Tables as HTML, for Jupyter: every text of a sweep is text in it, never markup."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import pandas as pd

from analysis.tables import thin

ROWS = 20

# Column of the front -> how it is shown.
_SHARE, _PLAIN = "{:.4f}".format, str
_SHOWN: dict[str, Any] = {
    "trial_id": _PLAIN,
    "epoch": _PLAIN,
    "sparsity": "{:.3f}".format,
    "accuracy": _SHARE,
    "accuracy_low": _SHARE,
    "accuracy_high": _SHARE,
    "accuracy_drop": "{:+.4f}".format,
    "test_accuracy": _SHARE,
    "test_accuracy_low": _SHARE,
    "test_accuracy_high": _SHARE,
    "test_drop": "{:+.4f}".format,
    "front_probability": "{:.2f}".format,
    "verdict": _PLAIN,
    "size_bytes": "{:,}".format,
    "param_method": _PLAIN,
    "param_scope": _PLAIN,
}


def answer_html(text: str, rows: Mapping[str, pd.Series[Any] | None]) -> str:
    """An answer: its sentence, and its points by their names."""
    known = {name: row for name, row in rows.items() if row is not None}
    table = ""
    if known:
        frame = pd.DataFrame(list(known.values())).reset_index(drop=True)
        frame.insert(0, "", list(known))
        table = front_html(frame, [""])
    return f"<p>{escape(text)}</p>{table}"


def section(title: str, text: str, *tables: str) -> str:
    """A small heading, a line of text, and ``tables``, which are HTML."""
    return f"<h4>{escape(title)}</h4><p>{escape(text)}</p>{''.join(tables)}"


def table_html(table: pd.DataFrame) -> str:
    """A whole table, as pandas shows it."""
    return table.to_html(index=False, border=0, na_rep="-", escape=True)


def front_html(front: pd.DataFrame, first: list[str] | None = None) -> str:
    """Rows of the front as an HTML table: the columns that have a value, thinned evenly."""
    rows, note = front, ""
    if len(front) > ROWS:
        rows = thin.rows(front, ROWS)
        note = f"<p>{ROWS} of {len(front)} points, evenly spaced.</p>"
    columns = [name for name in _SHOWN if name in rows and rows[name].notna().any()]
    shown = pd.DataFrame(
        {
            **{name: rows[name] for name in first or []},
            **{name: [_cell(_SHOWN[name], cell) for cell in rows[name]] for name in columns},
        },
        index=rows.index,
    )
    return shown.to_html(index=False, border=0, escape=True) + note


def _cell(show: Any, cell: Any) -> str:
    return "-" if pd.isna(cell) else show(cell)
