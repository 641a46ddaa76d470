"""Optuna studies of a sweep's trials, built on demand and with Optuna's public functions only.

A sweep keeps its trials in a list. For each proposal of an Optuna sampler, a study in memory is
made of a part of them (:func:`sample`) and thrown away. A study of all trials is made for users
(:func:`study_of`).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.trial import FrozenTrial, TrialState

from sweep.search.samplers import PARENTS

SamplerAttrs = dict[str, dict[str, Any]]
"""The attributes that a sampler sets: {"trial": {key: value}, "study": {key: value}}, or less."""

Asked = TypeVar("Asked")


class _Shared(FrozenTrial):
    """A trial that is never changed, so a shallow copy is enough.

    A study makes a deep copy of each trial that is added. For a window of 264 trials this takes as
    long as the proposal itself.
    """

    def __deepcopy__(self, memo: dict[int, Any]) -> FrozenTrial:
        copied = _Shared.__new__(_Shared)
        vars(copied).update(vars(self))
        return copied


def make_trial(
    state: TrialState,
    params: Mapping[str, Any],
    distributions: Mapping[str, BaseDistribution],
    attrs: Mapping[str, Any],
    values: Sequence[float] | None = None,
    constraints: Mapping[str, float] | None = None,
) -> FrozenTrial:
    """A trial for any number of studies.

    ``distributions`` has those of all ``params``, and may have more. ``attrs`` are the attributes
    that a sampler set. ``constraints``: name -> violation, 0 or less where it is satisfied.
    """
    now = datetime.now()
    trial = _Shared(
        number=-1,  # a study gives the number and the id
        trial_id=-1,
        state=state,
        value=None,
        values=None if values is None else [float(value) for value in values],
        datetime_start=now,
        datetime_complete=now if state.is_finished() else None,
        params=dict(params),
        distributions={name: distributions[name] for name in params},
        user_attrs={},
        system_attrs=dict(attrs),
        intermediate_values={},
    )
    for name, violation in (constraints or {}).items():
        trial.set_constraint(name, float(violation))
    return trial


def study_of(
    trials: Iterable[FrozenTrial],
    objectives: Mapping[str, str],
    storage: BaseStorage | None = None,
    name: str | None = None,
) -> optuna.Study:
    """A study of ``trials``, its objectives named; in memory where there is no ``storage``."""
    study = _empty(objectives, storage or InMemoryStorage(), RandomSampler(), name)
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
    ask: Callable[[optuna.Trial], Asked],
) -> tuple[Asked, SamplerAttrs]:
    """The result of ``ask`` for a trial of ``sampler``, and the attributes that the sampler set.

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
    trial = study.ask()
    asked = ask(trial)
    trial_id = storage.get_trial_id_from_study_id_trial_number(study_id, trial.number)
    written = {
        "trial": {
            key: value
            for key, value in storage.get_trial_system_attrs(trial_id).items()
            if ":relative_params:" not in key
        },
        "study": {
            key: value
            for key, value in storage.get_study_system_attrs(study_id).items()
            if key not in study_attrs
        },
    }
    written["study"] = _renamed(written["study"], {i: place for place, i in ids.items()})
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
