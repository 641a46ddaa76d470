"""The gain of a teacher: trials with a teacher paired with equal trials (same seed) without one."""

from __future__ import annotations

import math

import pandas as pd

from analysis import Results

_TEACHER = "param_distill_weight"


def gains(results: Results) -> pd.DataFrame:
    """Return one row per finetune epoch and sparsity: ``pairs``, ``gain`` and its ``error``.

    ``gain`` is the mean over pairs of the validation accuracy with the largest weight of the
    teacher minus the accuracy without a teacher, in points. ``error`` is its standard error, NaN
    for one pair. Sparsity NaN means all sparsities. The table is empty if there are no pairs.
    """
    pool = results.candidates
    pool = pool[pool["epoch"] > 0]
    weights = pool[_TEACHER].dropna().unique() if _TEACHER in pool else []
    if 0.0 not in weights or len(weights) < 2:
        return pd.DataFrame(columns=["epoch", "sparsity", "pairs", "gain", "error"])
    keys = [str(name) for name in pool if str(name).startswith("param_")]
    keys = [*(name for name in keys if not name.startswith("param_distill_")), "seed", "epoch"]
    taught, alone = (
        pool.loc[pool[_TEACHER] == weight, [*keys, "accuracy"]] for weight in (max(weights), 0.0)
    )
    pairs = taught.merge(alone, on=keys, suffixes=("", "_alone"))
    pairs["gain"] = 100 * (pairs["accuracy"] - pairs["accuracy_alone"])
    rows = []
    for epoch, found in pairs.groupby("epoch"):
        rows.append(_row(epoch, math.nan, found["gain"]))
        rows += [_row(epoch, key, part["gain"]) for key, part in found.groupby("param_sparsity")]
    return pd.DataFrame(rows)


def _row(epoch: object, sparsity: object, gain: pd.Series[float]) -> dict[str, object]:
    figures = {"pairs": len(gain), "gain": gain.mean(), "error": gain.sem()}
    return {"epoch": epoch, "sparsity": sparsity, **figures}
