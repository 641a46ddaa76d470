"""What a study is told: domains as Optuna has them, how a trial ended, which bounds it breaks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from sweep.ledger.events import RecordEvent
from sweep.ledger.record import figure, front_values
from sweep.search.jobs import TrialState
from sweep.space.active import fixed, is_active, order
from sweep.space.domains import Choice, Constant, Domain, Float, Int
from sweep.space.params import FIDELITY


class Told:
    """What a study can hold of a trial's params: which parameters, and which values of each.

    Constants are left out. ``finetune_epochs`` is always held, with every epoch at which a trial
    may be stopped; where the space lists epochs, with those alone.
    """

    def __init__(self, space: Mapping[str, Domain]) -> None:
        self._space, self._names = dict(space), order(space)
        self._held = {n: domain for n, domain in space.items() if not isinstance(domain, Constant)}
        if FIDELITY in space:
            self._held[FIDELITY] = _truth(space[FIDELITY])
        self.distributions = {name: distribution(domain) for name, domain in self._held.items()}
        """Parameter -> the values that the study can hold of it."""

    def has_epoch(self, epoch: int) -> bool:
        """Whether ``finetune_epochs`` = ``epoch`` can be held."""
        return FIDELITY not in self._held or self._held[FIDELITY].contains(epoch)

    def has(self, params: Mapping[str, Any]) -> bool:
        """Whether every value can be held, but for those that other params fix."""
        return all(
            domain.contains(params[name]) or fixed(name, params) is not None
            for name, domain in self._held.items()
            if name in params
        )

    def of_running(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """What a study is told of a trial that begins: the values that it can hold."""
        return {
            name: params[name]
            for name, domain in self._held.items()
            if name in params and domain.contains(params[name])
        }

    def of_ended(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The same of a trial that turned out like this: only of what is active then."""
        there: dict[str, Any] = {}
        for name in self._names:
            if name in params and is_active(self._space[name], there):
                there[name] = params[name]
        return self.of_running(there)


def suggest(trial: optuna.Trial, name: str, domain: Domain) -> Any:
    """A value for one parameter of a trial that is being asked for, as a plain Python value."""
    if isinstance(domain, Constant):
        return domain.value
    if isinstance(domain, Choice):
        value: Any = trial.suggest_categorical(name, domain.values)
    else:
        ask: Any = trial.suggest_float if isinstance(domain, Float) else trial.suggest_int
        value = ask(name, domain.low, domain.high, step=domain.step, log=domain.log)
    return value.item() if isinstance(value, np.generic) else value


def distribution(domain: Float | Int | Choice) -> BaseDistribution:
    """A domain as Optuna has it."""
    if isinstance(domain, Choice):
        return CategoricalDistribution(domain.values)
    kind: Any = FloatDistribution if isinstance(domain, Float) else IntDistribution
    return cast(BaseDistribution, kind(domain.low, domain.high, log=domain.log, step=domain.step))


def _truth(domain: Domain) -> Int | Choice:
    """Every number of epochs that a trial may turn out to have had.

    On a log scale from 1: a trial is never stopped at epoch 0, where it has not begun to recover.
    """
    if isinstance(domain, Choice):
        return domain
    if isinstance(domain, Int) and domain.log:
        return Int(1, domain.high, log=True)
    high = domain.value if isinstance(domain, Constant) else domain.high
    return Int(0, int(high or 0))


Observation = tuple[dict[str, Any], Sequence[float]]
"""Params as they came true, and the values of the objectives."""

Constraints = Mapping[str, Mapping[str, float]]
"""Metric -> {"min": x, "max": y}, or one of the two; see ``search.constraints``."""


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
    values, broken = front_values(record, objectives), violations(constraints, record)
    if values is None or broken is None:
        return None, None
    return ({**trial.params, FIDELITY: record["epoch"]}, values), broken


def constraint_names(constraints: Constraints) -> list[str]:
    """What each bound is called: ``accuracy_drop <= 0.02``."""
    return [name for name, *_ in _bounds(constraints)]


def violations(constraints: Constraints, record: Mapping[str, Any]) -> dict[str, float] | None:
    """Name of a bound -> how far ``record`` is beyond it, as Optuna has it: 0 or less where kept.

    None where the record lacks a figure, or has one that is not finite.
    """
    found: dict[str, float] = {}
    for name, metric, end, bound in _bounds(constraints):
        value = figure(record, metric)
        if value is None:
            return None
        found[name] = float(value - bound if end == "max" else bound - value)
    return found


def is_feasible(violations: Mapping[str, float] | None) -> bool:
    """Whether all bounds are kept; what is not known keeps none."""
    return violations is not None and all(beyond <= 0 for beyond in violations.values())


def _bounds(constraints: Constraints) -> Iterator[tuple[str, str, str, float]]:
    for metric, ends in constraints.items():
        for end, bound in ends.items():
            yield f"{metric} {'<=' if end == 'max' else '>='} {bound:g}", metric, end, bound
