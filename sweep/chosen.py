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
from numpy.typing import NDArray

from analysis.pareto import nondominated
from sweep.config import SweepConfig
from sweep.search.constraints import violations
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

    As :mod:`analysis.front` has it: of all records that are finished and have all objectives, and
    keep to ``search.constraints`` where any does.
    """
    pool = _candidates(config, events)
    signs = np.array([1.0 if way == "max" else -1.0 for way in config.objectives.values()])
    values = _objectives(config, pool) * signs
    first = _nondominated(values)
    rest = np.setdiff1d(np.arange(len(pool)), first)
    second = rest[_nondominated(values[rest])]
    gaps = [_gap(index, first, pool, values) for index in second]
    nearest = second[np.argsort(gaps, kind="stable")][:runners_up]
    return [
        *(Point(pool[i]["trial_id"], pool[i]["epoch"], "front") for i in first),
        *(Point(pool[i]["trial_id"], pool[i]["epoch"], "runner-up") for i in nearest),
    ]


def _candidates(config: SweepConfig, events: Iterable[Event]) -> list[Event]:
    """The records that could be on the front, each (trial, epoch) once, as the ledger has them."""
    found: dict[tuple[str, int], Event] = {}
    for event in events:
        if event["event"] == "record":
            found.setdefault((event["trial_id"], event["epoch"]), event)
    whole = [
        event
        for event in found.values()
        if not event["partial"] and all(_is_finite(event.get(name)) for name in config.objectives)
    ]
    bounds = config.search.constraints
    feasible = [event for event in whole if _keeps_to(bounds, event)]
    return feasible or whole


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _keeps_to(bounds: Mapping[str, Mapping[str, float]], event: Event) -> bool:
    broken = violations(bounds, event)
    return broken is not None and all(beyond <= 0 for beyond in broken.values())


def _objectives(config: SweepConfig, pool: Sequence[Event]) -> NDArray[np.float64]:
    """Shape (records, objectives)."""
    rows = [[float(event[name]) for name in config.objectives] for event in pool]
    return np.array(rows).reshape(len(rows), len(config.objectives))


def _nondominated(values: NDArray[np.float64]) -> NDArray[np.intp]:
    """The places of the non-dominated rows (more is better), of equal rows the first."""
    ways = ["max"] * values.shape[1]
    return np.flatnonzero(nondominated(values, ways, keep_duplicates=False))


def _gap(
    index: int, front: NDArray[np.intp], pool: Sequence[Event], values: NDArray[np.float64]
) -> float:
    """How far a record's accuracy is below the front, in standard errors of the difference."""
    above = front[(values[front] >= values[index]).all(axis=1)]
    best = max((pool[i] for i in above), key=lambda event: float(event["accuracy"]))
    error = math.hypot(standard_error(best), standard_error(pool[index]))
    return float(best["accuracy"] - pool[index]["accuracy"]) / error
