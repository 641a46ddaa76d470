"""Early stopping: how many trials continued at each rung, and how well a rung predicted the end."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.charts.panels import Axis, Bars, Panel, Panels, Series
from analysis.charts.style import BLUE, GREY, ORANGE, VERMILION, Look
from analysis.format import paragraph
from analysis.history.rungs import FEWEST, rungs
from analysis.results import Results

_LOOKS = {"correlation": Look(BLUE), "correlation_given_sparsity": Look(ORANGE, "diamond")}


def view(results: Results) -> Panels | str:
    """Survival and, beside it, correlation; no picture if neither is known."""
    table = rungs(results)
    known = table["judged"].gt(0) | table["correlation"].notna()
    found = table[known.fillna(False)].reset_index(drop=True)
    if found.empty:
        return "No trial has come to a rung yet, and too few trials have ended for a correlation."
    places = tuple((float(place), _name(int(epoch))) for place, epoch in enumerate(found["epoch"]))
    rows = Axis("", ticks=places, ends=(-0.6, len(found) - 0.4))
    height = 90.0 + 36 * len(found)
    panels = [
        Panel(Axis("trials"), rows, "who went on", bars=_survival(found), height=height),
        Panel(
            Axis("rank correlation", ends=(-1.05, 1.05)),
            Axis("", ticks=tuple((place, "") for place, _ in places), ends=rows.ends, hover="rung"),
            "what the rung knew",
            series=_foresight(found, results.metric.name),
            height=height,
        ),
    ]
    return Panels(_caption(table, results.metric.name), panels, columns=2)


def _name(epoch: int) -> str:
    return "pruned" if epoch == 0 else f"epoch {epoch}"


def _survival(found: pd.DataFrame) -> list[Bars]:
    """Stacked from the left: trials that continued, were stopped, and were not judged."""
    rest = (found["reached"] - found["judged"]).clip(lower=0)
    parts = (
        ("went on", found["continued"], BLUE, ""),
        ("stopped", found["stopped"], VERMILION, "/"),
        ("not judged", rest, GREY, "."),
    )
    places, starts = np.arange(len(found), dtype=np.float64), np.zeros(len(found))
    bars = []
    for label, counts, colour, hatch in parts:
        lengths = counts.to_numpy(np.float64)
        notes = [f"{label}: {length:,.0f}" for length in lengths]
        bars.append(Bars(label, places, starts, lengths, colour, hatch, 0.7, notes))
        starts = starts + lengths
    return [one for one in bars if one.lengths.any()]


def _foresight(found: pd.DataFrame, metric: str) -> list[Series]:
    series, labels = [], (f"with the {metric} at the end", "the same at equal sparsity")
    for (name, look), label in zip(_LOOKS.items(), labels, strict=True):
        known = found[found[name].notna()]
        if len(known):
            series.append(
                Series(
                    label=label,
                    x=known[name].to_numpy(np.float64),
                    y=known.index.to_numpy(dtype=np.float64),
                    colour=look.colour,
                    marker=look.marker,
                    size=8,
                    notes=[f"{row.ended:,} trials that ended later" for row in known.itertuples()],
                )
            )
    return series


def _caption(table: pd.DataFrame, metric: str) -> str:
    judged, stopped = int(table["judged"].sum()), int(table["stopped"].sum())
    verdicts = (
        f"Of {judged:,} decisions, {stopped:,} stopped a trial."
        if judged
        else "No trial was judged: these are the epochs at which rungs could have been."
    )
    bias = (
        "Stopped trials have no end, so the worst trials of each rung are missing: this makes the "
        "correlation smaller than it is over all trials, and a trial stopped by mistake is not in "
        "it. A high value means that the order of the remaining trials was known early; a low "
        "value does not mean that stopping was wrong."
        if stopped
        else ""
    )
    return paragraph(
        f"{verdicts} Left: trials that reached each rung; a trial at its own end is not judged. "
        f"Right: the rank correlation of the {metric} at the rung with that at the end (Spearman; "
        f"1: the same order) over the trials that completed later, if there are at least {FEWEST}. "
        "Both depend much on sparsity, so the diamonds show the correlation at equal sparsity.",
        bias,
    )
