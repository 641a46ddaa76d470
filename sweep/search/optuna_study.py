"""A sweep's trials as Optuna has them: their params, constraints, and studies.

A sweep keeps its trials in a list. For each proposal of an Optuna sampler, a study in memory is
made of a part of them (:func:`sample`) and thrown away. A study of all trials is made for users
(:func:`study_of`). Only Optuna's public functions are used.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, RandomSampler
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.trial import FrozenTrial, TrialState

from sweep.ledger.record import figure
from sweep.search.samplers import PARENTS
from sweep.space.active import active, is_active, order
from sweep.space.domains import Choice, Constant, Domain, Float, Int
from sweep.space.params import FIDELITY

Observation = tuple[dict[str, Any], Sequence[float]]
"""The params of a trial, with the epochs that it reached, and the values of the objectives."""

Constraints = Mapping[str, Mapping[str, float]]
"""Metric -> {"min": x, "max": y}, or one of the two; see ``search.constraints``."""

SamplerAttrs = dict[str, dict[str, Any]]
"""The attributes that a sampler sets: {"trial": {key: value}, "study": {key: value}}, or less."""


class _Shared(FrozenTrial):
    """A trial that is never changed, so a shallow copy is enough.

    The deep copies that a study makes of 264 trials take as long as the proposal itself.
    """

    def __deepcopy__(self, memo: dict[int, Any]) -> FrozenTrial:
        copied = _Shared.__new__(_Shared)
        vars(copied).update(vars(self))
        return copied


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
        self._distributions = {name: distribution(domain) for name, domain in self._stored.items()}

    def has_epoch(self, epoch: int) -> bool:
        """Whether ``finetune_epochs`` = ``epoch`` can be stored."""
        return FIDELITY not in self._stored or self._stored[FIDELITY].contains(epoch)

    def trial(
        self,
        state: TrialState,
        params: Mapping[str, Any],
        attrs: Mapping[str, Any],
        values: Sequence[float] | None = None,
        violations: Mapping[str, float] | None = None,
    ) -> FrozenTrial:
        """A trial for any number of studies, with those of its active params that can be stored.

        ``attrs`` are the attributes that a sampler set. ``violations``: constraint -> by how much
        it is violated, 0 or less where it is satisfied.
        """
        found: dict[str, Any] = {}
        for name in self._names:
            if name in params and is_active(self._space[name], found):
                found[name] = params[name]
        stored = {
            name: found[name]
            for name, domain in self._stored.items()
            if name in found and domain.contains(found[name])
        }
        now = datetime.now()
        trial = _Shared(
            number=-1,  # a study gives the number and the id
            trial_id=-1,
            state=state,
            value=None,
            values=None if values is None else [float(value) for value in values],
            datetime_start=now,
            datetime_complete=now if state.is_finished() else None,
            params=stored,
            distributions={name: self._distributions[name] for name in stored},
            user_attrs={},
            system_attrs=dict(attrs),
            intermediate_values={},
        )
        for name, violation in (violations or {}).items():
            trial.set_constraint(name, float(violation))
        return trial


def suggest(trial: optuna.Trial, space: Mapping[str, Domain]) -> dict[str, Any]:
    """The active params that a trial's sampler suggests, constants too, as plain Python values."""

    def value(name: str, found: Mapping[str, Any]) -> Any:
        domain: Any = space[name]
        if isinstance(domain, Choice):
            asked: Any = trial.suggest_categorical(name, domain.values)
        else:
            ask: Any = trial.suggest_float if isinstance(domain, Float) else trial.suggest_int
            asked = ask(name, domain.low, domain.high, step=domain.step, log=domain.log)
        return asked.item() if isinstance(asked, np.generic) else asked

    return active(space, order(space), value)


def distribution(domain: Float | Int | Choice) -> BaseDistribution:
    """A domain as Optuna has it."""
    if isinstance(domain, Choice):
        return CategoricalDistribution(domain.values)
    kind: Any = FloatDistribution if isinstance(domain, Float) else IntDistribution
    return cast(BaseDistribution, kind(domain.low, domain.high, log=domain.log, step=domain.step))


def _reached_epochs(domain: Domain) -> Int | Choice:
    """All numbers of epochs after which a trial may end; a log scale begins at 1."""
    if isinstance(domain, Choice):
        return domain
    if isinstance(domain, Int) and domain.log:
        return Int(1, domain.high, log=True)
    high = domain.value if isinstance(domain, Constant) else domain.high
    return Int(0, int(high or 0))


def study_of(
    trials: Iterable[FrozenTrial],
    objectives: Mapping[str, str],
    storage: BaseStorage,
    name: str | None = None,
) -> optuna.Study:
    """A study of ``trials`` in ``storage``, its objectives named."""
    study = _empty(objectives, storage, RandomSampler(), name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.set_metric_names(list(objectives))
    study.add_trials(trials)
    return study


def sample(
    sampler: BaseSampler,
    trials: Mapping[int, FrozenTrial],
    study_attrs: Mapping[str, Any],
    objectives: Mapping[str, str],
    space: Mapping[str, Domain],
) -> tuple[dict[str, Any], SamplerAttrs]:
    """The params that ``sampler`` suggests for a trial, and the attributes that it set.

    The sampler sees these ``trials`` (place in the sweep -> trial, in the order of the places) and
    ``study_attrs``, which it set before. The attributes name trials by their places. The attribute
    relative_params, which is meant for other processes that share a study, is left out.
    """
    storage = InMemoryStorage()
    study = _empty(objectives, storage, sampler)
    study_id = storage.get_study_id_from_name(study.study_name)
    # Study.add_trial would validate each trial again, for each proposal.
    ids = {place: storage.create_new_trial(study_id, trial) for place, trial in trials.items()}
    for key, value in _renamed(study_attrs, ids).items():
        storage.set_study_system_attr(study_id, key, value)
    asked = suggest(study.ask(), space)
    own = study.get_trials(deepcopy=False)[-1].system_attrs
    whole = storage.get_study_system_attrs(study_id)
    new = {key: value for key, value in whole.items() if key not in study_attrs}
    written = {
        "trial": {key: value for key, value in own.items() if ":relative_params:" not in key},
        "study": _renamed(new, {i: place for place, i in ids.items()}),
    }
    return asked, {kind: attrs for kind, attrs in written.items() if attrs}


def _empty(
    objectives: Mapping[str, str],
    storage: BaseStorage,
    sampler: BaseSampler,
    name: str | None = None,
) -> optuna.Study:
    """An empty study. Optuna's log messages are turned off: a user of a sweep sees no study."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(
        storage=storage,
        sampler=sampler,
        study_name=name,
        directions=["maximize" if way == "max" else "minimize" for way in objectives.values()],
    )


def _renamed(study_attrs: Mapping[str, Any], names: Mapping[int, int]) -> dict[str, Any]:
    """A study's attributes with the parents renamed; parents without a new name are left out."""
    return {
        key: [names[parent] for parent in value if parent in names]
        if key.startswith(PARENTS)
        else value
        for key, value in study_attrs.items()
    }


def violations(constraints: Constraints, record: Mapping[str, Any]) -> dict[str, float] | None:
    """Bound -> how far ``record`` is beyond it; 0 or less where it is satisfied.

    A bound has the name ``accuracy_drop <= 0.02``. None where the record lacks a figure, or where a
    figure is not finite.
    """
    found: dict[str, float] = {}
    for metric, ends in constraints.items():
        value = figure(record, metric)
        if value is None:
            return None
        for end, bound in ends.items():
            name = f"{metric} {'<=' if end == 'max' else '>='} {bound:g}"
            found[name] = float(value - bound if end == "max" else bound - value)
    return found


def is_feasible(violations: Mapping[str, float] | None) -> bool:
    """Whether all bounds are satisfied. Unknown violations are not feasible."""
    return violations is not None and all(beyond <= 0 for beyond in violations.values())
