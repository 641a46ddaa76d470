"""Violations of constraints, in the form that Optuna expects."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from sweep.search.optuna_study import violations

BOUNDS = {"accuracy_drop": {"max": 0.02}, "sparsity": {"min": 0.5, "max": 0.9}}


@given(st.floats(-1, 1), st.floats(0, 1))
def test_a_violation_is_above_zero_exactly_where_a_bound_is_broken(
    drop: float, sparsity: float
) -> None:
    found = violations(BOUNDS, {"accuracy_drop": drop, "sparsity": sparsity})
    assert found is not None
    broken = {
        "accuracy_drop <= 0.02": drop > 0.02,
        "sparsity >= 0.5": sparsity < 0.5,
        "sparsity <= 0.9": sparsity > 0.9,
    }
    assert {name: value > 0 for name, value in found.items()} == broken


def test_a_record_without_a_figure_says_nothing() -> None:
    assert violations(BOUNDS, {"accuracy_drop": 0.0}) is None
    assert violations(BOUNDS, {"accuracy_drop": math.nan, "sparsity": 0.5}) is None
    assert violations({}, {}) == {}
