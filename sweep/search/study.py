"""One Optuna study of a sweep: what proposes params, and what it is told afterwards.

The study is a fold over the ledger and nothing else. A proposal is a pure function of the trials
in it: :meth:`Study.ask` builds the sampler afresh, seeded from (seed, number), and leaves no trace.
What the sampler wrote down for later (NSGA-II's generations and parents) comes back as
``sampler_attrs``, goes into the ledger, and is put in place by :meth:`Study.begin`, live and in a
replay alike.

The truth is told: a trial that was stopped after epoch e is COMPLETE with ``finetune_epochs`` = e.
So that e fits, ``finetune_epochs`` is recorded as an integer from 0 to the space's largest, even
where the space has one value or a narrower range; the proposals still come from the space. The
study's trials have the sweep's numbers.
"""

from __future__ import annotations

import importlib.util
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from sweep.domains import Choice, Constant, Domain, Float, Int
from sweep.errors import SweepError, UsageError
from sweep.search.startup import STARTUP, has_startup, startup_point

FIDELITY = "finetune_epochs"

POPULATION = 16
"""Trials in a generation of NSGA-II. Optuna's 50 would leave most of a sweep of 64 random."""

Params = dict[str, Any]
SamplerAttrs = dict[str, dict[str, Any]]
"""What a sampler keeps for later: {"trial": {key: value}, "study": {key: value}}, or less."""


class Study:
    """Proposals for a space and several objectives.

    ``space``: parameter -> domain; ``objectives``: metric -> "max" or "min", in the order of the
    values told; ``sampler``: tpe, nsga2, gp, random or grid; ``seed`` >= 0. Grid ignores what it is
    told. UsageError for an unknown sampler, a grid over an endless range, or gp without torch.
    """

    def __init__(
        self, space: Mapping[str, Domain], objectives: Mapping[str, str], sampler: str, seed: int
    ) -> None:
        self._space = dict(space)
        self._seed = seed
        self._sampler = sampler
        _check_sampler(sampler)
        self._grid = _Grid(self._space if sampler == "grid" else {})
        self._asked = {
            name: _distribution(domain)
            for name, domain in self._space.items()
            if not isinstance(domain, Constant)
        }
        self._told = dict(self._asked)
        if FIDELITY in self._space:
            self._told[FIDELITY] = _truth_distribution(self._space[FIDELITY])
        self._storage = _Storage()
        self._study = _create_study(self._storage, objectives)

    @property
    def optuna_study(self) -> optuna.Study:
        """The study itself, for plots, dashboards and tests; not to be written to."""
        return self._study

    def ask(self, number: int) -> tuple[Params, SamplerAttrs] | None:
        """Params for trial ``number`` (all, constants too) and the attributes to begin it with.

        Both are JSON. None when a grid is exhausted. Nothing changes: asking again gives the same.
        """
        make = SAMPLERS[self._sampler]
        if make is None:
            point = self._grid.point(number)
            return None if point is None else (point, {})
        if number < STARTUP and has_startup(self._sampler):
            return startup_point(self._space, _sampler_seed(self._seed, 0), number), {}
        self._study.sampler = make(_sampler_seed(self._seed, number))
        with self._storage.scratch() as written:
            proposed = self._study.ask(self._asked).params
        params = {
            name: domain.value if isinstance(domain, Constant) else _plain(proposed[name])
            for name, domain in self._space.items()
        }
        return params, written

    def begin(self, number: int, params: Params, sampler_attrs: SamplerAttrs) -> None:
        """Add trial ``number`` as running. Trials begin in the order of their numbers."""
        expected = len(self._study.get_trials(deepcopy=False))
        if number != expected:
            raise SweepError(f"trial {number} begins out of order: trial {expected} comes next")
        for key, value in sampler_attrs.get("study", {}).items():
            self._storage.set_study_system_attr(self._study._study_id, key, value)
        self._study.add_trial(
            create_trial(
                state=TrialState.RUNNING,
                params={name: params[name] for name in self._told},
                distributions=dict(self._told),
                system_attrs=dict(sampler_attrs.get("trial", {})),
            )
        )

    def can_tell(self, epoch: int) -> bool:
        """Whether ``finetune_epochs`` = ``epoch`` is a value that the study can hold.

        It can hold every epoch that a trial reaches; where the space lists epochs, only those.
        """
        return FIDELITY not in self._told or _contains(self._told[FIDELITY], epoch)

    def finish(self, number: int, observation: tuple[Params, Sequence[float]] | None) -> None:
        """Tell how trial ``number`` ended: (params as they came true, values of the objectives).

        None, a value that is not finite, or params that the study cannot hold are told as FAIL.
        Where the params differ from those asked (stopped early), the trial's are set right first.
        """
        trial = self._study.get_trials(deepcopy=False)[number]
        if observation is None or not self._can_hold(observation):
            self._study.tell(number, state=TrialState.FAIL)
            return
        params, values = observation
        self._set_right(trial, params)
        self._study.tell(number, [float(value) for value in values], state=TrialState.COMPLETE)

    def _can_hold(self, observation: tuple[Params, Sequence[float]]) -> bool:
        params, values = observation
        held = all(_contains(dist, params[name]) for name, dist in self._told.items())
        return held and all(math.isfinite(value) for value in values)

    def _set_right(self, trial: FrozenTrial, params: Params) -> None:
        for name, distribution in self._told.items():
            if params[name] != trial.params[name]:
                internal = distribution.to_internal_repr(params[name])
                self._storage.set_trial_param(trial._trial_id, name, internal, distribution)


class _Storage(optuna.storages.InMemoryStorage):
    """Memory for one study, in which a question can be asked without leaving a trace."""

    @contextmanager
    def scratch(self) -> Iterator[SamplerAttrs]:
        """Take back the one trial and the study attributes that are written inside.

        Yields a dict, filled on leaving: what the sampler wrote. Left out is what only shows other
        processes the params before all are set (relative_params): nobody else is listening.
        """
        info = self._studies[0]
        attrs, count, highest = info.system_attrs, len(info.trials), self._max_trial_id
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
            info.system_attrs = attrs
            for trial in info.trials[count:]:
                del self._trial_id_to_study_id_and_number[trial._trial_id]
            del info.trials[count:]
            self._max_trial_id = highest


class _Grid:
    """Every combination of a space's values, the last parameter turning fastest."""

    def __init__(self, space: Mapping[str, Domain]) -> None:
        self._values: dict[str, Sequence[Any]] = {}
        for name, domain in space.items():
            try:
                self._values[name] = domain.grid()
            except ValueError as error:
                raise UsageError(f"space.{name}: {error}") from error
        self._size = math.prod(len(values) for values in self._values.values())

    def point(self, number: int) -> Params | None:
        if number >= self._size:
            return None
        picked: Params = {}
        for name, values in reversed(self._values.items()):
            number, index = divmod(number, len(values))
            picked[name] = values[index]
        return {name: picked[name] for name in self._values}


def _create_study(storage: _Storage, objectives: Mapping[str, str]) -> optuna.Study:
    """An empty study with its objectives named. Optuna's own words are for its own users."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        storage=storage,
        sampler=RandomSampler(),
        directions=["maximize" if way == "max" else "minimize" for way in objectives.values()],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.set_metric_names(list(objectives))
    return study


def _gp(seed: int) -> BaseSampler:
    """Imports torch, which takes seconds: only when it is asked for a proposal."""
    return optuna.samplers.GPSampler(seed=seed, warn_independent_sampling=False)


SAMPLERS: dict[str, Callable[[int], BaseSampler] | None] = {
    "tpe": lambda seed: TPESampler(seed=seed),
    "nsga2": lambda seed: NSGAIISampler(seed=seed, population_size=POPULATION),
    "gp": _gp,
    "random": lambda seed: RandomSampler(seed=seed),
    "grid": None,
}
"""How to make a sampler from a seed. The grid is ours: no chance, and nothing to learn."""


def _check_sampler(name: str) -> None:
    if name not in SAMPLERS:
        raise UsageError(f"unknown sampler {name!r}; allowed: {', '.join(SAMPLERS)}")
    missing = [lib for lib in ("torch", "scipy") if importlib.util.find_spec(lib) is None]
    if name == "gp" and missing:
        raise UsageError(f"the sampler gp needs {' and '.join(missing)}: pip install, or use tpe")


def _sampler_seed(seed: int, number: int) -> int:
    """A stream of its own for each trial's proposal, apart from that of the trial's training."""
    return int(np.random.SeedSequence([seed, number], spawn_key=(1,)).generate_state(1)[0])


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
    return IntDistribution(0, int(high))


def _contains(distribution: BaseDistribution, value: Any) -> bool:
    try:
        return distribution._contains(distribution.to_internal_repr(value))
    except ValueError:  # no such choice
        return False


def _plain(value: Any) -> Any:
    """A Python value for a numpy one, so that the ledger gives back what was proposed."""
    return value.item() if isinstance(value, np.generic) else value
