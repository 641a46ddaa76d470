"""What all charts share: colours, markers and units.

Colours are Okabe and Ito's, which the colour-blind tell apart, without the black and the yellow of
that set: they must show on a white page and on a dark one. What differs in colour differs in marker
or in dashes too.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.tables.front import main_objective
from sweep.pareto import FloatArray

BLUE, SKY, GREEN, GREY = "#0072B2", "#56B4E9", "#009E73", "#7A7A7A"
ORANGE, VERMILION, PURPLE = "#E69F00", "#D55E00", "#CC79A7"

COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, GREY)
"""For things without an order, in the order in which they are used."""
MARKERS = ("circle", "square", "diamond", "triangle-up", "x", "pentagon", "star")
DASHES = ("solid", "dash", "dot", "dashdot")
BANDS = ("#4A7FB5", "#2A9D8A", "#8FC73E", "#E0A818")
"""From few to many, darker to lighter: for up to four bands of a number."""

ONE_POINT = 0.01


class Look(NamedTuple):
    """How one of several things is told from the others, by colour or without."""

    colour: str
    marker: str = "circle"
    dash: str = "solid"


class Scale(NamedTuple):
    """How a metric is shown: the axis' label with its unit, and the factor to that unit."""

    label: str
    factor: float = 1.0


SCALES = {
    "accuracy": Scale("validation accuracy (%)", 100),
    "accuracy_drop": Scale("validation accuracy below dense (points)", 100),
    "f1": Scale("validation F1, macro (%)", 100),
    "matthews": Scale("validation Matthews correlation"),
    "loss": Scale("validation loss (nats)"),
    "sparsity": Scale("sparsity (% of prunable weights that are zero)", 100),
    "model_sparsity": Scale("model sparsity (% of all parameters that are zero)", 100),
    "nonzero_params": Scale("non-zero parameters (millions)", 1e-6),
    "size_bytes": Scale("size (MB)", 1e-6),
    "seconds": Scale("time of the trial (s)"),
    "train_seconds": Scale("training time of the epoch (s)"),
    "eval_seconds": Scale("evaluation time (s)"),
    "epoch": Scale("finetune epochs"),
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


def scale(metric: str) -> Scale:
    """The scale of any metric; one that is not known has no unit and stays as it is."""
    return SCALES.get(metric, Scale(metric))


def axes_of(directions: dict[str, str]) -> tuple[str, str]:
    """The metrics that the front is drawn in: (horizontal, vertical), sparsity and accuracy if
    they are objectives."""
    across = main_objective(directions)
    others = [name for name in directions if name not in (across, "accuracy")]
    return across, others[0] if others and "accuracy" not in directions else "accuracy"


def values(table: pd.DataFrame, column: str, metric: str | None = None) -> FloatArray:
    """A column in the units of its axis, (rows,), NaN where missing or where there is none.

    ``metric``: what the column is shown as, where it has another name (``test_accuracy``).
    """
    if column not in table:
        return np.full(len(table), np.nan)
    numbers = table[column].to_numpy(dtype=np.float64, na_value=np.nan)
    return np.asarray(numbers * scale(metric or column).factor, dtype=np.float64)


def notes(table: pd.DataFrame) -> list[str]:
    """Which evaluation each row is: "t00012, epoch 2"."""
    pairs = zip(table["trial_id"], table["epoch"], strict=True)
    return [f"{trial}, epoch {epoch}" for trial, epoch in pairs]
