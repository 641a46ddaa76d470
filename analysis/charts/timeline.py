"""Who ran what when: a row a worker, a bar a trial."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis.charts.chart import chart_of_panels, once
from analysis.charts.panels import Axis, Bars, Panel
from analysis.charts.style import BLUE, GREY, ORANGE, PURPLE, SKY, VERMILION
from analysis.results import Results
from sweep.pareto import FloatArray

MOST_BARS = 1500
MOST_HATCHED = 200
MOST_WORKERS = 40
PAUSE = 0.05
"""Of the time in which something ran: a longer time in which nothing did is cut out."""

UNKNOWN = "not known"

_LOOKS = {
    "completed": (BLUE, ""),
    "stopped": (SKY, "/"),
    "failed": (VERMILION, "x"),
    "lost": (PURPLE, "\\"),
    "interrupted": (ORANGE, "."),
    "running": (GREY, ""),
}
_UNITS = ((3 * 86_400.0, "days", 86_400.0), (3 * 3_600.0, "hours", 3_600.0), (180.0, "min", 60.0))


@once
def stays(results: Results) -> pd.DataFrame:
    """The timeline on a clock that starts at 0 and stands still in pauses: ``begin`` and ``until``
    in seconds; ``row`` of the worker, those that ran most first, from 0."""
    table = results.timeline.assign(worker=results.timeline["worker"].fillna(UNKNOWN))
    table = table[table["end"].ge(table["start"])]
    if table.empty:
        return table.assign(begin=[], until=[], row=[])
    start, end = (table[name].to_numpy(np.float64) for name in ("start", "end"))
    begin, until = without_pauses(start, end)
    busiest = table.groupby("worker")["seconds"].sum().sort_values(ascending=False, kind="stable")
    rows = {worker: place for place, worker in enumerate(busiest.index)}
    return table.assign(begin=begin, until=until, row=table["worker"].map(rows).astype(np.intp))


def without_pauses(start: FloatArray, end: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Times (n,) each on a clock from 0 that stands still while nothing runs for long."""
    order = np.argsort(start, kind="stable")
    reached = np.maximum.accumulate(end[order])
    gaps = np.maximum(0.0, start[order][1:] - reached[:-1])
    busy = reached[-1] - start[order][0] - gaps.sum()
    cut = np.concatenate([[0.0], np.cumsum(np.where(gaps > PAUSE * busy, gaps, 0.0))])
    shift = np.empty(len(start))
    shift[order] = start[order][0] + cut
    return start - shift, end - shift


def panels(results: Results) -> list[Panel]:
    """One panel; none where nothing has run."""
    table = stays(results)
    if table.empty:
        return []
    kept = _thinned(table)
    unit, seconds = _unit(float(table["until"].max()))
    workers = table.drop_duplicates("row").sort_values("row").head(MOST_WORKERS)
    rows = tuple((-float(place), str(name)) for place, name in enumerate(workers["worker"]))
    return [
        Panel(
            across=Axis(f"time since the first trial ({unit})"),
            up=Axis("", ticks=rows, ends=(-len(rows) + 0.4, 0.6)),
            bars=[
                _bars(kept[kept["status"].eq(status)], look, seconds)
                for status, look in _looks(len(kept)).items()
                if kept["status"].eq(status).any()
            ],
            height=50.0 + 24 * len(rows),
        )
    ]


def _thinned(table: pd.DataFrame) -> pd.DataFrame:
    """As it is, or drawn cell by cell of time where there are too many bars."""
    shown = table[table["row"].lt(MOST_WORKERS)]
    if len(shown) <= MOST_BARS:
        return shown
    return in_cells(shown, max(40, 2 * MOST_BARS // (shown["row"].max() + 1)))


def in_cells(table: pd.DataFrame, count: int) -> pd.DataFrame:
    """One row for each worker, cell (of ``count`` equal ones of the whole time) and status.

    In each cell the worker's time under each status is drawn as one bar, one after the other from
    the cell's beginning: no time is lost or added, but where in the cell it was is.
    """
    width = float(table["until"].max()) / count or 1.0
    spans = zip(table["begin"], table["until"], strict=True)
    parts = [_split(float(begin), float(until), width) for begin, until in spans]
    repeat = [len(part) for part in parts]
    split = table.loc[table.index.repeat(repeat), ["row", "worker", "status"]].reset_index(
        drop=True
    )
    cells = np.array([cell for part in parts for cell, _ in part], dtype=np.int64)
    split = split.assign(cell=cells, spent=[spent for part in parts for _, spent in part])
    keys = ["row", "worker", "cell"]
    sums = split.groupby([*keys, "status"])["spent"].sum().reset_index()
    before = sums.groupby(keys)["spent"].cumsum() - sums["spent"]
    begin = sums["cell"] * width + before
    return sums.assign(begin=begin, until=begin + sums["spent"], trial_id="", seconds=sums["spent"])


def _split(begin: float, until: float, width: float) -> list[tuple[int, float]]:
    """The cells that a stay lies in, with the seconds in each."""
    first, last = int(begin // width), max(int(begin // width), int(np.ceil(until / width)) - 1)
    return [
        (cell, min(until, (cell + 1) * width) - max(begin, cell * width))
        for cell in range(first, last + 1)
    ]


def _looks(count: int) -> dict[str, tuple[str, str]]:
    """Colour and hatch by status; hundreds of bars are too narrow for a hatch."""
    if count <= MOST_HATCHED:
        return _LOOKS
    return {status: (colour, "") for status, (colour, _) in _LOOKS.items()}


def _bars(rows: pd.DataFrame, look: tuple[str, str], seconds: float) -> Bars:
    colour, hatch = look
    return Bars(
        label=str(rows["status"].iloc[0]),
        rows=-rows["row"].to_numpy(np.float64),
        starts=rows["begin"].to_numpy(np.float64) / seconds,
        lengths=(rows["until"] - rows["begin"]).to_numpy(np.float64) / seconds,
        colour=colour,
        hatch=hatch,
        height=0.75,
        notes=[_note(row) for row in rows.itertuples() if row.trial_id],
    )


def _note(row: Any) -> str:
    return f"{row.trial_id} {row.status}, {row.seconds:,.1f} s"


def _unit(span: float) -> tuple[str, float]:
    return next(((unit, size) for least, unit, size in _UNITS if span >= least), ("s", 1.0))


def _caption(results: Results) -> str:
    table = stays(results)
    workers = int(table["row"].max()) + 1 if len(table) else 0
    parts = [
        "A bar is an attempt at a trial on a worker, from the moment it was handed out, by how it "
        "ended; gaps are idle. Pauses of all workers together, between a stop and a resume, are "
        "cut out. A worker is known once it has reported.",
    ]
    if len(table[table["row"].lt(MOST_WORKERS)]) > MOST_BARS:
        parts.append(
            f"Thinned: {len(table):,} attempts are drawn as the time that each worker spent under "
            "each status, cell by cell of the whole time."
        )
    if workers > MOST_WORKERS:
        parts.append(f"The {MOST_WORKERS} busiest of {workers:,} workers are shown.")
    return " ".join(parts)


def _empty(results: Results) -> str:
    return "No trial has been started yet."


TIMELINE = chart_of_panels(
    "timeline", "Timeline of the workers", panels, caption=_caption, empty=_empty
)
