"""Memory for one Optuna study, in which a question can be asked without leaving a trace."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import RandomSampler
from optuna.trial import FrozenTrial

SamplerAttrs = dict[str, dict[str, Any]]
"""What a sampler keeps for later: {"trial": {key: value}, "study": {key: value}}, or less."""


class Storage(optuna.storages.InMemoryStorage):
    """Holds one study, whose trials have the ids 0, 1, 2, ..., which are their places too."""

    _hidden = 0

    @contextmanager
    def scratch(self, places: Sequence[int] | None) -> Iterator[SamplerAttrs]:
        """Take back the one trial and the study attributes that are written inside.

        Inside, the study shows the trials of these ``places`` alone (None: all); the new trial has
        the number that comes after all of them. Yields a dict, filled on leaving: what the sampler
        wrote. Left out is what only shows other processes the params before all are set
        (relative_params): nobody else is listening.
        """
        info = self._studies[0]
        trials, attrs, highest = info.trials, info.system_attrs, self._max_trial_id
        info.trials = list(trials) if places is None else [trials[place] for place in places]
        shown = len(info.trials)
        self._hidden = len(trials) - shown
        written: SamplerAttrs = {}
        try:
            yield written
            trial_attrs = {
                key: value
                for key, value in info.trials[-1].system_attrs.items()
                if ":relative_params:" not in key
            }
            study_attrs = {k: v for k, v in info.system_attrs.items() if k not in attrs}
            written |= {"trial": trial_attrs} if trial_attrs else {}
            written |= {"study": study_attrs} if study_attrs else {}
        finally:
            for trial in info.trials[shown:]:
                del self._trial_id_to_study_id_and_number[trial._trial_id]
            info.trials, info.system_attrs = trials, attrs
            self._max_trial_id, self._hidden = highest, 0

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """As always, but that the number counts hidden trials: TPE tells trials apart by it."""
        trial_id = super().create_new_trial(study_id, template_trial)
        self._get_trial(trial_id).number += self._hidden
        return trial_id

    def set_params(
        self, place: int, params: Mapping[str, Any], distributions: Mapping[str, BaseDistribution]
    ) -> None:
        """Give a running trial these params in place of those that it has."""
        trial = copy.copy(self._get_trial(place))
        trial.params = dict(params)
        trial.distributions = {name: distributions[name] for name in params}
        self._set_trial(place, trial)

    def trial(self, place: int) -> FrozenTrial:
        """The trial at a place; not to be written to."""
        return self._get_trial(place)


def create_study(
    storage: optuna.storages.BaseStorage, objectives: Mapping[str, str], name: str | None = None
) -> optuna.Study:
    """An empty study with its objectives named. Optuna's own words are for its own users."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        storage=storage,
        sampler=RandomSampler(),
        study_name=name,
        directions=["maximize" if way == "max" else "minimize" for way in objectives.values()],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.set_metric_names(list(objectives))
    return study
