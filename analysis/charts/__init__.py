"""The charts of a report, each as an interactive figure and as a static one, with a caption.

plotly and matplotlib are imported when a figure is drawn, not before.
"""

from __future__ import annotations

from analysis.charts.attainment import ATTAINMENT
from analysis.charts.chart import Chart
from analysis.charts.effort import EFFORT, EFFORTS
from analysis.charts.front import FRONT
from analysis.charts.fronts import FRONTS
from analysis.charts.importance import IMPORTANCE
from analysis.charts.layers import LAYERS
from analysis.charts.methods import METHODS
from analysis.charts.parallel import PARALLEL
from analysis.charts.rungs import RUNGS
from analysis.charts.slopes import SLOPES
from analysis.charts.timeline import TIMELINE
from analysis.comparison import Comparison
from analysis.results import Results

CHARTS: tuple[Chart[Results], ...] = (
    FRONT,
    METHODS,
    SLOPES,
    EFFORT,
    RUNGS,
    LAYERS,
    IMPORTANCE,
    PARALLEL,
    TIMELINE,
)
"""The charts of one sweep, in the order of a report."""

COMPARISON_CHARTS: tuple[Chart[Comparison], ...] = (FRONTS, ATTAINMENT, EFFORTS)
"""The charts of several sweeps."""

__all__ = ["CHARTS", "COMPARISON_CHARTS", "Chart"]
