"""The colours, markers and units of all charts.

The colours are those of Okabe and Ito, which colour-blind people can distinguish, without black and
yellow, because they must be visible on a white and on a dark page. Series of different colours also
have different markers or dashes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.charts.panels import Axis
from analysis.comparison import Comparison
from analysis.format import MetricFormat
from analysis.results import Results
from analysis.tables.front import main_objective
from sweep.pareto import FloatArray

BLUE, SKY, GREEN, GREY = "#0072B2", "#56B4E9", "#009E73", "#7A7A7A"
ORANGE, VERMILION, PURPLE = "#E69F00", "#D55E00", "#CC79A7"

COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, GREY)
"""Colours for series without an order, in the order of use."""
MARKERS = ("circle", "square", "diamond", "triangle-up", "x", "pentagon", "star")
DASHES = ("solid", "dash", "dot", "dashdot")
BANDS = ("#4A7FB5", "#2A9D8A", "#8FC73E", "#E0A818")
"""Colours for up to four bands of a number, from small to large, darker to lighter."""
HEAT = "cividis"
"""The colours of heat maps, by their name in both libraries."""


class Look(NamedTuple):
    """The colour, marker and dashes of a series."""

    colour: str
    marker: str = "circle"
    dash: str = "solid"


SCALES = {
    "f1": ("validation F1, macro (%)", 100),
    "matthews": ("validation Matthews correlation", 1),
    "loss": ("validation loss (nats)", 1),
    "sparsity": ("sparsity (% of prunable weights that are zero)", 100),
    "model_sparsity": ("model sparsity (% of all parameters that are zero)", 100),
    "nonzero_params": ("non-zero parameters (millions)", 1e-6),
    "size_bytes": ("size (MB)", 1e-6),
    "seconds": ("time of the trial (s)", 1),
    "train_seconds": ("training time of the epoch (s)", 1),
    "eval_seconds": ("evaluation time (s)", 1),
    "epoch": ("finetune epochs", 1),
}
"""The label of the axis of a column with its unit, and the factor to that unit."""


def look(place: int) -> Look:
    """The look of the series at a position, counted from 0; after seven, colours repeat with other
    markers."""
    turn = place // len(COLOURS)
    marker = MARKERS[(place + turn) % len(MARKERS)]
    return Look(COLOURS[place % len(COLOURS)], marker, DASHES[(place + turn) % len(DASHES)])


def short(label: str) -> str:
    """The label of an axis without its explanation, with its unit.

    >>> short("sparsity (% of prunable weights that are zero)")
    'sparsity (%)'
    """
    name, _, unit = label.partition(" (")
    return f"{name} ({unit.split(' of ')[0].rstrip(')')})" if unit else name


def axis(name: str, source: Results | Comparison) -> Axis:
    """The axis of a column of the records; an unknown column has no unit and the factor 1."""
    metric = source.metrics.get(name.removesuffix("_drop"))
    if name in SCALES:
        label, factor = SCALES[name]
    elif metric is None:
        label, factor = name, 1.0
    else:
        form = MetricFormat(metric)
        factor, label = form.factor, form.label("validation")
        if name == metric.drop:
            label = form.titled(f"validation {metric.name} {form.side(1.0)} dense")
    return Axis(label, name, factor)


def axes_of(source: Results | Comparison) -> tuple[Axis, Axis]:
    """The axes of the front: (horizontal, vertical). They are sparsity and the primary metric if
    these are objectives, else other objectives."""
    metric, directions = source.metric.name, source.directions
    across = main_objective(directions, source.metric)
    others = [name for name in directions if name not in (across, metric)]
    up = others[0] if others and metric not in directions else metric
    return axis(across, source), axis(up, source)


def values(table: pd.DataFrame, axis: Axis, column: str | None = None) -> FloatArray:
    """A column in the units of its axis, shape (rows,); NaN if a value or the column is missing.

    ``column`` is its name if that is not the name of the axis (``test_accuracy``).
    """
    column = column or axis.name
    if column not in table:
        return np.full(len(table), np.nan)
    numbers = table[column].to_numpy(dtype=np.float64, na_value=np.nan)
    return np.asarray(numbers * axis.factor, dtype=np.float64)


def notes(table: pd.DataFrame) -> list[str]:
    """The name of the evaluation in each row: "t00012, epoch 2"."""
    pairs = zip(table["trial_id"], table["epoch"], strict=True)
    return [f"{trial}, epoch {epoch}" for trial, epoch in pairs]
