"""The fronts of several sweeps in one panel."""

from __future__ import annotations

from dataclasses import replace

from analysis.charts import style
from analysis.charts.frontier import dense_level, drawn, leads_with_test
from analysis.charts.panels import Axis, Panel, Panels
from analysis.comparison import Comparison
from analysis.format import MetricFormat, paragraph

MOST_WITH_INTERVALS = 3
"""With more sweeps no intervals are drawn, because they would overlap."""


def view(comparison: Comparison) -> Panels | str:
    """One panel, unless no sweep has a front."""
    if all(results.front.empty for results in comparison.results):
        return "None of the sweeps has a front yet."
    across, up = style.axes_of(comparison)
    # Either all fronts are on test, or all are on validation.
    is_test = all(leads_with_test(one) and one.confirmed for one in comparison.results)
    series = [
        one
        for place, (name, results) in enumerate(comparison.named)
        for one in drawn(
            results, f"{name} ({len(results.front):,})", style.look(place), on_test=is_test
        )
    ]
    if len(comparison.results) > MOST_WITH_INTERVALS:
        series = [replace(one, ends=None) for one in series]
    dense = [dense_level(one, on_test=is_test) for one in comparison.results]
    panel = Panel(
        across=across,
        up=Axis(MetricFormat(comparison.metric).label("test") if is_test else up.label),
        series=series,
        # The dense model is drawn if it is the same in all sweeps.
        levels=dense[0] if all(level == dense[0] for level in dense) else [],
        height=400,
    )
    return Panels(_caption(comparison, is_test), [panel])


def _caption(comparison: Comparison, is_test: bool) -> str:
    across, up = (axis.name for axis in style.axes_of(comparison))
    where = (
        "on test, retrained under fresh seeds"
        if is_test
        else "on validation, where its points were selected (not all sweeps are confirmed on test)"
    )
    has_bars = up == comparison.metric.name and len(comparison.results) <= MOST_WITH_INTERVALS
    is_projection = set(comparison.directions) != {across, up}
    return paragraph(
        f"The front of each sweep, {where}; the number of its points in brackets.",
        "Bars: 95 % intervals." if has_bars else "",
        "This is a projection of more objectives: points may look dominated."
        if is_projection
        else "",
        "Hollow: evaluations of trials that were stopped early.",
    )
