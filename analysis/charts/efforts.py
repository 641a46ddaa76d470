"""What several searches got for their epochs: their hypervolumes as they grew."""

from __future__ import annotations

from analysis.charts import style
from analysis.charts.chart import chart_of_panels
from analysis.charts.effort import EPOCHS, VOLUME, growth, line, reference
from analysis.charts.fronts import named
from analysis.charts.panels import Panel
from analysis.comparison import Comparison


def panels(comparison: Comparison) -> list[Panel]:
    """One panel; none where no sweep has a hypervolume."""
    series = [
        line(results, name, style.look(place))
        for place, (name, results) in enumerate(named(comparison))
        if not growth(results).empty
    ]
    return [Panel(EPOCHS, VOLUME, series=series, height=340)] if series else []


def _caption(comparison: Comparison) -> str:
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


def _empty(comparison: Comparison) -> str:
    return "None of the sweeps has a hypervolume: no finished evaluation, or no reference point."


EFFORTS = chart_of_panels(
    "hypervolumes", "Hypervolume against epochs", panels, caption=_caption, empty=_empty
)
