"""What a search, or several, got for its epochs: the hypervolume of the front as it grew."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.charts import style
from analysis.charts.chart import chart_of_panels, once
from analysis.charts.fronts import named
from analysis.charts.panels import Axis, Panel, Series
from analysis.charts.style import BLUE, Look
from analysis.comparison import Comparison
from analysis.results import Results
from analysis.tables import thin

MOST_STEPS = 400

EPOCHS = Axis("finetune epochs spent, all trials together")
VOLUME = Axis("hypervolume of the front", hover="hypervolume")


LOOK = Look(BLUE)


@once
def growth(results: Results) -> pd.DataFrame:
    """The rows of ``traces`` at which the hypervolume grew, and the last one; one an epoch."""
    traces = results.traces().dropna(subset=["hypervolume"])
    if traces.empty:
        return traces
    after = traces.drop_duplicates("epochs", keep="last")
    grown = after["hypervolume"].diff().ne(0).to_numpy(dtype=bool, copy=True)
    grown[-1] = True
    return after[grown]


def line(results: Results, label: str = "", look: Look = LOOK) -> Series:
    """The step line of a sweep's growth; thinned, if there are thousands of steps."""
    table = growth(results)
    kept = table.iloc[thin.evenly(len(table), MOST_STEPS)]
    return Series(
        label=label,
        x=kept["epochs"].to_numpy(np.float64),
        y=kept["hypervolume"].to_numpy(np.float64),
        colour=look.colour,
        line="right-then-up",
        dash=look.dash,
        width=2,
        notes=[f"{row.trials:,} trials ended, {row.seconds:,.0f} s" for row in kept.itertuples()],
    )


def panels(results: Results) -> list[Panel]:
    """One panel; none where there is no hypervolume."""
    if growth(results).empty:
        return []
    return [Panel(EPOCHS, VOLUME, series=[line(results)], height=300)]


def reference(results: Results) -> str:
    """The fixed corner in words: "accuracy 0.5, sparsity 0"."""
    return ", ".join(f"{name} {results.reference_point[name]:g}" for name in results.directions)


def _caption(results: Results) -> str:
    if growth(results).empty:
        return ""
    table = growth(results)
    note = thin.note(min(len(table), MOST_STEPS), len(table), "steps")
    return (
        "What the front covers, on validation, against the fixed reference point "
        f"({reference(results)}), after each finetuned epoch of any trial; pruning alone costs no "
        f"epoch. It ends at {table['hypervolume'].iloc[-1]:.4f} after "
        f"{table['epochs'].iloc[-1]:,} epochs. {note}"
    ).strip()


def _empty(results: Results) -> str:
    if results.candidates.empty:
        return "There is no finished evaluation yet, so no front that could grow."
    return "The hypervolume is not known: the ledger has no reference point for its objectives."


EFFORT = chart_of_panels(
    "hypervolume", "Hypervolume against epochs", panels, caption=_caption, empty=_empty
)


def panels_of_several(comparison: Comparison) -> list[Panel]:
    """One panel; none where no sweep has a hypervolume."""
    series = [
        line(results, name, style.look(place))
        for place, (name, results) in enumerate(named(comparison))
        if not growth(results).empty
    ]
    return [Panel(EPOCHS, VOLUME, series=series, height=340)] if series else []


def _caption_of_several(comparison: Comparison) -> str:
    known = [results for results in comparison.results if not growth(results).empty]
    if not known:
        return ""
    missing = len(comparison.results) - len(known)
    left_out = f" {missing} of the sweeps have none yet." if missing else ""
    return (
        "What each front covers, on validation, against the fixed reference point "
        f"({reference(known[0])}), by the finetune epochs that all trials of the sweep have "
        f"taken.{left_out}"
    )


def _empty_of_several(comparison: Comparison) -> str:
    return "None of the sweeps has a hypervolume: no finished evaluation, or no reference point."


EFFORTS = chart_of_panels(
    "hypervolumes",
    "Hypervolume against epochs",
    panels_of_several,
    caption=_caption_of_several,
    empty=_empty_of_several,
)
