"""Importance: the share of the variance of each objective that each parameter alone explains.

These are main effects as in functional ANOVA (Hutter, Hoos and Leyton-Brown 2014), but without a
surrogate model: the trials are grouped by the values of the parameter, and the variance between
groups is compared with that within groups. Interactions of parameters are not included.

The share is omega squared (Hays 1963), which corrects for chance: with many groups of few trials
the plain share (eta squared) of a parameter without any effect is far above 0.

The sampler proposed more trials where it expected better ones, and parameters may be correlated
there. So the shares of different parameters may include the same variance.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis.results import Results
from analysis.tables.columns import frame, of
from sweep.pareto import FloatArray, IntArray

PER_GROUP = 5
"""The smallest number of trials in a group of a numeric parameter."""
MOST_GROUPS = 6

IMPORTANCE = (
    of("text", "parameter", "objective") | of("float", "share") | of("int", "trials", "groups")
)

# What a parameter needs to be active: a column, the value of a missing cell, and the values that it
# may have; without such values, it may be anything but 0. sweep.space has these rules too, but
# analysis does not import it, and ledgers of 0.1 have values of inactive parameters. Here the
# epochs are the trained ones. tests/test_layout.py compares both.
_ELEMENT = ("param_granularity", "element", ("element",))
_TRAINED: tuple[str, Any, tuple[str, ...]] = ("epoch", 0, ())
_ACTIVATIONS: tuple[str, Any, tuple[str, ...]] = ("param_activation_sparsity", 0, ())
_NEEDS: dict[str, list[tuple[str, Any, tuple[str, ...]]]] = {
    "learning_rate": [_TRAINED],
    "distill_weight": [_TRAINED],
    "distill_temperature": [_TRAINED],
    "activation_method": [_ACTIVATIONS],
    "activation_scope": [_ACTIVATIONS],
    "sparsity": [_ELEMENT],
    "scope": [_ELEMENT],
    "ramp_epochs": [_ELEMENT],
    "normalise": [_ELEMENT, ("param_scope", "local", ("global",))],
    "layer_profile": [_ELEMENT, ("param_scope", "local", ("local", "row"))],
}


def importance(results: Results) -> pd.DataFrame:
    """One row per parameter and objective, for all parameters that differ between trials.

    ``share`` is in [0, 1], and 0 if the groups differ no more than by chance. It is missing if
    there are fewer than two groups or fewer than two trials per group, or if the objective does not
    differ. ``trials`` is the number of trials used: those in which the parameter is set and active
    (a learning rate is inactive without epochs), each with its last finished evaluation. Finetune
    epochs are the trained ones.
    """
    table = observations(results)
    rows = [
        {"parameter": name, "objective": objective, **_effect(table, name, objective)}
        for name in parameters(table)
        for objective in results.directions
    ]
    return frame(rows, IMPORTANCE)


def observations(results: Results) -> pd.DataFrame:
    """One row per trial: its last candidate for the front, with its trained epochs as
    ``param_finetune_epochs``."""
    table = results.candidates.sort_values("epoch", kind="stable")
    last = table.drop_duplicates("trial_id", keep="last").sort_index()
    return last.assign(param_finetune_epochs=last["epoch"])


def parameters(table: pd.DataFrame) -> list[str]:
    """The names (without ``param_``) of the parameters with more than one value."""
    columns = [str(name) for name in table if str(name).startswith("param_")]
    return [name.removeprefix("param_") for name in columns if table[name].nunique() > 1]


def active(table: pd.DataFrame, parameter: str) -> pd.DataFrame:
    """The rows in which a parameter is set and active."""
    rows = table[table[f"param_{parameter}"].notna()]
    for column, default, values in _NEEDS.get(parameter, ()):
        if column in rows:
            cells = rows[column].fillna(default)
            rows = rows[cells.isin(values) if values else cells.ne(0)]
    return rows


def groups_of(column: pd.Series[Any], most: int = MOST_GROUPS) -> IntArray:
    """The group of each value, shape (n,), counted from 0; equal values share a group.

    Numbers with more than ``most`` values are grouped between their quantiles, with about
    equally many trials in each group, and at least ``PER_GROUP``.
    """
    if not pd.api.types.is_numeric_dtype(column.dtype) or column.nunique() <= most:
        return np.asarray(pd.factorize(column)[0], dtype=np.intp)
    numbers = column.to_numpy(dtype=np.float64)
    count = min(most, max(2, len(numbers) // PER_GROUP))
    edges = np.unique(np.quantile(numbers, np.arange(1, count) / count))
    return np.asarray(np.searchsorted(edges, numbers, side="left"), dtype=np.intp)


def omega_squared(values: FloatArray, groups: IntArray) -> float:
    """The share of the variance of ``values`` (n,) between their groups, in [0, 1].

    It is (between - (k - 1) within) / (total + within), where ``within`` is the mean square within
    the k groups. NaN if it is undefined.

    >>> omega_squared(np.array([1.0, 1.0, 3.0, 3.0]), np.array([0, 0, 1, 1]))
    1.0
    >>> omega_squared(np.array([1.0, 3.0, 1.0, 3.0]), np.array([0, 0, 1, 1]))
    0.0
    """
    names, place = np.unique(groups, return_inverse=True)
    n, k = len(values), len(names)
    deviations = values - values.mean() if n else values
    total = float((deviations**2).sum())
    if k < 2 or n < 2 * k or total <= 1e-12 * max(1.0, float((values**2).sum())):
        return float("nan")
    sums, sizes = np.bincount(place, deviations), np.bincount(place)
    between = float((sums**2 / sizes).sum())
    within = max(0.0, total - between) / (n - k)
    return max(0.0, (between - (k - 1) * within) / (total + within))


def _effect(table: pd.DataFrame, parameter: str, objective: str) -> dict[str, Any]:
    rows = active(table, parameter)
    groups = groups_of(rows[f"param_{parameter}"])
    share = omega_squared(rows[objective].to_numpy(np.float64, na_value=np.nan), groups)
    return {"share": share, "trials": len(rows), "groups": len(np.unique(groups))}
