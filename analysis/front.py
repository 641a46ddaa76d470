"""The Pareto front of a table of records.

Candidates are the finished observations: every record, of any trial, that is not partial, not the
dense baseline, and has all objectives. Where several have exactly the same objectives, the one
that came first in the ledger stands for them. So ``front.csv`` holds the rows that
``moocore.is_nondominated`` (``keep_weakly=False``) picks from the candidates in ``records.csv``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis.columns import FRONT, series
from analysis.pareto import FloatArray, nondominated
from analysis.statistics import wilson


def candidates(records: pd.DataFrame, directions: Mapping[str, str]) -> pd.DataFrame:
    """The rows of ``records`` that may be on the front, in their order."""
    finished = records["partial"].eq(False).fillna(False) & records["stage"].ne("baseline")
    whole = np.isfinite(objectives(records, directions)).all(axis=1)
    return records[finished.to_numpy(dtype=bool) & whole]


def objectives(table: pd.DataFrame, directions: Mapping[str, str]) -> FloatArray:
    """The objectives of a table's rows, shape (rows, objectives), NaN where missing."""
    return table[list(directions)].to_numpy(dtype=np.float64, na_value=np.nan)


def front_table(records: pd.DataFrame, directions: Mapping[str, str]) -> pd.DataFrame:
    """The non-dominated candidates by rising sparsity, with Wilson intervals and room for test.

    Without a sparsity objective they stand by the first objective that is not accuracy.
    ``test_accuracy``, ``test_accuracy_low``, ``test_accuracy_high`` and ``seeds`` are missing
    until the front is confirmed.
    """
    pool = candidates(records, directions)
    points = objectives(pool, directions)
    front = pool[nondominated(points, list(directions.values()), keep_duplicates=False)]
    front = front.sort_values(main_objective(directions), kind="stable", ignore_index=True)
    low, high = wilson(_floats(front["correct"]), _floats(front["examples"]))
    own = {"accuracy_low": low, "accuracy_high": high}
    missing = [None] * len(front)
    added = {name: series(own.get(name, missing), kind) for name, kind in FRONT.items()}
    return front.assign(**added)


def main_objective(directions: Mapping[str, str]) -> str:
    """What a front is drawn and sorted along: sparsity, else the first that is not accuracy."""
    others = [name for name in directions if name != "accuracy"]
    if "sparsity" in directions or not others:
        return "sparsity"
    return others[0]


def _floats(column: pd.Series[Any]) -> FloatArray:
    return np.asarray(column.to_numpy(dtype="float64", na_value=np.nan), dtype=np.float64)
