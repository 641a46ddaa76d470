"""The head of a report: where the sweep stands, the answer in a sentence, the front.

Each part is a function from results to Markdown.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis import markdown as md
from analysis.columns import text_columns
from analysis.query import most, points
from analysis.results import Results

MAX_ROWS = 40
ONE_POINT = 0.01

# Shown as the measured sparsity and as the epoch of the point.
_SHOWN_OTHERWISE = ("param_sparsity", "param_finetune_epochs")


def heading(results: Results) -> str:
    """Title and where the sweep stands."""
    trials = md.count(len(results.trials), "trial")
    planned = results.trials_planned
    if planned is not None and planned > len(results.trials):
        trials += f" of {planned:,}"
    counts = ", ".join(f"{count} {status}" for status, count in results.counts.items() if count)
    state = f"The sweep is **{results.state}**: {trials}{f' ({counts})' if counts else ''}."
    return f"# {md.plain(results.name)}\n\n{state}"


def answer(results: Results) -> str:
    """The sentence that a reader came for, with what it is worth."""
    if results.front.empty:
        empty = "has no trials yet" if results.trials.empty else "has no finished evaluation yet"
        return f"## Answer\n\nThere is no front: the sweep {empty}."
    mark = "" if results.confirmed else " (UNCONFIRMED)"
    lines = [f"## Answer{mark}", f"{_closest(results)} {_bend(results)}"]
    if not results.confirmed:
        lines.append(
            "> **UNCONFIRMED.** Accuracies here are of the validation set. The search chose the "
            "points by them, so they flatter the points; the test set has not been read. They "
            "are not a result."
        )
    return "\n\n".join(lines)


def _closest(results: Results) -> str:
    near = most(points(results, max_drop=ONE_POINT), "sparsity")
    if near is not None:
        return f"The sparsest point within one point of dense (by its estimate) is {_point(near)}."
    best = most(results.front, "accuracy")
    if best is None:
        return "No point of the front has an accuracy."
    if results.baseline is None:
        return f"The most accurate point is {_point(best)}; there is no dense baseline yet."
    return f"No point is within one point of dense; the most accurate is {_point(best)}."


def _bend(results: Results) -> str:
    if results.knee is None:
        return "The front has no clear knee."
    return f"The front bends most at {_point(results.front.iloc[results.knee])}."


def _point(row: pd.Series[Any]) -> str:
    interval = md.span(row["accuracy_low"], row["accuracy_high"])
    drop = row["accuracy_drop"]
    side = "below" if drop > 0 else "above"
    to_dense = f"{abs(100 * drop):.2f} points {side} dense; " if md.known(drop) else ""
    return (
        f"**{md.percent(row['sparsity'], 1)} sparsity at {md.percent(row['accuracy'])} validation "
        f"accuracy** ({to_dense}95 % interval {interval}; {md.plain(row['trial_id'])} after epoch "
        f"{row['epoch']})"
    )


def front(results: Results) -> str:
    """The front relative to dense, its figure, its hypervolume."""
    if results.front.empty:
        return ""
    rows = results.front
    note = f"{md.count(len(rows), 'point')} of {md.count(len(results.candidates), 'evaluation')}."
    if len(rows) > MAX_ROWS:
        rows = rows.iloc[np.linspace(0, len(rows) - 1, MAX_ROWS).round().astype(int)]
        note += f" {MAX_ROWS} of them, evenly spaced, are shown; front.csv has all."
    volume = results.hypervolume
    if volume is not None:
        corner = ", ".join(f"{md.plain(k)} {v:g}" for k, v in results.reference_point.items())
        note += f" Hypervolume {volume:.4f} against the fixed reference point ({corner})."
    columns = _columns(results)
    cells = [[show(row) for show in columns.values()] for _, row in rows.iterrows()]
    right = [place for place, name in enumerate(columns) if name not in _texts(results)]
    parts = ["## Front on validation", md.table(list(columns), cells, right)]
    parts.append("Intervals are 95 % Wilson, of the validation examples alone. " + note)
    parts.append("Zeros in a dense matrix make nothing faster by themselves: no speed-up is meant.")
    return "\n\n".join([*parts, "![The Pareto front](figures/front.png)"])


def _columns(results: Results) -> dict[str, Any]:
    """Header -> what a cell of the front's table shows of a row."""
    columns: dict[str, Any] = {
        "trial": lambda row: md.plain(row["trial_id"]),
        "epoch": lambda row: md.number(row["epoch"]),
        "sparsity": lambda row: md.percent(row["sparsity"], 1),
        "of the whole model": lambda row: md.percent(row["model_sparsity"], 1),
        "validation accuracy": lambda row: md.percent(row["accuracy"]),
        "95 % interval": lambda row: md.span(row["accuracy_low"], row["accuracy_high"]),
        "to dense (points)": lambda row: _signed(row["accuracy_drop"]),
    }
    if results.confirmed:
        columns["test accuracy"] = lambda row: md.percent(row["test_accuracy"])
        columns["95 % interval (test)"] = lambda row: md.span(
            row["test_accuracy_low"], row["test_accuracy_high"]
        )
    others = set(results.directions) - {"accuracy", "sparsity", "model_sparsity", "epoch"}
    for name in sorted(others) + _varied(results):
        columns[name.removeprefix("param_")] = lambda row, name=name: md.number(row[name])
    return columns | {"status": lambda row: md.plain(row["status"])}


def _varied(results: Results) -> list[str]:
    """Parameter columns that differ between trials."""
    params = [name for name in results.trials if str(name).startswith("param_")]
    return [
        str(name)
        for name in params
        if name not in _SHOWN_OTHERWISE and results.trials[name].nunique() > 1
    ]


def _texts(results: Results) -> set[str]:
    """Headers of the columns that hold words, not numbers."""
    words = text_columns(results.trials)
    return {"trial", "status", *(name.removeprefix("param_") for name in words)}


def _signed(drop: Any) -> str:
    return f"{-100 * drop:+.2f}" if md.known(drop) else md.UNKNOWN
