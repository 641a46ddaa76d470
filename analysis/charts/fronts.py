"""The fronts of several sweeps, one over the other."""

from __future__ import annotations

from dataclasses import replace

from analysis.charts import style
from analysis.charts.chart import Chart, Panels, View, told
from analysis.charts.frontier import dense_level, drawn, leads_with_test
from analysis.charts.panels import Axis, Panel
from analysis.comparison import Comparison
from analysis.format import MetricFormat
from analysis.results import Results

MOST_WITH_INTERVALS = 3
"""More sweeps than that have no intervals: they would cover one another."""


def view(comparison: Comparison) -> View | str:
    """One panel; none where no sweep has a front."""
    if all(results.front.empty for results in comparison.results):
        return "None of the sweeps has a front yet."
    across, up = style.axes_of(comparison)
    # All on test, or all on validation, alike.
    is_test = all(leads_with_test(one) and one.confirmed for one in comparison.results)
    series = [
        one
        for place, (name, results) in enumerate(named(comparison))
        for one in drawn(
            results, f"{name} ({len(results.front):,})", style.look(place), on_test=is_test
        )
    ]
    if len(comparison.results) > MOST_WITH_INTERVALS:
        series = [replace(one, ends=None) for one in series]
    dense = [dense_level(one, on_test=is_test) for one in comparison.results]
    panel = Panel(
        across=Axis(across.label),
        up=Axis(MetricFormat(comparison.metric).label(end=" on test") if is_test else up.label),
        series=series,
        # The dense model, where all sweeps have the same.
        levels=dense[0] if all(level == dense[0] for level in dense) else [],
        height=400,
    )
    return Panels(_caption(comparison, is_test), [panel])


def named(comparison: Comparison) -> list[tuple[str, Results]]:
    """The sweeps with their names, which are all different."""
    return list(zip(comparison.names, comparison.results, strict=True))


def _caption(comparison: Comparison, is_test: bool) -> str:
    across, up = (axis.name for axis in style.axes_of(comparison))
    where = (
        "on test, retrained under fresh seeds"
        if is_test
        else "on validation, which chose them (not all sweeps are confirmed on test)"
    )
    has_bars = up == comparison.metric.name and len(comparison.results) <= MOST_WITH_INTERVALS
    is_projection = set(comparison.directions) != {across, up}
    return told(
        f"The front of each sweep, {where}; the number of its points in brackets.",
        "Bars: 95 % intervals." if has_bars else "",
        "A projection of more objectives: points may look beaten." if is_projection else "",
        "Hollow: of trials that were stopped early.",
    )


FRONTS = Chart("fronts", "The fronts", view)
