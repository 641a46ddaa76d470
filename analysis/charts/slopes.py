"""What finetuning recovers: each trial from pruned to recovered."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.charts import style
from analysis.charts.frontier import dense_level
from analysis.charts.panels import Axis, Panel, Panels, Series, joined
from analysis.charts.style import BANDS, MARKERS
from analysis.format import paragraph
from analysis.history.importance import groups_of
from analysis.results import Results
from analysis.tables import thin

MOST_LINES = 240
MOST_BANDS = 4

_PLACES = np.array([0.0, 1.0])


def slopes(results: Results) -> pd.DataFrame:
    """One row per finetuned trial, ordered by sparsity: ``trial_id``, ``sparsity``, ``pruned`` and
    ``recovered`` (the drawn metric at epoch 0 and at the last epoch), ``epoch``, and its ``band``
    of sparsity (counted from 0, with about equally many trials in each)."""
    up = style.axes_of(results)[1].name
    records = results.records[results.records["stage"].ne("baseline")].dropna(subset=["epoch"])
    table = records[["trial_id", "epoch", "sparsity", up]]
    pruned = table[table["epoch"].eq(0)].set_index("trial_id")[up].rename("pruned")
    last = table.sort_values("epoch", kind="stable").drop_duplicates("trial_id", keep="last")
    last = last[last["epoch"].gt(0)].rename(columns={up: "recovered"})
    found = last.join(pruned, on="trial_id").dropna(subset=["pruned", "recovered", "sparsity"])
    found = found.sort_values("sparsity", kind="stable", ignore_index=True)
    return found.assign(band=groups_of(found["sparsity"], MOST_BANDS))


def view(results: Results) -> Panels | str:
    """One panel, unless no trial was finetuned."""
    table = slopes(results)
    if table.empty:
        return "No trial has been finetuned yet, so there is nothing to compare."
    _, up = style.axes_of(results)
    kept = table.iloc[thin.evenly(len(table), MOST_LINES)]
    bands = sorted(set(table["band"]))
    series = [_lines(kept[kept["band"].eq(band)], band, up) for band in bands]
    series += [_median(table[table["band"].eq(band)], band, up) for band in bands]
    panel = Panel(
        across=Axis("", ticks=((0, "pruned"), (1, "recovered")), ends=(-0.08, 1.08)),
        up=up,
        series=series,
        levels=dense_level(results),
        height=380,
    )
    caption = paragraph(
        "Left: after pruning alone; right: after the last finetuned epoch of the trial. Thin lines "
        "are trials. Thick lines are medians over groups of about equally many trials by sparsity. "
        "Trials without finetuning are left out.",
        thin.note(len(kept), len(table), "trials"),
    )
    return Panels(caption, [panel])


def _lines(rows: pd.DataFrame, band: int, up: Axis) -> Series:
    pruned, recovered = style.values(rows, up, "pruned"), style.values(rows, up, "recovered")
    x, y = joined(_PLACES, np.column_stack([pruned, recovered]))
    named = zip(rows["trial_id"], 100 * rows["sparsity"], strict=True)
    notes = [f"{name}, {sparsity:.1f} % sparse" for name, sparsity in named]
    # A line has three values: two ends with the same note, and the gap after them.
    notes = [part for note in notes for part in (note, note, "")][: len(x)]
    return Series("", x, y, BANDS[band], line="linear", width=0.8, opacity=0.5, notes=notes)


def _median(rows: pd.DataFrame, band: int, up: Axis) -> Series:
    low, high = 100 * rows["sparsity"].min(), 100 * rows["sparsity"].max()
    ends = [float(np.median(style.values(rows, up, name))) for name in ("pruned", "recovered")]
    return Series(
        label=f"median at {low:.0f} to {high:.0f} % sparsity ({len(rows):,})",
        x=_PLACES,
        y=np.array(ends),
        colour=BANDS[band],
        marker=MARKERS[band],
        line="linear",
        width=3,
        size=8,
    )
