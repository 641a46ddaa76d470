"""Tables as HTML, for Jupyter: every text of a sweep is text in it, never markup."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import pandas as pd

from analysis.format import MetricFormat
from analysis.tables import thin
from analysis.tables.columns import on_split
from sweep.ledger.metric import PrimaryMetric

ROWS = 20


def answer_html(text: str, rows: Mapping[str, pd.Series[Any] | None], metric: PrimaryMetric) -> str:
    """An answer: its sentence, and its points by their names."""
    known = {name: row for name, row in rows.items() if row is not None}
    table = ""
    if known:
        frame = pd.DataFrame(list(known.values())).reset_index(drop=True)
        frame.insert(0, "", list(known))
        table = front_html(frame, metric, [""])
    return f"<p>{escape(text)}</p>{table}"


def section(title: str, text: str, *tables: str) -> str:
    """A small heading, a line of text, and ``tables``, which are HTML."""
    return f"<h4>{escape(title)}</h4><p>{escape(text)}</p>{''.join(tables)}"


def table_html(table: pd.DataFrame) -> str:
    """A whole table, as pandas shows it."""
    return table.to_html(index=False, border=0, na_rep="-", escape=True)


def front_html(front: pd.DataFrame, metric: PrimaryMetric, first: list[str] | None = None) -> str:
    """Rows of the front as an HTML table: the columns that have a value, thinned evenly."""
    rows, note = front, ""
    if len(front) > ROWS:
        rows = thin.rows(front, ROWS)
        note = f"<p>{ROWS} of {len(front)} points, evenly spaced.</p>"
    forms = _forms(metric)
    columns = [name for name in forms if name in rows and rows[name].notna().any()]
    shown = pd.DataFrame(
        {
            **{name: rows[name] for name in first or []},
            **{name: [_cell(forms[name], cell) for cell in rows[name]] for name in columns},
        },
        index=rows.index,
    )
    return shown.to_html(index=False, border=0, escape=True) + note


def _cell(show: Any, cell: Any) -> str:
    return "-" if pd.isna(cell) else show(cell)


def _forms(metric: PrimaryMetric) -> dict[str, Any]:
    """How each column of the front is shown."""
    form = MetricFormat(metric)
    splits = (on_split(metric, "validation"), on_split(metric, "test"))
    figures = {
        name: shown
        for on in splits
        for name, shown in zip(
            (on.value, on.low, on.high, on.drop), (*[form.plain] * 3, form.signed), strict=True
        )
    }
    return {
        "trial_id": str,
        "epoch": str,
        "sparsity": "{:.3f}".format,
        **figures,
        "front_probability": "{:.2f}".format,
        "verdict": str,
        "size_bytes": "{:,}".format,
        "param_method": str,
        "param_scope": str,
    }
