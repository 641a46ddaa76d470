"""Early stopping: how many trials continued at each rung, and how well a rung predicted the end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis.charts.panels import Axis, Bars, Panel, Panels, Series
from analysis.charts.style import BLUE, GREY, ORANGE, VERMILION, Look
from analysis.format import paragraph
from analysis.results import Results
from analysis.tables.columns import frame, of
from sweep.pareto import FloatArray

FEWEST = 4
"""The smallest number of trials for a correlation."""

RUNGS = (
    of("int", "epoch", "reached", "judged", "stopped", "continued")
    | of("float", "survival")
    | of("int", "ended")
    | of("float", "correlation", "correlation_given_sparsity")
)

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


def rungs(results: Results) -> pd.DataFrame:
    """One row per rung, ordered by epoch; without any decision, one row per epoch.

    ``reached`` is the number of trials with an evaluation at the rung, and ``judged`` of those that
    the scheduler decided on: ``stopped`` or ``continued``; ``survival`` = continued / judged.

    ``correlation`` is Spearman's correlation of the primary metric at the rung with that at the
    end, over the ``ended`` trials that completed later. ``correlation_given_sparsity`` is the
    partial rank correlation (Kendall 1942) that holds sparsity constant, because both values depend
    much on sparsity. Both are missing with fewer than ``FEWEST`` trials, or if values are constant.

    Stopped trials have no end. They were the worst of their rung, so the range is restricted, which
    lowers the correlation; a trial that was stopped by mistake is not in it.
    """
    decisions = results.decisions.dropna(subset=["epoch"])
    verdicts = pd.crosstab(decisions["epoch"], decisions["action"])
    records = results.records[results.records["stage"].ne("baseline")]
    wanted = ["trial_id", "epoch", "sparsity", "param_ramp_epochs"]
    table = records[wanted].assign(value=records[results.metric.name]).dropna(subset=["epoch"])
    ends = _ends(results, table)
    epochs = sorted(set(verdicts.index)) or sorted(set(table["epoch"]))[:-1]
    counts = verdicts.reindex(index=epochs, columns=["stop", "continue"], fill_value=0)
    at = zip(map(int, epochs), counts["stop"], counts["continue"], strict=True)
    rows = [_row(epoch, int(stop), int(go), table, ends) for epoch, stop, go in at]
    return frame(rows, RUNGS)


def spearman(a: FloatArray, b: FloatArray) -> float:
    """Rank correlation of two columns (n,), with mean ranks for ties; NaN if one is constant.

    >>> round(spearman(np.array([1.0, 2.0, 3.0]), np.array([10.0, 30.0, 20.0])), 6)
    0.5
    """
    return float(pd.DataFrame({"a": a, "b": b}).corr("spearman").to_numpy()[0, 1])


def partial(a: FloatArray, b: FloatArray, given: FloatArray) -> float:
    """Spearman's partial correlation of ``a`` and ``b`` given ``given``; NaN if ``a`` or ``b`` is
    constant or has the same ranks as ``given``."""
    whole, left, right = spearman(a, b), spearman(a, given), spearman(b, given)
    if np.isnan(left) or np.isnan(right):
        # If all trials have the same sparsity, there is nothing to hold constant.
        return whole if np.ptp(given) == 0 else float("nan")
    rest = (1 - left**2) * (1 - right**2)
    return float((whole - left * right) / np.sqrt(rest)) if rest > 1e-12 else float("nan")


def _ends(results: Results, table: pd.DataFrame) -> pd.DataFrame:
    """The last evaluation of each completed trial: epoch and value, by trial_id."""
    completed = results.trials.loc[results.trials["status"].eq("completed"), "trial_id"]
    own = table[table["trial_id"].isin(completed)]
    last = own.sort_values("epoch", kind="stable").groupby("trial_id").tail(1)
    return last.set_index("trial_id")[["epoch", "value"]]


def _row(
    epoch: int, stopped: int, continued: int, table: pd.DataFrame, ends: pd.DataFrame
) -> dict[str, Any]:
    here, judged = table[table["epoch"].eq(epoch)], stopped + continued
    return {
        "epoch": epoch,
        "reached": int(here["trial_id"].nunique()),
        "judged": judged,
        "stopped": stopped,
        "continued": continued,
        "survival": continued / judged if judged else None,
        **_correlations(epoch, here, ends),
    }


def _correlations(epoch: int, here: pd.DataFrame, ends: pd.DataFrame) -> dict[str, Any]:
    """The correlations of the values at a rung with those at the end."""
    # During a ramp the sparsity is below the final one, so the value does not count.
    here = here[~here["param_ramp_epochs"].gt(epoch).fillna(False)]
    later = ends.rename(columns={"epoch": "epoch_end", "value": "value_end"})
    pairs = here.join(later, on="trial_id", how="inner")
    pairs = pairs[pairs["epoch_end"].gt(epoch)].dropna(subset=["value", "value_end"])
    found: dict[str, Any] = {"ended": len(pairs)}
    if len(pairs) >= FEWEST:
        at, end, sparsity = (
            pairs[name].to_numpy(np.float64) for name in ("value", "value_end", "sparsity")
        )
        found["correlation"] = spearman(at, end)
        found["correlation_given_sparsity"] = partial(at, end, sparsity)
    return found
