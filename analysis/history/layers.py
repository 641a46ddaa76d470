"""The zeros in each matrix of a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from analysis.certainty.answers import Point
from analysis.tables.columns import frame, of

LAYERS = of("text", "name") | of("int", "count", "zeros") | of("float", "sparsity")


def layers_of(
    baseline: Mapping[str, Any] | None, records: Iterable[Mapping[str, Any]], epoch: int
) -> pd.DataFrame | None:
    """One row per prunable matrix, in the order of the model: ``name, count, zeros, sparsity``.

    ``records`` are those of one trial. The latest one up to ``epoch`` that has the zeros is used,
    because masks do not change between such records. None if the ledger does not have the zeros.
    """
    weights = (baseline or {}).get("prunable_weights") or []
    told = [
        r["zeros_per_weight"] for r in records if r["epoch"] <= epoch and "zeros_per_weight" in r
    ]
    zeros = told[-1] if told else []
    if not weights or len(zeros) != len(weights):
        return None
    rows = [
        {"name": name, "count": count, "zeros": zero, "sparsity": zero / count if count else None}
        for (name, count), zero in zip(weights, zeros, strict=True)
    ]
    return frame(rows, LAYERS)


def layer_table(points: Mapping[Point, pd.DataFrame | None]) -> pd.DataFrame | None:
    """Sparsity of each matrix (rows, by name) at each point (columns, ``trial_id:epoch``).

    Columns are in the order of ``points``; an unknown one is NaN. None if all are unknown.
    """
    known = {point: table for point, table in points.items() if table is not None}
    if not known:
        return None
    names = next(iter(known.values()))["name"]
    return pd.DataFrame(
        {
            f"{trial}:{epoch}": float("nan") if table is None else table["sparsity"].to_numpy()
            for (trial, epoch), table in points.items()
        },
        index=pd.Index(names.astype(object), name="matrix"),
        dtype="float64",
    )
