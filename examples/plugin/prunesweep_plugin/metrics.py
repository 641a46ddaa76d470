"""A metric whose lower values are better, without a worst value."""

import math
from typing import Any

import numpy as np

from sweep import Metric


def root_mean_squared_error(labels: Any, answers: Any) -> float:
    """The root of the mean squared error, in the unit of the labels."""
    return math.sqrt(np.mean((answers - labels) ** 2))


def standard_error(labels: Any, answers: Any) -> float:
    """The standard error by the delta method: that of the mean square divided by twice the root."""
    squares = (answers - labels) ** 2
    root = math.sqrt(np.mean(squares))
    return float(squares.std(ddof=1) / math.sqrt(len(squares)) / (2 * root))


rmse = Metric(
    root_mean_squared_error,
    direction="min",
    unit="standard deviations",
    standard_error=standard_error,
    chance=lambda labels: float(np.std(labels)),  # the answer is always the mean
)
