"""Tables as HTML for Jupyter; text of the user is escaped."""

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
    """The sentence of an answer, and a table of its points by their names."""
    known = {name: row for name, row in rows.items() if row is not None}
    table = ""
    if known:
        frame = pd.DataFrame(list(known.values())).reset_index(drop=True)
        frame.insert(0, "", list(known))
        table = front_html(frame, metric, [""])
    return f"<p>{escape(text)}</p>{table}"


def section(title: str, text: str, *tables: str) -> str:
    """A small heading, a line of text, and ``tables`` that are HTML already."""
    return f"<h4>{escape(title)}</h4><p>{escape(text)}</p>{''.join(tables)}"


def table_html(table: pd.DataFrame) -> str:
    """A whole table as HTML."""
    return table.to_html(index=False, border=0, na_rep="-", escape=True)


def front_html(front: pd.DataFrame, metric: PrimaryMetric, first: list[str] | None = None) -> str:
    """The front as an HTML table: at most ``ROWS`` rows, and the columns that have a value."""
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
    """The format of each shown column of the front."""
    form = MetricFormat(metric)
    figures: dict[str, Any] = {}
    for on in (on_split(metric, "validation"), on_split(metric, "test")):
        figures |= dict.fromkeys((on.value, on.low, on.high), form.plain)
        figures[on.drop] = form.signed
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
