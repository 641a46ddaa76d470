"""The hypervolume of the front against the finetune epochs spent, for one sweep or several."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.charts import style
from analysis.charts.chart import Chart, Panels, View, told
from analysis.charts.frontier import LEAD
from analysis.charts.fronts import named
from analysis.charts.panels import Axis, Panel, Series
from analysis.charts.style import Look
from analysis.comparison import Comparison
from analysis.results import Results
from analysis.tables import thin

MOST_STEPS = 400

EPOCHS = Axis("finetune epochs spent, all trials together")
VOLUME = Axis("hypervolume of the front", hover="hypervolume")


def growth(results: Results) -> pd.DataFrame:
    """The rows of ``traces`` at which the hypervolume grew, at most one per epoch, and the last."""
    traces = results.traces().dropna(subset=["hypervolume"])
    if traces.empty:
        return traces
    after = traces.drop_duplicates("epochs", keep="last")
    grown = after["hypervolume"].diff().ne(0).to_numpy(dtype=bool, copy=True)
    grown[-1] = True
    return after[grown]


def line(table: pd.DataFrame, label: str = "", look: Look = LEAD) -> Series:
    """The step line of a sweep; thinned out if there are thousands of steps."""
    kept = table.iloc[thin.evenly(len(table), MOST_STEPS)]
    return Series(
        label=label,
        x=kept["epochs"].to_numpy(np.float64),
        y=kept["hypervolume"].to_numpy(np.float64),
        colour=look.colour,
        line="hv",
        dash=look.dash,
        width=2,
        notes=[f"{row.trials:,} trials ended, {row.seconds:,.0f} s" for row in kept.itertuples()],
    )


def view(results: Results) -> View | str:
    """One panel, unless there is no hypervolume."""
    if results.candidates.empty:
        return "There is no finished evaluation yet, so there is no front."
    table = growth(results)
    if table.empty:
        return "The hypervolume is unknown: the ledger has no reference point for its objectives."
    caption = told(
        f"The hypervolume of the front {_against(results)} after each finetuned epoch of any "
        f"trial; pruning costs no epoch. It ends at {table['hypervolume'].iloc[-1]:.4f} after "
        f"{table['epochs'].iloc[-1]:,} epochs.",
        thin.note(min(len(table), MOST_STEPS), len(table), "steps"),
    )
    return Panels(caption, [Panel(EPOCHS, VOLUME, series=[line(table)], height=300)])


def view_of_several(comparison: Comparison) -> View | str:
    """One panel, unless no sweep has a hypervolume."""
    known = [
        (line(table, name, style.look(place)), results)
        for place, (name, results) in enumerate(named(comparison))
        if not (table := growth(results)).empty
    ]
    if not known:
        return "No sweep has a hypervolume: each lacks a finished evaluation or a reference point."
    series, sweeps = zip(*known, strict=True)
    missing = len(comparison.results) - len(known)
    caption = told(
        f"The hypervolume of each front {_against(sweeps[0])}, by the finetune epochs of all "
        "trials of the sweep.",
        f"{missing} of the sweeps have no hypervolume yet." if missing else "",
    )
    return Panels(caption, [Panel(EPOCHS, VOLUME, series=series, height=340)])


def _against(results: Results) -> str:
    corner = ", ".join(f"{name} {results.reference_point[name]:g}" for name in results.directions)
    return f"(on validation, relative to the fixed reference point {corner})"


EFFORT = Chart("hypervolume", "Hypervolume against epochs", view)
EFFORTS = Chart("hypervolumes", "Hypervolume against epochs", view_of_several)
