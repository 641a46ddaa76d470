"""The growth of the front: the hypervolume after each record."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from analysis.certainty.answers import Point
from analysis.history.cost import session_clock
from analysis.tables.columns import Kinds, frame
from sweep.ledger.events import END, RECORD, ReadEvent
from sweep.pareto import FloatArray, Front, hypervolume

BLOCK = 1024

TRACES: Kinds = {
    "time": "float",
    "seconds": "float",
    "epochs": "int",
    "trials": "int",
    "hypervolume": "float",
}


def growing_volume(
    points: FloatArray, reference: Sequence[float], directions: Sequence[str]
) -> FloatArray:
    """The hypervolume of the first one, two, ... of the ``points``, shape (n, m) to (n,).

    ``points`` has no NaN, ``reference`` has shape (m,), and ``directions`` has "max" or "min" for
    each of the m objectives. Most points of a sweep do not change the hypervolume; they are found
    block by block, with one comparison with each point of the front.
    """
    signs = np.array([1.0 if way == "max" else -1.0 for way in directions])
    inside = np.all(points * signs > np.asarray(reference) * signs, axis=1)
    front: Front[None] = Front(directions)
    volumes, volume = np.empty(len(points)), 0.0
    for start in range(0, len(points), BLOCK):
        block = points[start : start + BLOCK]
        news = inside[start : start + BLOCK] & ~front.covers(block)
        for place, point in enumerate(block):
            if news[place] and front.add(None, point) is not None:
                volume = hypervolume(front.points, reference, directions)
            volumes[start + place] = volume
    return volumes


def traces_table(
    events: Iterable[ReadEvent],
    pool: Mapping[Point, Sequence[float]],
    reference: Sequence[float] | None,
    directions: Sequence[str],
) -> pd.DataFrame:
    """One row per record, in the order of the ledger.

    Columns: ``time`` (seconds since 1970), ``seconds`` since the first trial started (without the
    time between a crash or an interrupt and the resume), ``epochs`` (finetune epochs trained so far
    in all trials), ``trials`` (ended so far) and ``hypervolume`` of all candidates so far.

    ``pool`` has the objectives of each candidate, shape (m,). The hypervolume is missing without a
    ``reference`` (m,).
    """
    rows, points = _steps(events, pool)
    table = frame(rows, TRACES)
    if reference is None or table.empty:
        return table
    known = np.array([point is not None for point in points])
    volumes = np.zeros(len(points))
    given = np.array([point for point in points if point is not None], dtype=np.float64)
    given = given.reshape(-1, len(directions))
    volumes[known] = growing_volume(given, reference, directions)
    # A record that is no candidate does not change the hypervolume.
    return table.assign(hypervolume=np.maximum.accumulate(volumes))


def _steps(
    events: Iterable[ReadEvent], pool: Mapping[Point, Sequence[float]]
) -> tuple[list[dict[str, float | int]], list[Sequence[float] | None]]:
    """The rows without the hypervolume, and the objectives of each record that is a candidate."""
    rows: list[dict[str, float | int]] = []
    points: list[Sequence[float] | None] = []
    reached: dict[str, int] = {}
    seen: set[Point] = set()
    ended: set[str] = set()
    epochs = 0
    for event, seconds in session_clock(events):
        kind, trial, epoch = event["event"], event.get("trial_id"), event.get("epoch")
        if kind == END and isinstance(trial, str):
            ended.add(trial)
        if kind != RECORD or not isinstance(trial, str) or not isinstance(epoch, int):
            continue
        point = (trial, epoch)
        if point in seen:
            continue
        seen.add(point)
        epochs += max(0, epoch - reached.get(trial, 0))
        reached[trial] = max(epoch, reached.get(trial, 0))
        time = event.get("time", math.nan)
        rows.append({"time": time, "seconds": seconds, "epochs": epochs, "trials": len(ended)})
        points.append(pool.get(point))
    return rows, points
