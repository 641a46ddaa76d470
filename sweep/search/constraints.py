"""Constraints on a record's figures, as Optuna has them: by how much each is broken."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

Constraints = Mapping[str, Mapping[str, float]]
"""Metric -> {"min": x, "max": y}, or one of the two; see ``search.constraints``."""


def names(constraints: Constraints) -> list[str]:
    """What each bound is called: ``accuracy_drop <= 0.02``."""
    return [_name(metric, end, bound) for metric, end, bound in _bounds(constraints)]


def violations(constraints: Constraints, record: Mapping[str, Any]) -> dict[str, float] | None:
    """Name of a bound -> how far ``record`` is beyond it: 0 or less where it is kept.

    None where the record lacks a figure, or has one that is not finite.
    """
    found: dict[str, float] = {}
    for metric, end, bound in _bounds(constraints):
        value = record.get(metric)
        if not isinstance(value, int | float) or not math.isfinite(value):
            return None
        beyond = value - bound if end == "max" else bound - value
        found[_name(metric, end, bound)] = float(beyond)
    return found


def _bounds(constraints: Constraints) -> list[tuple[str, str, float]]:
    return [(m, end, bound) for m, ends in constraints.items() for end, bound in ends.items()]


def _name(metric: str, end: str, bound: float) -> str:
    return f"{metric} {'<=' if end == 'max' else '>='} {bound:g}"
