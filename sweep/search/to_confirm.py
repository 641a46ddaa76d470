"""Which points of a sweep are worth a second look: its front, and those that nearly were on it.

The front is the best of many noisy figures, and so flatters itself: some of its points are there
by luck, and some that are not would be. The runners-up are of the second front (the one that is
there once the first is taken away), those nearest below the first: the distance is that from a
point's accuracy to the best accuracy among the front's points that are at least as good in
every objective, in standard errors of that difference.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.tables.frames import records_table, tell
from analysis.tables.front import candidates, contenders, objectives
from sweep.config import SweepConfig
from sweep.pareto import nondominated
from sweep.search.moasha import standard_error

Event = dict[str, Any]


@dataclass(frozen=True)
class Point:
    """An epoch of a trial, and why it was chosen."""

    trial_id: str
    epoch: int
    why: Literal["front", "runner-up"]


def choose(config: SweepConfig, events: Iterable[Event], runners_up: int) -> list[Point]:
    """The points of the front, and at most ``runners_up`` of the next, nearest first.

    The front is that of :mod:`analysis.tables.front`.
    """
    pool = _pool(config, events)
    signs = np.array([1.0 if way == "max" else -1.0 for way in config.objectives.values()])
    values = objectives(pool, config.objectives) * signs
    rows = pool[["trial_id", "epoch", "accuracy", "examples"]].to_dict("records")
    first = _nondominated(values)
    rest = np.setdiff1d(np.arange(len(pool)), first)
    second = rest[_nondominated(values[rest])]
    gaps = [_gap(index, first, rows, values) for index in second]
    nearest = second[np.argsort(gaps, kind="stable")][:runners_up]
    return [
        *(Point(rows[i]["trial_id"], rows[i]["epoch"], "front") for i in first),
        *(Point(rows[i]["trial_id"], rows[i]["epoch"], "runner-up") for i in nearest),
    ]


def _pool(config: SweepConfig, events: Iterable[Event]) -> pd.DataFrame:
    """What a report takes the front from: the same candidates, and so the same front."""
    records = records_table(tell(events), None, config.objectives)
    found = candidates(records, config.objectives)
    return contenders(found, config.search.constraints)


def _nondominated(values: NDArray[np.float64]) -> NDArray[np.intp]:
    """The places of the non-dominated rows (more is better), of equal rows the first."""
    ways = ["max"] * values.shape[1]
    return np.flatnonzero(nondominated(values, ways, keep_duplicates=False))


def _gap(
    index: int,
    front: NDArray[np.intp],
    pool: Sequence[Mapping[Any, Any]],
    values: NDArray[np.float64],
) -> float:
    """How far a record's accuracy is below the front, in standard errors of the difference."""
    above = front[(values[front] >= values[index]).all(axis=1)]
    best = max((pool[i] for i in above), key=lambda event: float(event["accuracy"]))
    error = math.hypot(standard_error(best), standard_error(pool[index]))
    return float(best["accuracy"] - pool[index]["accuracy"]) / error
