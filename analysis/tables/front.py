"""The Pareto front of a table of records.

Candidates are all records of trials that are not partial and have all objectives. If several
candidates have exactly the same objectives, the first one in the ledger represents them. So
``front.csv`` has the rows that ``moocore.is_nondominated`` (``keep_weakly=False``) selects from the
candidates in ``records.csv`` or, with ``search.constraints``, from the feasible candidates if there
are any.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.certainty.measured import interval, measured
from analysis.tables.columns import front_columns, series, tested_columns
from sweep.ledger.metric import PrimaryMetric
from sweep.pareto import FloatArray, IntArray, nondominated

Constraints = Mapping[str, Mapping[str, float]]


def candidates(records: pd.DataFrame, directions: Mapping[str, str]) -> pd.DataFrame:
    """The rows of ``records`` that may be on the front, in the same order."""
    finished = records["partial"].eq(False).fillna(False).to_numpy(dtype=bool)
    searched = records["stage"].ne("baseline").fillna(False).to_numpy(dtype=bool)
    whole = np.isfinite(objectives(records, directions)).all(axis=1)
    return records[finished & searched & whole]


def objectives(table: pd.DataFrame, names: Iterable[str]) -> FloatArray:
    """The objectives ``names`` of the rows of a table, shape (rows, objectives); NaN if missing."""
    return table[list(names)].to_numpy(dtype=np.float64, na_value=np.nan)


def contenders(pool: pd.DataFrame, constraints: Constraints) -> pd.DataFrame:
    """The feasible candidates, or all candidates if none is feasible.

    ``constraints`` are those of the config: metric -> {"min": x, "max": y}, or one of the two. A
    row is feasible if it is within all bounds; a missing value is within none. The column
    ``feasible`` is added.
    """
    keeps = np.ones(len(pool), dtype=np.bool_)
    for metric, bounds in constraints.items():
        values = objectives(pool, [metric])[:, 0] if metric in pool else np.full(len(pool), np.nan)
        keeps &= (values >= bounds.get("min", -np.inf)) & (values <= bounds.get("max", np.inf))
    pool = pool.assign(feasible=series(keeps.tolist(), "bool").set_axis(pool.index))
    return pool[keeps] if keeps.any() else pool


def front_places(
    pool: pd.DataFrame, directions: Mapping[str, str], metric: PrimaryMetric
) -> IntArray:
    """The positions of the rows of ``pool`` on its front, ordered by :func:`main_objective`."""
    points = objectives(pool, directions)
    best = nondominated(points, list(directions.values()), keep_duplicates=False)
    (places,) = np.nonzero(best)
    along = objectives(pool, [main_objective(directions, metric)])[places, 0]
    return places[np.argsort(along, kind="stable")]


def front_rows(
    rows: pd.DataFrame, metric: PrimaryMetric, tested: Sequence[Mapping[str, Any]]
) -> pd.DataFrame:
    """Rows with the columns of a front: the intervals of the metric, ``tested`` (the values on test
    of each row, by column), ``optimism``, and missing values."""
    ends = [interval(measured(row, metric), metric) for row in rows.to_dict("records")]
    own: dict[str, Any] = {
        metric.low: [low for low, _ in ends],
        metric.high: [high for _, high in ends],
        "feasible": rows["feasible"],
        **{name: [row.get(name) for row in tested] for name in tested_columns(metric)},
    }
    missing = [None] * len(rows)
    kinds = front_columns(metric)
    added = {name: series(own.get(name, missing), kind) for name, kind in kinds.items()}
    front = rows.drop(columns="feasible").reset_index(drop=True).assign(**added)
    return front.assign(optimism=metric.worsening(front[metric.test], front[metric.name]))


def main_objective(directions: Mapping[str, str], metric: PrimaryMetric) -> str:
    """The column by which a front is ordered: sparsity if it is an objective, or if the primary
    metric is the only one; else the first objective that is not the primary metric."""
    others = [name for name in directions if name != metric.name]
    if "sparsity" in directions or not others:
        return "sparsity"
    return others[0]
