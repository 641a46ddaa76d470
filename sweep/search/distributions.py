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

from sweep.space.domains import Choice, Constant, Domain, Float, Int

FIDELITY = "finetune_epochs"


def told_distributions(space: Mapping[str, Domain]) -> dict[str, BaseDistribution]:
    """Parameter -> the values that the study can hold of it; constants are left out.

    ``finetune_epochs`` is always among them, with every epoch at which a trial may be stopped.
    """
    found = {
        name: _distribution(domain)
        for name, domain in space.items()
        if not isinstance(domain, Constant)
    }
    if FIDELITY in space:
        found[FIDELITY] = _truth_distribution(space[FIDELITY])
    return found


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


def contains(distribution: BaseDistribution, value: Any) -> bool:
    """Whether a distribution can hold a value."""
    try:
        return distribution._contains(distribution.to_internal_repr(value))
    except ValueError:  # no such choice
        return False


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
