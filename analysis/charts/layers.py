"""The sparsity of each matrix, layer by layer, at points of the front."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from analysis.charts.panels import HeatMaps
from analysis.format import paragraph
from analysis.results import Results
from analysis.tables import thin

MOST_POINTS = 12
"""The number of front points in the interactive figure, which shows one at a time."""
MOST_ROWS = 48
ALONE = "itself"
"""The column of matrices that are in no numbered layer."""

_NUMBERED = re.compile(r"^(?P<stack>.*?)\.(?P<layer>\d+)\.(?P<matrix>.+)$")


def place(name: str) -> tuple[str, str]:
    """The row and the column of a matrix, from its name.

    >>> place("bert.encoder.layer.3.attention.self.query.weight")
    ('bert.encoder.layer 3', 'attention.self.query')
    >>> place("classifier.weight")
    ('classifier', 'itself')
    """
    inner = name.removesuffix(".weight")
    found = _NUMBERED.match(inner)
    if found is None:
        return inner, ALONE
    return f"{found['stack']} {found['layer']}", found["matrix"]


def view(results: Results) -> HeatMaps | str:
    """The layers at the points of the front, at most ``MOST_POINTS``.

    Rows and columns are in the order of the model. With one numbered stack its rows are called
    "layer 3"; with several stacks, rows have their whole names.
    """
    if results.front.empty:
        return "There is no front yet, so there are no layers to show."
    table = results.layer_table()
    if table is None:
        return (
            "The ledger does not have the zeros of each matrix: an older version wrote it, or its "
            "task has no matrices."
        )
    (known,) = np.nonzero(table.notna().any())
    known = known[thin.evenly(len(known), MOST_POINTS)]
    table = table.set_axis(pd.MultiIndex.from_tuples([place(str(name)) for name in table.index]))
    rows, columns = (table.index.unique(level) for level in (0, 1))
    columns = columns[np.argsort(columns == ALONE, kind="stable")]
    kept = rows[thin.evenly(len(rows), MOST_ROWS)]
    maps = [
        table[name].unstack().reindex(index=kept, columns=columns) for name in table.columns[known]
    ]
    shown = results.front.iloc[known]
    named = zip(100 * shown["sparsity"], shown["trial_id"], shown["epoch"], strict=True)
    points = [f"{sparsity:.1f} %: {trial}, epoch {epoch}" for sparsity, trial, epoch in named]
    caption = _caption(results, len(points), len(kept), len(rows))
    return HeatMaps(caption, _short_names(list(kept)), list(columns), 100 * np.array(maps), points)


def _short_names(rows: list[str]) -> list[str]:
    """The names of the rows, without the name of the stack if there is only one."""
    stacks = {row.rpartition(" ")[0] for row in rows if " " in row}
    if len(stacks) != 1:
        return rows
    return [f"layer {row.rpartition(' ')[2]}" if " " in row else row for row in rows]


def _caption(results: Results, points: int, rows: int, in_all: int) -> str:
    return paragraph(
        "The share of zero weights in each matrix, in %. Rows are layers and columns are the "
        "matrices in them; a matrix in no numbered layer has a row of its own and is in the column "
        f'"{ALONE}". The page shows one point of the front at a time; the static figure shows the '
        "densest, a middle one and the sparsest.",
        thin.note(points, len(results.front), "points of the front"),
        thin.note(rows, in_all, "rows"),
    )
