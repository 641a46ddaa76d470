"""The table of a grid: the metric of each combination of settings at each sparsity, over seeds."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from analysis.certainty.measured import measured, over_seeds
from analysis.format import UNKNOWN, MetricFormat, number, percent
from analysis.report.document import Column, Section, Table
from analysis.results import Results

MAX_ROWS, MAX_COLUMNS = 400, 12

_ACROSS = "param_sparsity"
# Parameters that are averaged over, or shown as the epoch of each row.
_NOT_SETTINGS = (_ACROSS, "param_seed", "param_finetune_epochs")


def sections(results: Results) -> list[Section]:
    """The section with the table, if the sweep was a grid over sparsity; else none."""
    if results.sampler != "grid":
        return []
    table = grid_table(results)
    return [] if table is None else [Section("grid", "All settings of the grid", [table])]


def grid_table(results: Results, epochs: Collection[int] | None = None) -> Table | None:
    """One row per combination of the settings that differ, and epoch (all, or only ``epochs``).

    A cell has the mean of the metric on validation over seeds, with its 95 % interval
    (`analysis.certainty.measured.over_seeds`), at the sparsity of its column. None if there is no
    record or only one sparsity, or if the table has more than 400 rows or 12 columns.
    """
    found, form = cells(results), MetricFormat(results.metric)
    if epochs is not None:
        found = found[found["epoch"].isin(list(epochs))]
    figures = ("sparsity", "epoch", *_figures(results))
    settings = [str(name) for name in found if name not in figures]
    texts = [
        f"{form.value(row[results.metric.name], 1)} ({form.span(row['low'], row['high'])})"
        for row in found.to_dict("records")
    ]
    wide = found.assign(text=texts).pivot(
        index=[*settings, "epoch"], columns="sparsity", values="text"
    )
    if wide.empty or not 1 < wide.shape[1] <= MAX_COLUMNS or len(wide) > MAX_ROWS:
        return None
    columns = [*(Column(name) for name in settings), Column("epoch", "numeric")]
    columns += [Column(percent(share, 0), "numeric") for share in wide]
    most = int(found["seeds"].max())
    caption = (
        f"{form.heading('Validation ')}, by settings (rows) and target sparsity (columns), after "
        f"each epoch: mean over seeds (up to {most}) with its 95 % interval, which includes the "
        "errors over examples and seeds."
    )
    shown = [
        list(map(number, row)) for row in wide.fillna(UNKNOWN).reset_index().itertuples(index=False)
    ]
    return Table("grid", caption, columns, shown)


def _figures(results: Results) -> tuple[str, str, str, str]:
    return (results.metric.name, "low", "high", "seeds")


def cells(results: Results) -> pd.DataFrame:
    """One row a combination of the parameters that differ (seeds apart), sparsity and epoch.

    Columns: those parameters by name, ``sparsity`` (as asked), ``epoch``, the metric (mean over
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
        seeds = [measured(row, results.metric) for row in part.to_dict("records")]
        found = (*over_seeds(seeds, results.metric), len(part))
        figures = dict(zip(_figures(results), found, strict=True))
        rows.append(dict(zip(keys, key, strict=True)) | figures)
    table = pd.DataFrame(rows, columns=[*keys, *_figures(results)])
    return table.rename(columns={name: name.removeprefix("param_") for name in keys})
