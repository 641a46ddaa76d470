"""What an Optuna study stores of a trial: params, values of objectives, violated constraints."""

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


class StudyParams:
    """Which parameters of a trial, and which values of each, a study can store.

    Constants are left out. ``finetune_epochs`` is always stored. Its values are all epochs at which
    a trial may be stopped, or the epochs that the space lists.
    """

    def __init__(self, space: Mapping[str, Domain]) -> None:
        self._space, self._names = dict(space), order(space)
        self._stored = {
            n: domain for n, domain in space.items() if not isinstance(domain, Constant)
        }
        if FIDELITY in space:
            self._stored[FIDELITY] = _reached_epochs(space[FIDELITY])
        self.distributions = {name: distribution(domain) for name, domain in self._stored.items()}
        """Parameter -> the values that the study can store."""

    def has_epoch(self, epoch: int) -> bool:
        """Whether ``finetune_epochs`` = ``epoch`` can be stored."""
        return FIDELITY not in self._stored or self._stored[FIDELITY].contains(epoch)

    def has(self, params: Mapping[str, Any]) -> bool:
        """Whether every value can be stored. Values that other params fix are not looked at."""
        return all(
            domain.contains(params[name]) or fixed(name, params) is not None
            for name, domain in self._stored.items()
            if name in params
        )

    def of_running(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The params of a trial that begins, as far as a study can store them."""
        return {
            name: params[name]
            for name, domain in self._stored.items()
            if name in params and domain.contains(params[name])
        }

    def of_ended(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The active params of a trial that ended with these, as far as a study can store them."""
        found: dict[str, Any] = {}
        for name in self._names:
            if name in params and is_active(self._space[name], found):
                found[name] = params[name]
        return self.of_running(found)


def suggest(trial: optuna.Trial, name: str, domain: Domain) -> Any:
    """The value that a trial's sampler suggests for a parameter, as a plain Python value."""
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


def _reached_epochs(domain: Domain) -> Int | Choice:
    """All numbers of epochs after which a trial may end.

    A log scale begins at 1, since it has no 0.
    """
    if isinstance(domain, Choice):
        return domain
    if isinstance(domain, Int) and domain.log:
        return Int(1, domain.high, log=True)
    high = domain.value if isinstance(domain, Constant) else domain.high
    return Int(0, int(high or 0))


Observation = tuple[dict[str, Any], Sequence[float]]
"""The params of a trial, with the epochs that it reached, and the values of the objectives."""

Constraints = Mapping[str, Mapping[str, float]]
"""Metric -> {"min": x, "max": y}, or one of the two; see ``search.constraints``."""


def observation(
    trial: TrialState,
    record: RecordEvent | None,
    objectives: Iterable[str],
    constraints: Constraints,
) -> tuple[Observation | None, dict[str, float] | None]:
    """The observation, and the violations of the constraints, that a trial's record gives.

    None where there is no record (a failed trial), or where it lacks a figure.
    """
    if record is None:
        return None, None
    values, broken = front_values(record, objectives), violations(constraints, record)
    if values is None or broken is None:
        return None, None
    return ({**trial.params, FIDELITY: record["epoch"]}, values), broken


def constraint_names(constraints: Constraints) -> list[str]:
    """The name of each bound: ``accuracy_drop <= 0.02``."""
    return [name for name, *_ in _bounds(constraints)]


def violations(constraints: Constraints, record: Mapping[str, Any]) -> dict[str, float] | None:
    """Name of a bound -> how far ``record`` is beyond it; 0 or less where it is satisfied.

    None where the record lacks a figure, or where a figure is not finite.
    """
    found: dict[str, float] = {}
    for name, metric, end, bound in _bounds(constraints):
        value = figure(record, metric)
        if value is None:
            return None
        found[name] = float(value - bound if end == "max" else bound - value)
    return found


def is_feasible(violations: Mapping[str, float] | None) -> bool:
    """Whether all bounds are satisfied. Unknown violations are not feasible."""
    return violations is not None and all(beyond <= 0 for beyond in violations.values())


def _bounds(constraints: Constraints) -> Iterator[tuple[str, str, str, float]]:
    for metric, ends in constraints.items():
        for end, bound in ends.items():
            yield f"{metric} {'<=' if end == 'max' else '>='} {bound:g}", metric, end, bound
