"""The points of a front: which figures a report leads with, what each point is worth beside dense.

A report leads with the figures of test as soon as there are any, else with those of validation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from analysis.questions import bounds, missed
from analysis.report.document import Column, Table
from analysis.report.format import UNKNOWN, megabytes, number, percent, points, short, span
from analysis.results import Results
from analysis.tables import thin
from analysis.tables.columns import text_columns

MAX_ROWS = 40

# Shown as the measured sparsity and as the epoch of the point.
_SHOWN_OTHERWISE = ("param_sparsity", "param_finetune_epochs")
_SHOWN_ANYWAY = ("accuracy", "sparsity", "model_sparsity", "epoch", "size_bytes", "nonzero_params")

Row = Any
Cells = list[tuple[Column, Callable[[Row], str]]]

ONE_POINT = 0.01


@dataclass(frozen=True)
class Basis:
    """A split, and the columns of ``front`` that hold its figures (shares in [0, 1])."""

    split: Literal["test", "validation"]
    accuracy: str
    low: str
    high: str
    drop: str
    """Dense minus the point's accuracy."""


VALIDATION = Basis("validation", "accuracy", "accuracy_low", "accuracy_high", "accuracy_drop")
TEST = Basis("test", "test_accuracy", "test_accuracy_low", "test_accuracy_high", "test_drop")


def basis_of(results: Results) -> Basis:
    """Test where any point of the front was read there; validation figures are never a result."""
    return TEST if results.front["test_accuracy"].notna().any() else VALIDATION


def measured(results: Results) -> pd.DataFrame:
    """The points of the front that have figures of the split that the report leads with."""
    return results.front[results.front[basis_of(results).accuracy].notna()]


def near_dense(results: Results) -> pd.DataFrame:
    """Those of them whose estimate is at most one point below dense."""
    points = measured(results)
    beyond = missed(points, bounds(basis_of(results).split, max_drop=ONE_POINT))
    return points[pd.Series(beyond == 0, index=points.index)]


def mark(results: Results) -> str:
    """What a heading says of the front's standing: "" once all of it has test figures."""
    if results.front.empty or results.confirmed:
        return ""
    return " (PARTLY CONFIRMED)" if basis_of(results) is TEST else " (UNCONFIRMED)"


def figures_table(results: Results) -> Table:
    """The front relative to dense: estimates, intervals, verdicts; test first where it was read."""
    told = basis_of(results).split
    about = [f"The front relative to dense, on {told}.", _intervals(results), _tested(results)]
    caption = " ".join(text for text in [*about, _thinned(results)] if text)
    return _table("front", caption, [*_names(), *_figures(results), *_doubts(results)], results)


def settings_table(results: Results) -> Table:
    """With which settings each point of the front was made, and what it weighs."""
    cells: Cells = _names()[:2]
    for name in _varied(results):
        kind = "text" if name in text_columns(results.front) else "numeric"
        cells.append(_cell(name.removeprefix("param_"), kind, _shown(name)))
    cells += [
        _cell("non-zero parameters", "numeric", _shown("nonzero_params")),
        _cell("size", "numeric", lambda row: megabytes(row["size_bytes"])),
        _cell("seed", "numeric", lambda row: str(row["seed"]) if pd.notna(row["seed"]) else ""),
        _cell("trial ended", "text", lambda row: short(row["status"])),
    ]
    caption = "The settings that differ between trials; size: a bitmap and the non-zero values."
    return _table("settings", caption, cells, results)


def _intervals(results: Results) -> str:
    if basis_of(results) is TEST:
        return "Intervals are 95 %, of the mean over fresh seeds."
    return "Intervals are 95 % Wilson, of the validation examples alone."


def _tested(results: Results) -> str:
    if not results.front["p_value"].notna().any():
        return ""
    return "p: McNemar's exact test against dense, corrected by Holm over the front."


def _thinned(results: Results) -> str:
    if len(results.front) <= MAX_ROWS:
        return ""
    return f"{MAX_ROWS} of {len(results.front)} points, evenly spaced; front.csv has all."


def _table(key: str, caption: str, cells: Cells, results: Results) -> Table:
    rows = thin.rows(results.front, MAX_ROWS)
    shown = tuple(tuple(show(row) for _, show in cells) for _, row in rows.iterrows())
    return Table(key, caption, tuple(column for column, _ in cells), shown)


def _cell(title: str, kind: Any, show: Callable[[Row], str]) -> tuple[Column, Callable[[Row], str]]:
    return Column(title, kind), show


def _shown(name: str, form: Callable[[Any], str] = number) -> Callable[[Row], str]:
    return lambda row: form(row[name])


def _names() -> Cells:
    return [
        _cell("trial", "text", _shown("trial_id", short)),
        _cell("epoch", "numeric", _shown("epoch")),
        _cell("sparsity", "numeric", lambda row: percent(row["sparsity"], 1)),
        _cell("of the whole model", "numeric", lambda row: percent(row["model_sparsity"], 1)),
    ]


def _figures(results: Results) -> Cells:
    """Accuracy with its interval and its distance to dense, then the other objectives."""
    basis = basis_of(results)
    cells = [
        _cell(f"{basis.split} accuracy", "numeric", _shown(basis.accuracy, percent)),
        _cell("95 % interval", "numeric", lambda row: span(row[basis.low], row[basis.high])),
        _cell("to dense (points)", "numeric", lambda row: _to_dense(row[basis.drop])),
        _cell("within 1 point of dense", "mark", lambda row: _word(row["verdict"])),
    ]
    if basis is TEST:
        cells += [
            _cell("validation accuracy", "numeric", _shown("accuracy", percent)),
        ]
    others = [name for name in results.directions if name not in _SHOWN_ANYWAY]
    return cells + [_cell(name, "numeric", _shown(name)) for name in sorted(others)]


def _doubts(results: Results) -> Cells:
    """How sure the points' places are, where that is known."""
    front, cells = results.front, []
    if front["p_value"].notna().any():
        cells.append(_cell("p (Holm)", "numeric", _shown("p_value", _p_value)))
    if front["front_probability"].notna().any():
        share = _shown("front_probability", lambda value: percent(value, 0))
        cells.append(_cell("is on the front", "numeric", share))
    if "feasible" in front and not front["feasible"].fillna(True).all():
        cells.append(_cell("within constraints", "mark", lambda row: _yes(row["feasible"])))
    return cells


def _varied(results: Results) -> list[str]:
    """Parameter columns that differ between trials."""
    params = [str(name) for name in results.trials if str(name).startswith("param_")]
    return [
        name
        for name in params
        if name not in _SHOWN_OTHERWISE and results.trials[name].nunique() > 1
    ]


def _to_dense(drop: Any) -> str:
    return points(-drop) if pd.notna(drop) else UNKNOWN


def _word(value: Any) -> str:
    return short(value) if pd.notna(value) else UNKNOWN


def _yes(value: Any) -> str:
    return "yes" if value is True or value == 1 else "no"


def _p_value(value: Any) -> str:
    if pd.isna(value):
        return UNKNOWN
    return "<0.001" if value < 0.001 else f"{value:.3f}"
