"""Domains as Optuna has them: what may be asked for, and what a trial may turn out to have been."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from sweep.space.active import fixed, is_active, order
from sweep.space.domains import Choice, Constant, Domain, Float, Int

FIDELITY = "finetune_epochs"


class Told:
    """What a study can hold of a trial's params: which parameters, and which values of each.

    Constants are left out. ``finetune_epochs`` is always held, with every epoch at which a trial
    may be stopped; where the space lists epochs, with those alone.
    """

    def __init__(self, space: Mapping[str, Domain]) -> None:
        self._space, self._names = dict(space), order(space)
        self.distributions: dict[str, BaseDistribution] = {
            name: _distribution(domain)
            for name, domain in space.items()
            if not isinstance(domain, Constant)
        }
        """Parameter -> the values that the study can hold of it."""
        if FIDELITY in space:
            self.distributions[FIDELITY] = _truth_distribution(space[FIDELITY])

    def has_epoch(self, epoch: int) -> bool:
        """Whether ``finetune_epochs`` = ``epoch`` can be held."""
        return FIDELITY not in self.distributions or self._contains(FIDELITY, epoch)

    def has(self, params: Mapping[str, Any]) -> bool:
        """Whether every value can be held, but for those that other params fix."""
        return all(
            self._contains(name, params[name]) or fixed(name, params) is not None
            for name in self.distributions
            if name in params
        )

    def of_running(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """What a study is told of a trial that begins: the values that it can hold."""
        return {
            name: params[name]
            for name in self.distributions
            if name in params and self._contains(name, params[name])
        }

    def of_ended(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The same of a trial that turned out like this: only of what is active then."""
        there: dict[str, Any] = {}
        for name in self._names:
            if name in params and is_active(self._space[name], there):
                there[name] = params[name]
        return self.of_running(there)

    def _contains(self, name: str, value: Any) -> bool:
        domain = self.distributions[name]
        if isinstance(domain, CategoricalDistribution):
            return bool(value in domain.choices)
        assert isinstance(domain, FloatDistribution | IntDistribution)
        if not domain.low <= value <= domain.high:
            return False
        steps = 0.0 if domain.step is None else (value - domain.low) / domain.step
        return bool(abs(steps - round(steps)) < 1e-8)  # as exact as Optuna is


def suggest(trial: optuna.Trial, name: str, domain: Domain) -> Any:
    """A value for one parameter of a trial that is being asked for, as a plain Python value."""
    if isinstance(domain, Float):
        value: Any = trial.suggest_float(
            name, domain.low, domain.high, step=domain.step, log=domain.log
        )
    elif isinstance(domain, Int):
        value = trial.suggest_int(name, domain.low, domain.high, step=domain.step, log=domain.log)
    elif isinstance(domain, Choice):
        value = trial.suggest_categorical(name, domain.values)
    else:
        value = domain.value
    return value.item() if isinstance(value, np.generic) else value


def _distribution(domain: Float | Int | Choice) -> BaseDistribution:
    if isinstance(domain, Float):
        return FloatDistribution(domain.low, domain.high, log=domain.log, step=domain.step)
    if isinstance(domain, Int):
        return IntDistribution(domain.low, domain.high, log=domain.log, step=domain.step)
    return CategoricalDistribution(domain.values)


def _truth_distribution(domain: Domain) -> BaseDistribution:
    """Every number of epochs that a trial may turn out to have had.

    On a log scale from 1: a trial is never stopped at epoch 0, where it has not begun to recover.
    """
    if isinstance(domain, Choice):
        return _distribution(domain)
    if isinstance(domain, Int) and domain.log:
        return IntDistribution(1, domain.high, log=True)
    high = domain.value if isinstance(domain, Constant) else domain.high
    return IntDistribution(0, int(high or 0))
