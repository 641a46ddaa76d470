"""What mattered: the share of each objective's variance that each parameter alone explains."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.charts import style
from analysis.charts.chart import chart_of_panels, once
from analysis.charts.panels import Axis, Bars, Panel
from analysis.history.importance import PER_GROUP, importance
from analysis.results import Results

HATCHES = ("", "/", "x", ".", "\\")

table = once(importance)


def panels(results: Results) -> list[Panel]:
    """One panel: a row a parameter, the most important one on top; a bar an objective."""
    shares = _shares(results)
    if shares.empty:
        return []
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
    return [
        Panel(
            across=Axis("share of the objective's variance (%)", ends=(0, 102)),
            up=Axis("", ticks=rows, ends=(-0.6, len(shares) - 0.4)),
            bars=bars,
            height=60.0 + (18 + 14 * count) * len(shares),
        )
    ]


def _shares(results: Results) -> pd.DataFrame:
    """Shares by parameter (rows, the least important first) and objective (columns)."""
    found = table(results)
    wide = found.pivot(index="parameter", columns="objective", values="share")
    wide = wide.dropna(how="all")
    return wide.loc[wide.max(axis=1).sort_values(kind="stable").index]


def _note(parameter: str, objective: str, share: float) -> str:
    known = "not known" if np.isnan(share) else f"{100 * share:.1f} %"
    return f"{parameter} on {objective}: {known}"


def _caption(results: Results) -> str:
    trials = table(results)["trials"]
    fewest = int(trials.min()) if len(trials) else 0
    conditional = (
        f" A parameter that is not always set, or does nothing at times, has only the trials in "
        f"which it counts ({fewest:,} at least)."
        if fewest < (trials.max() if len(trials) else 0)
        else ""
    )
    return (
        "How much of the spread of each objective the parameter explains by itself: omega squared "
        "over its values, numbers in groups between quantiles, corrected for chance; 0 is no more "
        "than chance. One value a trial, its last finished evaluation; finetune epochs are those "
        f"trained.{conditional} What parameters do together is not in it. The sampler chose where "
        "to try, more often where it hoped for more, so ranges are not covered evenly and "
        "parameters may vary together: read it as what mattered in this search."
    )


def _empty(results: Results) -> str:
    if results.candidates.empty:
        return "There is no finished evaluation yet, so nothing to explain."
    return (
        "No parameter has enough trials to compare its values: at least two groups of two, "
        f"{PER_GROUP} each for numbers."
    )


IMPORTANCE = chart_of_panels("importance", "What mattered", panels, caption=_caption, empty=_empty)
