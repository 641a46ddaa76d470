"""The fronts of several sweeps, one over the other."""

from __future__ import annotations

from dataclasses import replace

from analysis.charts import style
from analysis.charts.chart import Chart, Panels, View, told
from analysis.charts.frontier import dense_level, leads_with_test, on_test, on_validation
from analysis.charts.panels import Axis, Level, Panel, Series
from analysis.comparison import Comparison
from analysis.results import Results

MOST_WITH_INTERVALS = 3
"""More sweeps than that have no intervals: they would cover one another."""


def view(comparison: Comparison) -> View | str:
    """One panel; none where no sweep has a front."""
    if all(results.front.empty for results in comparison.results):
        return "None of the sweeps has a front yet."
    across, up = style.axes_of(comparison.directions)
    series = [
        one
        for place, (name, results) in enumerate(named(comparison))
        for one in _front(comparison, results, f"{name} ({len(results.front):,})", place)
    ]
    label = "accuracy on test (%)" if is_on_test(comparison) else style.scale(up).label
    axes = Axis(style.scale(across).label), Axis(label)
    panel = Panel(*axes, series=series, levels=_dense(comparison), height=400)
    return Panels(_caption(comparison), [panel])


def named(comparison: Comparison) -> list[tuple[str, Results]]:
    """The sweeps with their names, which are all different."""
    return list(zip(comparison.names, comparison.results, strict=True))


def is_on_test(comparison: Comparison) -> bool:
    """Whether all fronts are confirmed as a whole: else all are shown on validation, alike."""
    return all(leads_with_test(results) and results.confirmed for results in comparison.results)


def _front(comparison: Comparison, results: Results, label: str, place: int) -> list[Series]:
    draw = on_test if is_on_test(comparison) else on_validation
    series = draw(results, label, style.look(place))
    if len(comparison.results) > MOST_WITH_INTERVALS:
        return [replace(one, ends=None) for one in series]
    return series


def _dense(comparison: Comparison) -> list[Level]:
    """The dense model, where all sweeps have the same."""
    _, up = style.axes_of(comparison.directions)
    is_test = is_on_test(comparison)
    levels = [
        dense_level(r.test_baseline if is_test else r.baseline, up) for r in comparison.results
    ]
    return levels[0] if all(level == levels[0] for level in levels) else []


def _caption(comparison: Comparison) -> str:
    across, up = style.axes_of(comparison.directions)
    where = (
        "on test, retrained under fresh seeds"
        if is_on_test(comparison)
        else "on validation, which chose them (not all sweeps are confirmed on test)"
    )
    has_bars = up == "accuracy" and len(comparison.results) <= MOST_WITH_INTERVALS
    is_projection = set(comparison.directions) != {across, up}
    return told(
        f"The front of each sweep, {where}; the number of its points in brackets.",
        "Bars: 95 % intervals." if has_bars else "",
        "A projection of more objectives: points may look beaten." if is_projection else "",
        "Hollow: of trials that were stopped early.",
    )


FRONTS = Chart("fronts", "The fronts", view)
