"""The growth of the front: the hypervolume after each record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from analysis.certainty.answers import Point
from analysis.history.cost import session_clock
from analysis.tables.columns import frame, of
from sweep.ledger.events import END, RECORD, ReadEvent
from sweep.pareto import Front, hypervolume

TRACES = of("float", "time", "seconds") | of("int", "epochs", "trials") | of("float", "hypervolume")


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
    front: Front[None] = Front(directions)
    rows, volume = [], 0.0
    for point, row in _steps(events):
        if reference is not None and point in pool and front.add(None, pool[point]) is not None:
            volume = hypervolume(front.points, reference, directions)
        rows.append({**row, "hypervolume": None if reference is None else volume})
    return frame(rows, TRACES)


def _steps(events: Iterable[ReadEvent]) -> Iterator[tuple[Point, dict[str, Any]]]:
    """Each point at its first record, with the row without the hypervolume."""
    ended = epochs = 0
    for event, seconds in session_clock(events):
        ended += event["event"] == END
        if event["event"] == RECORD:
            epochs += event["epoch"] > 0
            row = {"time": event["time"], "seconds": seconds, "epochs": epochs, "trials": ended}
            yield (event["trial_id"], event["epoch"]), row
