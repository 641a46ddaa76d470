"""What all charts share: colours, markers and units.

Colours are Okabe and Ito's, which the colour-blind tell apart, without the black and the yellow of
that set: they must show on a white page and on a dark one. What differs in colour differs in marker
or in dashes too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np
import pandas as pd

from analysis.format import MetricFormat
from analysis.tables.front import main_objective
from sweep.ledger.metric import PrimaryMetric
from sweep.pareto import FloatArray

BLUE, SKY, GREEN, GREY = "#0072B2", "#56B4E9", "#009E73", "#7A7A7A"
ORANGE, VERMILION, PURPLE = "#E69F00", "#D55E00", "#CC79A7"

COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, GREY)
"""For things without an order, in the order in which they are used."""
MARKERS = ("circle", "square", "diamond", "triangle-up", "x", "pentagon", "star")
DASHES = ("solid", "dash", "dot", "dashdot")
BANDS = ("#4A7FB5", "#2A9D8A", "#8FC73E", "#E0A818")
"""From few to many, darker to lighter: for up to four bands of a number."""


class Look(NamedTuple):
    """How one of several things is told from the others, by colour or without."""

    colour: str
    marker: str = "circle"
    dash: str = "solid"


class Measured(Protocol):
    """A sweep, or several that measure the same."""

    @property
    def metric(self) -> PrimaryMetric: ...
    @property
    def metrics(self) -> Mapping[str, PrimaryMetric]: ...
    @property
    def directions(self) -> Mapping[str, str]: ...


class Scale(NamedTuple):
    """How a column is shown: the axis' label with its unit, and the factor to that unit."""

    name: str
    label: str
    factor: float = 1.0


SCALES = {
    scale.name: scale
    for scale in (
        Scale("f1", "validation F1, macro (%)", 100),
        Scale("matthews", "validation Matthews correlation"),
        Scale("loss", "validation loss (nats)"),
        Scale("sparsity", "sparsity (% of prunable weights that are zero)", 100),
        Scale("model_sparsity", "model sparsity (% of all parameters that are zero)", 100),
        Scale("nonzero_params", "non-zero parameters (millions)", 1e-6),
        Scale("size_bytes", "size (MB)", 1e-6),
        Scale("seconds", "time of the trial (s)"),
        Scale("train_seconds", "training time of the epoch (s)"),
        Scale("eval_seconds", "evaluation time (s)"),
        Scale("epoch", "finetune epochs"),
    )
}


def look(place: int) -> Look:
    """Of the thing at a place, counted from 0: colours repeat after seven, with other markers."""
    turn = place // len(COLOURS)
    marker = MARKERS[(place + turn) % len(MARKERS)]
    return Look(COLOURS[place % len(COLOURS)], marker, DASHES[(place + turn) % len(DASHES)])


def short(label: str) -> str:
    """An axis' label without its explanation, with its unit.

    >>> short("sparsity (% of prunable weights that are zero)")
    'sparsity (%)'
    """
    name, _, unit = label.partition(" (")
    return f"{name} ({unit.split(' of ')[0].rstrip(')')})" if unit else name


def scale(name: str, source: Measured) -> Scale:
    """The scale of a column of the records; an unknown one has no unit and stays as it is."""
    if name in SCALES:
        return SCALES[name]
    metric = source.metrics.get(name.removesuffix("_drop"))
    if metric is None:
        return Scale(name, name)
    form = MetricFormat(metric)
    if name != metric.drop:
        return Scale(name, form.label("validation "), form.factor)
    side = f"validation {metric.name} {form.side(1.0)} dense"
    return Scale(name, form.titled(side), form.factor)


def axes_of(source: Measured) -> tuple[Scale, Scale]:
    """What the front is drawn in: (horizontal, vertical), sparsity and the primary metric if they
    are objectives, else others that are."""
    metric, directions = source.metric.name, source.directions
    across = main_objective(directions, source.metric)
    others = [name for name in directions if name not in (across, metric)]
    up = others[0] if others and metric not in directions else metric
    return scale(across, source), scale(up, source)


def values(table: pd.DataFrame, scale: Scale, column: str | None = None) -> FloatArray:
    """A column in the units of its axis, (rows,), NaN where missing or where there is none.

    ``column``: where it has another name than the axis (``test_accuracy``).
    """
    column = column or scale.name
    if column not in table:
        return np.full(len(table), np.nan)
    numbers = table[column].to_numpy(dtype=np.float64, na_value=np.nan)
    return np.asarray(numbers * scale.factor, dtype=np.float64)


def notes(table: pd.DataFrame) -> list[str]:
    """Which evaluation each row is: "t00012, epoch 2"."""
    pairs = zip(table["trial_id"], table["epoch"], strict=True)
    return [f"{trial}, epoch {epoch}" for trial, epoch in pairs]
