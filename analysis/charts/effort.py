"""The hypervolume of the front against the finetune epochs spent, for one sweep or several."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.charts import style
from analysis.charts.panels import Axis, Panel, Panels, Series
from analysis.charts.style import Look
from analysis.comparison import Comparison
from analysis.format import paragraph
from analysis.results import Results
from analysis.tables import thin

MOST_STEPS = 400


def growth(results: Results) -> pd.DataFrame:
    """The rows of ``traces`` at which the hypervolume grew, at most one per epoch, and the last."""
    traces = results.traces().dropna(subset=["hypervolume"])
    if traces.empty:
        return traces
    after = traces.drop_duplicates("epochs", keep="last")
    grown = after["hypervolume"].diff().ne(0).to_numpy(dtype=bool, copy=True)
    grown[-1] = True
    return after[grown]


def line(table: pd.DataFrame, label: str, look: Look) -> Series:
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


def view(source: Results | Comparison) -> Panels | str:
    """One panel with a line for each sweep that has a hypervolume."""
    sweeps = source.named if isinstance(source, Comparison) else [("", source)]
    known = [
        (results, table, line(table, name, style.look(place)))
        for place, (name, results) in enumerate(sweeps)
        if not (table := growth(results)).empty
    ]
    if not known:
        return "There is no hypervolume without a finished evaluation and a reference point."
    drawn, tables, series = zip(*known, strict=True)
    missing = len(sweeps) - len(known)
    caption = paragraph(
        f"The hypervolume of the front {_against(drawn[0])} after each finetuned epoch of any "
        "trial of the sweep; pruning costs no epoch.",
        f"{missing} of the sweeps have no hypervolume yet." if missing else "",
        thin.note(sum(len(one.x) for one in series), sum(map(len, tables)), "steps"),
    )
    across = Axis("finetune epochs spent, all trials together")
    up = Axis("hypervolume of the front", hover="hypervolume")
    return Panels(caption, [Panel(across, up, series=series)])


def _against(results: Results) -> str:
    corner = ", ".join(f"{name} {results.reference_point[name]:g}" for name in results.directions)
    return f"(on validation, relative to the fixed reference point {corner})"
