"""What the study is told of a trial that ended: its record, and how far that breaks constraints."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from sweep.ledger.events import RecordEvent
from sweep.search.distributions import FIDELITY
from sweep.search.jobs import TrialState
from sweep.search.study import Observation

Constraints = Mapping[str, Mapping[str, float]]
"""Metric -> {"min": x, "max": y}, or one of the two; see ``search.constraints``."""


def told_record(trial: TrialState, can_tell: Callable[[int], bool]) -> RecordEvent | None:
    """The record that stands for a trial that ended; None where it ended as a failure.

    That is its last record that is not partial (so under a schedule bound to the horizon only that
    of a completed trial) and has an epoch that the study can hold (``can_tell``).
    """
    if trial.status in ("running", "failed"):
        return None
    for epoch in sorted(trial.records, reverse=True):
        record = trial.records[epoch]
        if not record["partial"] and can_tell(epoch):
            return record
    return None


def observation(
    trial: TrialState,
    record: RecordEvent | None,
    objectives: Iterable[str],
    constraints: Constraints,
) -> tuple[Observation | None, dict[str, float] | None]:
    """(Params that came true, values of the objectives) and violations, by the trial's record.

    None for a failed trial: its records stay candidates for the front, but where it leads to is a
    failure. None too where the record lacks a figure.
    """
    if record is None:
        return None, None
    values = [record.get(name) for name in objectives]
    numbers = [float(value) for value in values if isinstance(value, int | float)]
    broken = violations(constraints, record)
    if len(numbers) < len(values) or broken is None:
        return None, None
    return ({**trial.params, FIDELITY: record["epoch"]}, numbers), broken


def constraint_names(constraints: Constraints) -> list[str]:
    """What each bound is called: ``accuracy_drop <= 0.02``."""
    return [name for name, *_ in _bounds(constraints)]


def violations(constraints: Constraints, record: Mapping[str, Any]) -> dict[str, float] | None:
    """Name of a bound -> how far ``record`` is beyond it, as Optuna has it: 0 or less where kept.

    None where the record lacks a figure, or has one that is not finite.
    """
    found: dict[str, float] = {}
    for name, metric, end, bound in _bounds(constraints):
        value = record.get(metric)
        if not isinstance(value, int | float) or not math.isfinite(value):
            return None
        found[name] = float(value - bound if end == "max" else bound - value)
    return found


def _bounds(constraints: Constraints) -> Iterator[tuple[str, str, str, float]]:
    for metric, ends in constraints.items():
        for end, bound in ends.items():
            yield f"{metric} {'<=' if end == 'max' else '>='} {bound:g}", metric, end, bound
