"""What mattered: the share of each objective's variance that each parameter alone explains."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis.charts import style
from analysis.charts.chart import Chart, Panels, View, told
from analysis.charts.panels import Axis, Bars, Panel
from analysis.history.importance import PER_GROUP, importance
from analysis.results import Results

HATCHES = ("", "/", "x", ".", "\\")


def view(results: Results) -> View | str:
    """One panel: a row a parameter, the most important one on top; a bar an objective."""
    if results.candidates.empty:
        return "There is no finished evaluation yet, so nothing to explain."
    found = importance(results)
    shares = _shares(found)
    if shares.empty:
        return (
            "No parameter has enough trials to compare its values: at least two groups of two, "
            f"{PER_GROUP} each for numbers."
        )
    count = len(results.directions)
    bars = [
        Bars(
            label=objective,
            # Rows count upwards; the bars of a row downwards in the order of the objectives.
            rows=np.arange(len(shares), dtype=np.float64) + 0.8 * ((count - 1) / 2 - place) / count,
            starts=np.zeros(len(shares)),
            lengths=100 * shares[objective].fillna(0.0).to_numpy(np.float64),
            colour=style.look(place).colour,
            hatch=HATCHES[place % len(HATCHES)],
            height=0.72 / count,
            notes=[_note(name, objective, shares[objective][name]) for name in shares.index],
        )
        for place, objective in enumerate(results.directions)
    ]
    rows = tuple((float(place), str(name)) for place, name in enumerate(shares.index))
    panel = Panel(
        across=Axis("share of the objective's variance (%)", ends=(0, 102)),
        up=Axis("", ticks=rows, ends=(-0.6, len(shares) - 0.4)),
        bars=bars,
        height=60.0 + (18 + 14 * count) * len(shares),
    )
    return Panels(_caption(found["trials"]), [panel])


def _shares(found: pd.DataFrame) -> pd.DataFrame:
    """Shares by parameter (rows, the least important first) and objective (columns)."""
    wide = found.pivot(index="parameter", columns="objective", values="share")
    wide = wide.dropna(how="all")
    return wide.loc[wide.max(axis=1).sort_values(kind="stable").index]


def _note(parameter: str, objective: str, share: float) -> str:
    known = "not known" if np.isnan(share) else f"{100 * share:.1f} %"
    return f"{parameter} on {objective}: {known}"


def _caption(trials: pd.Series[Any]) -> str:
    """``trials``: how many count for each parameter."""
    conditional = (
        "A parameter that is not always set, or does nothing at times, has only the trials in "
        f"which it counts ({trials.min():,} at least)."
    )
    return told(
        "How much of the spread of each objective the parameter explains by itself: omega squared "
        "over its values, numbers in groups between quantiles, corrected for chance; 0 is no more "
        "than chance. One value a trial, its last finished evaluation; finetune epochs are those "
        "trained.",
        conditional if trials.min() < trials.max() else "",
        "What parameters do together is not in it. The sampler chose where "
        "to try, more often where it hoped for more, so ranges are not covered evenly and "
        "parameters may vary together: read it as what mattered in this search.",
    )


IMPORTANCE = Chart("importance", "What mattered", view)
