"""The table of a grid: every combination of settings, its accuracy at each sparsity, over seeds."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from analysis.certainty.statistics import over_seeds
from analysis.report.document import Column, Section, Table
from analysis.report.format import UNKNOWN, number, percent, span
from analysis.results import Results

MAX_ROWS, MAX_COLUMNS = 400, 12

_ACROSS = "param_sparsity"
# Pooled, or shown as the epoch of each row.
_NOT_SETTINGS = (_ACROSS, "param_seed", "param_finetune_epochs")


def sections(results: Results) -> list[Section]:
    """The table, where the sweep was a grid over sparsity and whatever else; else nothing."""
    if results.sampler != "grid":
        return []
    table = grid_table(results)
    return [] if table is None else [Section("grid", "All settings of the grid", [table])]


def grid_table(results: Results, epochs: Collection[int] | None = None) -> Table | None:
    """A row a combination of the settings that differ and an epoch (all, or those of ``epochs``).

    A cell is the mean validation accuracy over seeds with its 95 % interval
    (`analysis.certainty.statistics.over_seeds`) at the sparsity of its column. None where there is
    no record, one sparsity alone, or more than fits a page (400 rows, 12 columns).
    """
    found = cells(results)
    if epochs is not None:
        found = found[found["epoch"].isin(list(epochs))]
    across = sorted(found["sparsity"].unique())
    settings = [str(name) for name in found if name not in ("sparsity", "epoch", *_FIGURES)]
    rows = [] if found.empty else list(found.groupby([*settings, "epoch"], sort=True))
    if not rows or not 1 < len(across) <= MAX_COLUMNS or len(rows) > MAX_ROWS:
        return None
    columns = [*(Column(name) for name in settings), Column("epoch", "numeric")]
    columns += [Column(percent(share, 0), "numeric") for share in across]
    most = int(found["seeds"].max())
    caption = (
        "Validation accuracy, by settings (rows) and the sparsity asked for (columns), after each "
        f"epoch: mean over seeds (up to {most}) and 95 % interval, of the examples and the seeds."
    )
    shown = [[*map(number, key[:-1]), str(key[-1]), *_across(part, across)] for key, part in rows]
    return Table("grid", caption, columns, shown)


_FIGURES = ("accuracy", "low", "high", "seeds")


def cells(results: Results) -> pd.DataFrame:
    """One row a combination of the parameters that differ (seeds apart), sparsity and epoch.

    Columns: those parameters by name, ``sparsity`` (as asked), ``epoch``, ``accuracy`` (mean over
    seeds), ``low`` and ``high`` (its 95 % interval), ``seeds``. Of records that are not partial.
    """
    pool = results.candidates
    settings = [
        str(name)
        for name in pool
        if str(name).startswith("param_")
        and name not in _NOT_SETTINGS
        and pool[name].nunique(dropna=False) > 1
    ]
    keys = [*settings, _ACROSS, "epoch"]
    texts = {name: pool[name].astype("object").fillna(UNKNOWN) for name in settings}
    rows = []
    for key, part in pool.assign(**texts).groupby(keys, sort=True):
        mean, low, high = over_seeds(part["accuracy"], float(part["examples"].min()))
        figures = dict(zip(_FIGURES, (mean, low, high, len(part)), strict=True))
        rows.append(dict(zip(keys, key, strict=True)) | figures)
    found = pd.DataFrame(rows, columns=[*keys, *_FIGURES])
    return found.rename(columns={name: name.removeprefix("param_") for name in keys})


def _across(part: pd.DataFrame, across: list[float]) -> list[str]:
    known = {row["sparsity"]: row for row in part.to_dict("records")}
    return [_cell(known[share]) if share in known else UNKNOWN for share in across]


def _cell(row: Mapping[Any, Any]) -> str:
    return f"{percent(row['accuracy'], 1)} ({span(row['low'], row['high'])})"
