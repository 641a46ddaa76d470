"""The tables of the front in a report: its figures relative to dense, and its settings.

A report leads with the figures on test once there are any, else with those on validation.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.format import UNKNOWN, MetricFormat, megabytes, number, paragraph, percent, short
from analysis.questions import Answer, bounds, choose
from analysis.report.document import MAX_ROWS, Cell, Column, Kind, Table, cell, table
from analysis.results import Results
from analysis.tables import thin
from analysis.tables.columns import text_columns
from sweep.ledger.record import figure

# Parameters that are shown as the measured sparsity and the epoch of the point.
_SHOWN_OTHERWISE = ("param_sparsity", "param_finetune_epochs")
_SHOWN_ANYWAY = ("sparsity", "model_sparsity", "epoch", "size_bytes", "nonzero_params")


def answer(results: Results) -> Answer | None:
    """The sparsest point that is certain to be near dense, else the sparsest near it by its figure,
    on the split that the report leads with; None if it is unknown what is near."""
    split = results.reported.split
    margin = results.margin(split)
    if margin is None:
        return None
    asked = bounds(results, max_drop=margin, split=split)
    return choose(results, asked, ("sparsity", True), "The sparsest point")


def mark(results: Results) -> str:
    """The mark of an unconfirmed front in a heading; "" once the whole front is confirmed."""
    if results.front.empty or results.confirmed:
        return ""
    return " (PARTLY CONFIRMED)" if results.reported.split == "test" else " (UNCONFIRMED)"


def figures_table(results: Results) -> Table:
    """The front relative to dense: estimates, intervals and verdicts, on test if known."""
    split, front = results.reported.split, results.front
    name, covered = results.interval_name, figure(results.baseline or {}, "coverage")
    reach = f"{percent(covered, 1)} of the weights in matrices are prunable (coverage)."
    alone = f"Intervals are 95 %{name} intervals over the validation examples only."
    fresh = "Intervals are 95 % intervals of the mean over fresh seeds."
    p_value = "p: McNemar's exact test against dense, corrected by Holm over the front."
    sure = "Certified: certain at 95 % for all such points together, tested from the densest on."
    thinned = f"{MAX_ROWS} of {len(front)} points, evenly spaced; front.csv has all."
    about = paragraph(
        f"The front relative to dense, on {split}.",
        reach if covered is not None else "",
        fresh if split == "test" else alone,
        sure if split == "test" else "",
        p_value if front["p_value"].notna().any() else "",
        thinned if len(front) > MAX_ROWS else "",
    )
    cells = [*_names(), *_figures(results), *_doubts(results)]
    return table("front", about, _rows(results), cells)


def settings_table(results: Results) -> Table:
    """The settings and the size of each point of the front."""
    texts = text_columns(results.front)
    cells = _names()[:2]
    for name in _varied(results):
        kind: Kind = "text" if name in texts else "numeric"
        cells.append(cell(name.removeprefix("param_"), name, number, kind))
    cells += [
        cell("non-zero parameters", "nonzero_params"),
        cell("size", "size_bytes", megabytes),
        cell("seed", "seed", lambda seed: str(seed) if pd.notna(seed) else ""),
        cell("trial ended", "status", short, "text"),
    ]
    caption = (
        "The settings that differ between trials. The size is that of a bitmap and the non-zero "
        "values."
    )
    return table("settings", caption, _rows(results), cells)


def _rows(results: Results) -> list[dict[Any, Any]]:
    return thin.rows(results.front, MAX_ROWS).to_dict("records")


def _names() -> list[Cell]:
    return [
        cell("trial", "trial_id", short, "text"),
        cell("epoch", "epoch", str),
        cell("sparsity", "sparsity", lambda share: percent(share, 1)),
        cell("of the whole model", "model_sparsity", lambda share: percent(share, 1)),
    ]


def _figures(results: Results) -> list[Cell]:
    """The metric with its interval and its difference from dense, then the other objectives."""
    form, on = MetricFormat(results.metric), results.reported
    interval = Column("95 % interval", "numeric")
    cells = [
        cell(form.heading(f"{on.split} "), on.value, form.value),
        (interval, lambda row: form.span(row[on.low], row[on.high])),
        cell(form.titled("to dense"), on.drop, form.to_dense),
        cell(form.near, "verdict", number, "mark"),
    ]
    if on.split == "test":
        cells.append(cell(form.heading("validation "), results.metric.name, form.value))
    shown = (results.metric.name, *_SHOWN_ANYWAY)
    others = [name for name in results.directions if name not in shown]
    return cells + [cell(name, name) for name in sorted(others)]


def _doubts(results: Results) -> list[Cell]:
    """p-values, probabilities and feasibility, if known."""
    front, cells = results.front, []
    if front["p_value"].notna().any():
        cells.append(cell("p (Holm)", "p_value", _p_value))
    if front["front_probability"].notna().any():
        cells.append(cell("is on the front", "front_probability", lambda share: percent(share, 0)))
    if not front["feasible"].fillna(True).all():
        word = {True: "yes", False: "no"}
        cells.append(cell("within constraints", "feasible", lambda is_so: word[is_so], "mark"))
    return cells


def _varied(results: Results) -> list[str]:
    """The columns of parameters that differ between trials."""
    params = [str(name) for name in results.trials if str(name).startswith("param_")]
    return [
        name
        for name in params
        if name not in _SHOWN_OTHERWISE and results.trials[name].nunique() > 1
    ]


def _p_value(value: Any) -> str:
    if pd.isna(value):
        return UNKNOWN
    return "<0.001" if value < 0.001 else f"{value:.3f}"
