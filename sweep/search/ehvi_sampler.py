"""The search's own sampler for any Optuna study of a pruning search.

:class:`EhviSampler` proposes what a sweep with ``sampler: ehvi`` proposes for the same space, seed
and records (`sweep.search.ehvi`). It needs the value of the metric after each epoch, with its
standard error, while a trial runs. Optuna's ``trial.report`` refuses a study with several
objectives, so the objective function sets a user attribute::

    trial.set_user_attr("records", [(0, 0.71, 0.02), (1, 0.83, 0.02)])  # epoch, value, error

The sampler reads each trial of a study once, a running trial as far as it has come. All that it
knows is in the study, so a study that is loaded from storage goes on as if it had not been
interrupted, and several processes may share a study. Where trials run at the same time, the
proposals are exactly those of a sweep up to :data:`sweep.search.ehvi.SEEN` records: beyond them a
proposal depends on the order of the records, and a study keeps only the order within each trial.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from threading import RLock
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from sweep.config.load import load_config
from sweep.config.sections import EMBEDDED
from sweep.errors import UsageError
from sweep.search.ehvi import Ehvi, Known
from sweep.search.optuna_study import distribution, suggest
from sweep.search.startup import Configurations, completions
from sweep.space.active import active, order
from sweep.space.domains import Constant

Params = dict[str, Any]

RECORDS = "records"
"""The user attribute of a trial: a list of (epoch, value, standard error or None)."""

VALUE = "value"
"""The name of the metric in the sampler: a study need not name its objectives."""


@dataclass
class _Read:
    """What was read of a study; ``place`` is that of the metric among its objectives."""

    study_name: str
    place: int
    ehvi: Ehvi
    configurations: Configurations
    ended: set[int] = field(default_factory=set)


class EhviSampler(BaseSampler):
    """Expected hypervolume improvement per epoch, from the records of all trials.

    ``space`` is the ``space:`` of a config. ``known`` maps the name of the objective that is known
    beforehand to a function of a trial's params with values in [0, 1]. The study has two
    objectives: first the metric, then the known one, unless ``study.set_metric_names`` gives their
    names in the other order. ``seed`` >= 0.

    Trials given by ``study.enqueue_trial`` are completed as ``search.starts`` are. When every
    configuration of the space was proposed, the study is stopped.

    Raises :class:`~sweep.errors.UsageError` for a space that a config cannot have, and for a study
    with other objectives.
    """

    def __init__(self, space: Mapping[str, Any], known: Known, seed: int = 0) -> None:
        plain = {"name": "study", "task": {"dataset": EMBEDDED}, "space": dict(space)}
        self._space = load_config(plain).space
        if len(known) != 1:
            raise UsageError(f"known: needs one objective, got {', '.join(known) or 'none'}")
        self._known, self._seed, self._names = dict(known), seed, order(self._space)
        for name, function in self._known.items():
            values = [function(next(completions(self._space, {}, 0, n))) for n in range(16)]
            if not all(0 <= value <= 1 for value in values):
                raise UsageError(f"known: {name} must have values in [0, 1], got {values}")
        self._lock = RLock()
        self._last: _Read | None = None

    def __getstate__(self) -> dict[str, Any]:
        """All but what was read, which another process reads for itself."""
        return {**vars(self), "_lock": None, "_last": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _lock=RLock())

    def suggest(self, trial: optuna.Trial) -> Params:
        """All active params of a trial, constants too: what a sweep's trial would be given."""
        return suggest(trial, self._space)

    # Optuna's questions.

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Every parameter of the space but the constants."""
        return {
            name: distribution(domain)
            for name, domain in self._space.items()
            if not isinstance(domain, Constant)
        }

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> Params:
        """The active parameters of the next proposal; a repetition if there is nothing new."""
        fixed = trial.system_attrs.get("fixed_params", {})
        given = {name: value for name, value in fixed.items() if name in self._space}
        with self._lock:  # the trials of a study may run in several threads
            read, unknown = self._update(study, trial.number)
            configurations = read.configurations
            found = read.ehvi.proposals(self._seed, trial.number)
            if given:
                found = completions(self._space, given, self._seed, trial.number)
            params: Params = {}
            for params in found:
                if params not in configurations:
                    break
            else:
                if not given:
                    params = configurations.following(trial.number, unknown) or params
            if params in configurations and not fixed:
                warnings.warn("all configurations of the space were proposed", stacklevel=2)
                with suppress(RuntimeError):  # whoever asks and tells has no loop to stop
                    study.stop()
        return {name: value for name, value in params.items() if name in search_space}

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """A random value for a parameter that is not in the space, or is not active."""
        random = RandomSampler(seed=self._seed + trial.number)
        return random.sample_independent(study, trial, param_name, param_distribution)

    def _update(self, study: optuna.Study, own: int) -> tuple[_Read, int]:
        """Read what is new in the trials of a study but number ``own``.

        Second, how many trials before it run whose params another thread is about to set.
        """
        if self._last is None or self._last.study_name != study.study_name:
            place, ehvi = self._ehvi(study)
            known = Configurations(self._space, self._seed)
            self._last = _Read(study.study_name, place, ehvi, known)
        read, unknown = self._last, 0
        for trial in study.get_trials(deepcopy=False):
            number = trial.number
            if number in read.ended or number == own or trial.state == TrialState.WAITING:
                continue
            if number not in read.ehvi.running:
                params = self._params(trial)
                if params is None:
                    unknown += number < own and not trial.state.is_finished()
                    continue
                read.configurations.add(params)
                read.ehvi.begin(number, params)
            self._observe(read, trial)
        return read, unknown

    def _observe(self, read: _Read, trial: FrozenTrial) -> None:
        """Read the records of a trial, and its end."""
        number, params = trial.number, read.ehvi.running[trial.number]
        records = trial.user_attrs.get(RECORDS, ())
        for epoch, value, error in records:
            record = {"epoch": epoch, VALUE: value, f"{VALUE}_se": error}
            read.ehvi.observe(number, params, record)
        if not records and trial.state == TrialState.COMPLETE:
            read.ehvi.observe(number, params, {VALUE: trial.values[read.place]})
        if trial.state.is_finished():
            read.ehvi.end(number)
            read.ended.add(number)

    def _params(self, trial: FrozenTrial) -> Params | None:
        """The active params; None while the objective function has not suggested all of them."""
        try:
            return active(self._space, self._names, lambda name, found: trial.params[name])
        except KeyError:
            return None

    def _ehvi(self, study: optuna.Study) -> tuple[int, Ehvi]:
        """The place of the metric among the study's objectives, and what will propose."""
        [known] = self._known
        names = study.metric_names or [VALUE, known]
        if len(study.directions) != 2 or known not in names:
            raise UsageError(f"EhviSampler: the study's objectives must be a metric and {known}")
        place = 1 - names.index(known)
        ways = ["max" if way == StudyDirection.MAXIMIZE else "min" for way in study.directions]
        objectives = {VALUE: ways[place], known: ways[1 - place]}
        return place, Ehvi(self._space, objectives, self._known)
