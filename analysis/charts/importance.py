"""Importance: the share of the variance of each objective that each parameter alone explains."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis.charts import style
from analysis.charts.panels import Axis, Bars, Panel, Panels
from analysis.format import paragraph
from analysis.history.importance import PER_GROUP, importance
from analysis.results import Results

HATCHES = ("", "/", "x", ".", "\\")


def view(results: Results) -> Panels | str:
    """One panel: one row per parameter, the most important one on top; one bar per objective."""
    if results.candidates.empty:
        return "There is no finished evaluation yet, so there is no importance."
    found = importance(results)
    shares = _shares(found)
    if shares.empty:
        return (
            "No parameter has enough trials to compare its values: at least two groups of two "
            f"trials, or of {PER_GROUP} trials for numbers."
        )
    count = len(results.directions)
    bars = [
        Bars(
            label=objective,
            # Rows count upwards; the bars within a row are ordered downwards by objective.
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
    """The shares by parameter (rows, the least important first) and objective (columns)."""
    wide = found.pivot(index="parameter", columns="objective", values="share")
    wide = wide.dropna(how="all")
    return wide.loc[wide.max(axis=1).sort_values(kind="stable").index]


def _note(parameter: str, objective: str, share: float) -> str:
    known = "unknown" if np.isnan(share) else f"{100 * share:.1f} %"
    return f"{parameter} on {objective}: {known}"


def _caption(trials: pd.Series[Any]) -> str:
    """The caption; ``trials`` has the number of trials used for each parameter."""
    conditional = (
        "For a parameter that is not always set, or not always active, only the trials in which it "
        f"is active are used (at least {trials.min():,})."
    )
    return paragraph(
        "The share of the variance of each objective that the parameter explains by itself: omega "
        "squared over its values, with numbers grouped between quantiles. It is corrected for "
        "chance, so 0 means no more than chance. Each trial counts with its last finished "
        "evaluation; finetune epochs are the trained ones.",
        conditional if trials.min() < trials.max() else "",
        "Interactions of parameters are not in it. The sampler proposed more trials where it "
        "expected better ones, so ranges are not covered evenly and parameters may be correlated: "
        "the shares describe this search only.",
    )
