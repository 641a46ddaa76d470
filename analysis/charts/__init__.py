"""The charts of a report, each as an interactive figure and as a static one, with a caption.

plotly and matplotlib are imported when a figure is drawn, not before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from analysis.charts import (
    attainment,
    effort,
    front,
    fronts,
    importance,
    layers,
    methods,
    parallel,
    rungs,
    slopes,
    timeline,
)
from analysis.charts.panels import HeatMaps, Panels


@dataclass(frozen=True)
class Chart:
    """A kind of picture that can be drawn of any source: of ``Results`` or of a ``Comparison``."""

    key: str
    """The stem of its files and its anchor in a page: lower-case letters and hyphens."""
    title: str
    """``{Metric}`` in it stands for the name of the primary metric."""
    view: Callable[[Any], Panels | HeatMaps | str]
    """Gives the picture, which `interactive` and `static` draw, or, if there is nothing to show, a
    sentence with the reason."""

    def title_for(self, source: Any) -> str:
        """The title of the chart of ``source``."""
        name: str = source.metric.name
        return self.title.format(Metric=f"{name[:1].upper()}{name[1:]}")


CHARTS = (
    Chart("front", "The Pareto front", front.view),
    Chart("methods", "{Metric} against sparsity, by method and scope", methods.view),
    Chart("slopes", "From pruned to recovered", slopes.view),
    Chart("hypervolume", "Hypervolume against epochs", effort.view),
    Chart("rungs", "Was stopping too greedy?", rungs.view),
    Chart("layers", "Where the zeros are", layers.view),
    Chart("importance", "What mattered", importance.view),
    Chart("parallel", "Parallel coordinates", parallel.view),
    Chart("timeline", "Timeline of the workers", timeline.view),
)
"""The charts of one sweep, in the order of a report."""

COMPARISON_CHARTS = (
    Chart("fronts", "The fronts", fronts.view),
    Chart("attainment", "What the sweeps attain", attainment.view),
    Chart("hypervolumes", "Hypervolume against epochs", effort.view),
)
"""The charts of several sweeps."""
