"""The Pareto front of a table of records.

Candidates are the finished observations: every record, of any trial, that is not partial, not the
dense baseline, and has all objectives. Where several have exactly the same objectives, the one
that came first in the ledger stands for them. So ``front.csv`` holds the rows that
``moocore.is_nondominated`` (``keep_weakly=False``) picks from the candidates in ``records.csv``;
under ``search.constraints`` from the feasible ones among them, where there are any.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis.certainty.measured import interval, measured
from analysis.tables.columns import front_columns, series
from sweep.ledger.metric import PrimaryMetric
from sweep.pareto import BoolArray, FloatArray, IntArray, nondominated

Constraints = Mapping[str, Mapping[str, float]]


def candidates(records: pd.DataFrame, directions: Mapping[str, str]) -> pd.DataFrame:
    """The rows of ``records`` that may be on the front, in their order."""
    finished = records["partial"].eq(False).fillna(False) & records["stage"].ne("baseline")
    whole = np.isfinite(objectives(records, directions)).all(axis=1)
    return records[finished.to_numpy(dtype=bool) & whole]


def objectives(table: pd.DataFrame, directions: Mapping[str, str]) -> FloatArray:
    """The objectives of a table's rows, shape (rows, objectives), NaN where missing."""
    return table[list(directions)].to_numpy(dtype=np.float64, na_value=np.nan)


def feasible(table: pd.DataFrame, constraints: Constraints) -> BoolArray:
    """Mask, shape (rows,), of the rows that keep to all bounds; a missing figure keeps to none.

    ``constraints`` are the config's: metric -> {"min": x, "max": y}, or one of the two.
    """
    keeps = np.ones(len(table), dtype=np.bool_)
    for metric, bounds in constraints.items():
        if metric not in table:
            return np.zeros(len(table), dtype=np.bool_)
        values = _floats(table[metric])
        keeps &= values >= bounds.get("min", -np.inf)
        keeps &= values <= bounds.get("max", np.inf)
    return keeps


def contenders(pool: pd.DataFrame, constraints: Constraints) -> pd.DataFrame:
    """The candidates that may be on the front: the feasible ones, or all where none is feasible.

    The column ``feasible`` says which it is.
    """
    keeps = feasible(pool, constraints)
    pool = pool.assign(feasible=series(keeps.tolist(), "bool").set_axis(pool.index))
    return pool[keeps] if keeps.any() else pool


def front_places(
    pool: pd.DataFrame, directions: Mapping[str, str], metric: PrimaryMetric
) -> IntArray:
    """Rows of ``pool`` that are on its front, as places, by rising :func:`main_objective`."""
    points = objectives(pool, directions)
    best = nondominated(points, list(directions.values()), keep_duplicates=False)
    (places,) = np.nonzero(best)
    along = _floats(pool[main_objective(directions, metric)])[places]
    return places[np.argsort(along, kind="stable")]


def front_rows(rows: pd.DataFrame, metric: PrimaryMetric) -> pd.DataFrame:
    """Rows with the columns of a front: the metric's intervals, and the others missing."""
    ends = [interval(measured(row, metric), metric) for row in rows.to_dict("records")]
    own: dict[str, Any] = {
        metric.low: [low for low, _ in ends],
        metric.high: [high for _, high in ends],
        "feasible": rows["feasible"],
    }
    missing = [None] * len(rows)
    kinds = front_columns(metric)
    added = {name: series(own.get(name, missing), kind) for name, kind in kinds.items()}
    return rows.drop(columns="feasible").reset_index(drop=True).assign(**added)


def main_objective(directions: Mapping[str, str], metric: PrimaryMetric) -> str:
    """What a front is drawn and sorted along: sparsity if it is an objective, or if there is none
    beside the primary metric; else the first other objective."""
    others = [name for name in directions if name != metric.name]
    if "sparsity" in directions or not others:
        return "sparsity"
    return others[0]


def _floats(column: pd.Series[Any]) -> FloatArray:
    return np.asarray(column.to_numpy(dtype="float64", na_value=np.nan), dtype=np.float64)
