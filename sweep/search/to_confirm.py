"""Which points of a sweep are worth a second look: its front, and those that nearly were on it.

The front is the best of many noisy figures, and so flatters itself: some of its points are there
by luck, and some that are not would be. The runners-up are of the second front (the one that is
there once the first is taken away), those nearest below the first: the distance is that from a
point's accuracy to the best accuracy among the front's points that are at least as good in
every objective, in standard errors of that difference.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sweep.config import SweepConfig
from sweep.ledger.events import RecordEvent
from sweep.ledger.record import front_values
from sweep.pareto import FloatArray, IntArray, nondominated
from sweep.search.moasha import standard_error
from sweep.search.told import is_feasible, violations


@dataclass(frozen=True)
class Point:
    """An epoch of a trial, and why it was chosen."""

    trial_id: str
    epoch: int
    why: Literal["front", "runner-up"]


def choose(config: SweepConfig, records: Iterable[RecordEvent], runners_up: int) -> list[Point]:
    """The points of the front, and at most ``runners_up`` of the next, nearest first.

    ``records`` are those that count (:attr:`sweep.search.replay.Search.records`). The front is the
    one that a report shows: of the records that are not partial and have all objectives, under
    constraints of those that keep them, if any does; of equal points the first stands for all.
    """
    bounds, goals = config.search.constraints, config.objectives
    told = [(record, front_values(record, goals)) for record in records]
    known = [(record, found) for record, found in told if found is not None]
    kept = [pair for pair in known if is_feasible(violations(bounds, pair[0]))] or known
    pool = [record for record, _ in kept]
    signs = [1.0 if way == "max" else -1.0 for way in goals.values()]
    rows = np.array([found for _, found in kept], dtype=np.float64)
    values = rows.reshape(-1, len(signs)) * signs  # more is better
    first = _nondominated(values)
    rest = np.setdiff1d(np.arange(len(pool)), first)
    second = rest[_nondominated(values[rest])]
    gaps = [_gap(index, first, pool, values) for index in second]
    nearest = second[np.argsort(gaps, kind="stable")][:runners_up]
    return [
        *(Point(pool[i]["trial_id"], pool[i]["epoch"], "front") for i in first),
        *(Point(pool[i]["trial_id"], pool[i]["epoch"], "runner-up") for i in nearest),
    ]


def _nondominated(values: FloatArray) -> IntArray:
    """The places of the non-dominated rows (more is better), of equal rows the first."""
    ways = ["max"] * values.shape[1]
    return np.flatnonzero(nondominated(values, ways, keep_duplicates=False))


def _gap(index: int, front: IntArray, pool: list[RecordEvent], values: FloatArray) -> float:
    """How far a record's accuracy is below the front, in standard errors of the difference."""
    above = front[(values[front] >= values[index]).all(axis=1)]
    best = max((pool[i] for i in above), key=lambda record: float(record["accuracy"]))
    error = math.hypot(standard_error(best), standard_error(pool[index]))
    return float(best["accuracy"] - pool[index]["accuracy"]) / error
