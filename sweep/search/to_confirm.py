"""The points of a sweep to confirm: its front, and the runners-up.

The front is the best of many noisy figures, and so flatters itself: some of its points are there
by luck, and some points are missing by bad luck. The runners-up are the points of the second front
(the front once the first is taken away) that are nearest below the first. The distance of a point
is that from its primary metric to the best value among the front's points that are at least as good
in every objective, in standard errors of the difference.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from sweep.config import SweepConfig
from sweep.ledger.events import RecordEvent
from sweep.ledger.metric import PrimaryMetric
from sweep.ledger.record import front_values, standard_error
from sweep.pareto import FloatArray, IntArray, nondominated
from sweep.search.observations import is_feasible, violations


@dataclass(frozen=True)
class Point:
    """An epoch of a trial, and why it was chosen."""

    trial_id: str
    epoch: int
    why: Literal["front", "runner-up"]


def choose(
    config: SweepConfig, records: Iterable[RecordEvent], runners_up: int, metric: PrimaryMetric
) -> list[Point]:
    """The points of the front, and at most ``runners_up`` of the next, nearest first.

    ``records`` are the accepted ones (:attr:`sweep.search.replay.Search.records`). The front is the
    one that a report shows: that of the records that are not partial and have all objectives, and
    under constraints that of the feasible ones, if there are any. Of equal points only the first is
    on it.
    """
    bounds, goals = config.search.constraints, config.objectives
    pairs = [(record, front_values(record, goals)) for record in records]
    known = [(record, found) for record, found in pairs if found is not None]
    kept = [pair for pair in known if is_feasible(violations(bounds, pair[0]))] or known
    pool = [record for record, _ in kept]
    signs = [1.0 if way == "max" else -1.0 for way in goals.values()]
    rows = np.array([found for _, found in kept], dtype=np.float64)
    values = rows.reshape(-1, len(signs)) * signs  # more is better
    first = _nondominated(values)
    rest = np.setdiff1d(np.arange(len(pool)), first)
    second = rest[_nondominated(values[rest])]
    above = [first[(values[first] >= values[i]).all(axis=1)] for i in second]
    gaps = [
        _gap(pool[i], [pool[j] for j in js], metric) for i, js in zip(second, above, strict=True)
    ]
    nearest = second[np.argsort(gaps, kind="stable")][:runners_up]
    return [
        *(Point(pool[i]["trial_id"], pool[i]["epoch"], "front") for i in first),
        *(Point(pool[i]["trial_id"], pool[i]["epoch"], "runner-up") for i in nearest),
    ]


def _nondominated(values: FloatArray) -> IntArray:
    """The places of the non-dominated rows (more is better), of equal rows the first."""
    ways = ["max"] * values.shape[1]
    return np.flatnonzero(nondominated(values, ways, keep_duplicates=False))


def _gap(
    own: Mapping[str, Any], better: Iterable[Mapping[str, Any]], metric: PrimaryMetric
) -> float:
    """The distance from a record to the best of the ``better`` ones, in standard errors.

    Infinite where one of the two has no standard error.
    """

    def gain(other: Mapping[str, Any]) -> float:
        return float(metric.worsening(own[metric.name], other[metric.name]))

    best = max(better, key=gain)
    errors = [standard_error(one, metric.name) or math.nan for one in (best, own)]
    return gain(best) / math.hypot(*errors) if all(map(math.isfinite, errors)) else math.inf
