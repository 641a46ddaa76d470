"""The timeline of the workers: one row per worker, one bar per attempt at a trial."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.charts.panels import Axis, Bars, Panel, Panels
from analysis.charts.style import BLUE, GREY, ORANGE, PURPLE, SKY, VERMILION
from analysis.format import paragraph
from analysis.results import Results
from sweep.pareto import FloatArray

MOST_BARS = 1500
MOST_HATCHED = 200
MOST_WORKERS = 40
PAUSE = 0.05
"""A pause of all workers is cut out if it is longer than this share of the busy time."""

UNKNOWN = "unknown"

_LOOKS = {
    "completed": (BLUE, ""),
    "stopped": (SKY, "/"),
    "failed": (VERMILION, "x"),
    "lost": (PURPLE, "\\"),
    "interrupted": (ORANGE, "."),
    "running": (GREY, ""),
}
LEAST = 3
"""The axis is in the largest unit of which the timeline has at least this many, else in seconds."""
_UNITS = (("days", 86_400.0), ("hours", 3_600.0), ("min", 60.0))


def stays(timeline: pd.DataFrame) -> pd.DataFrame:
    """One or more attempts on a clock that starts at 0 and stops in pauses: ``begin`` and ``until``
    in seconds, and the ``row`` of the worker, counted from 0 for the busiest one."""
    table = timeline.assign(worker=timeline["worker"].fillna(UNKNOWN))
    start, end = (table[name].to_numpy(np.float64) for name in ("start", "end"))
    begin, until = without_pauses(start, end)
    busiest = table.groupby("worker")["seconds"].sum().sort_values(ascending=False, kind="stable")
    rows = {worker: place for place, worker in enumerate(busiest.index)}
    return table.assign(begin=begin, until=until, row=table["worker"].map(rows).astype(np.intp))


def without_pauses(start: FloatArray, end: FloatArray) -> tuple[FloatArray, FloatArray]:
    """``start`` and ``end``, shape (n,) each, on a clock from 0 that stops in long pauses."""
    order = np.argsort(start, kind="stable")
    reached = np.maximum.accumulate(end[order])
    gaps = np.maximum(0.0, start[order][1:] - reached[:-1])
    busy = reached[-1] - start[order][0] - gaps.sum()
    cut = np.concatenate([[0.0], np.cumsum(np.where(gaps > PAUSE * busy, gaps, 0.0))])
    shift = np.empty(len(start))
    shift[order] = start[order][0] + cut
    return start - shift, end - shift


def view(results: Results) -> Panels | str:
    """One panel, unless no trial has run."""
    ran = results.timeline[results.timeline["end"].ge(results.timeline["start"])]
    if ran.empty:
        return "No trial has been started yet."
    table = stays(ran)
    kept = _thinned(table)
    unit, seconds = next(
        (unit for unit in _UNITS if table["until"].max() >= LEAST * unit[1]), ("s", 1.0)
    )
    workers = table.drop_duplicates("row").sort_values("row").head(MOST_WORKERS)
    rows = tuple((-float(place), str(name)) for place, name in enumerate(workers["worker"]))
    panel = Panel(
        across=Axis(f"time since the first trial ({unit})"),
        up=Axis("", ticks=rows, ends=(-len(rows) + 0.4, 0.6)),
        bars=[
            # With hundreds of bars, they are too narrow for a hatch.
            _bars(part, colour, hatch if len(kept) <= MOST_HATCHED else "", seconds)
            for status, (colour, hatch) in _LOOKS.items()
            if len(part := kept[kept["status"].eq(status)])
        ],
        height=50.0 + 24 * len(rows),
    )
    return Panels(_caption(table), [panel])


def _thinned(table: pd.DataFrame) -> pd.DataFrame:
    """The table, or its sums in cells of time if there are too many bars."""
    shown = table[table["row"].lt(MOST_WORKERS)]
    if len(shown) <= MOST_BARS:
        return shown
    return in_cells(shown, max(40, 2 * MOST_BARS // (shown["row"].max() + 1)))


def in_cells(table: pd.DataFrame, count: int) -> pd.DataFrame:
    """One row for each worker, cell (of ``count`` equal cells of the whole time) and status.

    In each cell, the time of the worker in each status becomes one bar, one after the other from
    the beginning of the cell. The times are exact, but their positions within the cell are lost.
    """
    width = float(table["until"].max()) / count or 1.0
    begin, until = (table[name].to_numpy(np.float64) for name in ("begin", "until"))
    first = np.floor(begin / width)
    cells = np.maximum(1, np.ceil(until / width) - first).astype(np.intp)
    split = table.loc[table.index.repeat(cells), ["row", "worker", "status"]]
    cell = np.repeat(first, cells) + split.groupby(level=0).cumcount().to_numpy()
    from_, to = np.repeat(begin, cells), np.repeat(until, cells)
    spent = np.minimum(to, (cell + 1) * width) - np.maximum(from_, cell * width)
    keys = ["row", "worker", "cell"]
    split = split.assign(cell=cell, spent=spent)
    sums = split.groupby([*keys, "status"])["spent"].sum().reset_index()
    before = sums.groupby(keys)["spent"].cumsum() - sums["spent"]
    begins = sums["cell"] * width + before
    return sums.assign(begin=begins, until=begins + sums["spent"], trial_id="")


def _bars(rows: pd.DataFrame, colour: str, hatch: str, seconds: float) -> Bars:
    named = zip(rows["trial_id"], rows["status"], rows["until"] - rows["begin"], strict=True)
    return Bars(
        label=str(rows["status"].iloc[0]),
        rows=-rows["row"].to_numpy(np.float64),
        starts=rows["begin"].to_numpy(np.float64) / seconds,
        lengths=(rows["until"] - rows["begin"]).to_numpy(np.float64) / seconds,
        colour=colour,
        hatch=hatch,
        height=0.75,
        notes=[f"{name} {status}, {spent:,.1f} s" for name, status, spent in named if name],
    )


def _caption(table: pd.DataFrame) -> str:
    workers, is_shown = table["row"].max() + 1, table["row"].lt(MOST_WORKERS)
    cells = (
        f"Thinned: {len(table):,} attempts are drawn as the time that each worker spent in each "
        "status, in equal cells of the whole time."
    )
    busiest = f"The {MOST_WORKERS} busiest of {workers:,} workers are shown."
    return paragraph(
        "A bar is an attempt at a trial on a worker, from its assignment to its end, coloured by "
        "how it ended; gaps are idle time. Pauses of all workers, between a stop and a resume, are "
        "cut out. The worker of an attempt is known once it has reported.",
        cells if is_shown.sum() > MOST_BARS else "",
        busiest if workers > MOST_WORKERS else "",
    )
