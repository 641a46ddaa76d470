"""One Optuna study of a sweep: what proposes params, and what it is told afterwards.

The study is a fold over the ledger and nothing else. A proposal is a pure function of the trials
in it: :meth:`Study.ask` builds the sampler afresh, seeded from (seed, number), and leaves no trace.
What the sampler wrote down for later (NSGA-II's generations and parents) comes back as
``sampler_attrs``, goes into the ledger, and is put in place by :meth:`Study.begin`, live and in a
replay alike.

The truth is told: a trial that was stopped after epoch e is COMPLETE with ``finetune_epochs`` = e.
So that e fits, ``finetune_epochs`` is recorded as an integer from 0 to the space's largest, even
where the space has one value or a narrower range; the proposals still come from the space. Only
parameters that are there are told (`sweep.space.active`): those that would not be at epoch e
are left out, since the space itself says that they make no difference there.

No configuration is proposed twice (`sweep.space.active.identity`: what changes nothing does not
count, a ``seed`` that the space gives does). What a sampler repeats is asked for again from another
stream of the same seed, :data:`TRIES` times in all; then the next untried point of the space comes,
in an order of the seed's; a space without one is exhausted.

However long a sweep, a proposal stays fast, and the memory of a sampler bounded: beyond its bounds
a sampler is shown a part of the trials (`sweep.search.window`; tpe: 200 finished and 64 running,
with more than two objectives 100 and 64). Up to there it proposes exactly what it would with all
of them.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import optuna
from optuna.trial import TrialState, create_trial

from sweep.errors import SweepError
from sweep.search.distributions import FIDELITY, contains, suggest, told_distributions
from sweep.search.ehvi import Ehvi
from sweep.search.samplers import (
    PARENTS,
    SAMPLERS,
    Sampler,
    check_grid,
    check_sampler,
    first_generation,
    sampler_seed,
)
from sweep.search.startup import STARTUP, Untried, spread_values, startup_point
from sweep.search.storage import SamplerAttrs, Storage, create_study
from sweep.search.window import Window
from sweep.space.active import Identity, active, complete, fixed, identity, is_active, order
from sweep.space.domains import Domain
from sweep.space.params import Params as Whole

TRIES = 3
"""How often a sampler is asked before the next untried point is taken."""

Params = dict[str, Any]
Proposal = tuple[Params, SamplerAttrs]
Observation = tuple[Params, Sequence[float]]
"""Params as they came true, and the values of the objectives."""


class Study:
    """Proposals for a space and several objectives.

    ``space``: parameter -> domain; ``objectives``: metric -> "max" or "min", in the order of the
    values told; ``sampler``: tpe, nsga2, gp, random or grid; ``seed`` >= 0; ``constraints``: the
    names of the violations that each observation comes with; ``starts``: points that come first,
    whole or in part. Grid ignores what it is told. UsageError for an unknown sampler, a grid over
    an endless range, or gp without torch.
    """

    def __init__(
        self,
        space: Mapping[str, Domain],
        objectives: Mapping[str, str],
        sampler: str,
        seed: int,
        constraints: Collection[str] = (),
        starts: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        check_sampler(sampler)
        self._space, self._names, self._objectives = dict(space), order(space), list(objectives)
        self._seed, self._constraints, self._starts = seed, set(constraints), list(starts)
        self._sampler, self._how = sampler, SAMPLERS[sampler]
        if self._how is None:
            check_grid(self._space)
        self._told = told_distributions(self._space)
        self._tried: set[Identity] = set()
        self._untried = Untried(self._space, None if self._how is None else seed)
        self._storage = Storage()
        self._study = create_study(self._storage, objectives)
        self._window = _window(self._how, objectives)
        self._begun = self._warm = 0
        self._parents: list[int] = []
        self._ehvi = Ehvi(space, objectives) if sampler == "ehvi" else None

    @property
    def optuna_study(self) -> optuna.Study:
        """The study itself, for plots, dashboards and tests; not to be written to.

        Its first trials are those learned from other sweeps (:meth:`learn`), if any; then come
        this sweep's, by number.
        """
        return self._study

    @property
    def learned(self) -> int:
        """How many trials of the study are those of other sweeps."""
        return self._warm

    # Asking.

    def ask(self, number: int) -> Proposal | None:
        """Params for trial ``number`` (those that are there, constants too) and its attributes.

        Both are JSON; :meth:`begin` takes them. None when the space is exhausted. Nothing changes:
        asking again gives the same.
        """
        kept: SamplerAttrs = {}
        for params, sampler_attrs in self._wishes(number):
            if identity(params) not in self._tried:
                return params, sampler_attrs
            kept = sampler_attrs
        point = self._untried.point(self._tried, number, skip=max(0, number - self._begun))
        return (point, kept) if point else None

    def _wishes(self, number: int) -> Iterator[Proposal]:
        """What trial ``number`` could be, best first."""
        if number < len(self._starts):
            yield from self._start(number)
        startup = number - len(self._starts)
        if self._how is None:
            return
        if self._how.spread and 0 <= startup < STARTUP - self._warm:
            yield startup_point(self._space, sampler_seed(self._seed, 0), startup), {}
        for attempt in range(TRIES):
            if self._ehvi is None:
                yield self._sampled(sampler_seed(self._seed, number, attempt))
            elif self._ehvi.is_ready:
                yield self._ehvi.propose(sampler_seed(self._seed, number, attempt)), {}
            else:
                spread = sampler_seed(self._seed, number // 16, attempt)
                yield self._ehvi.spread(spread, number % 16), {}

    def _start(self, number: int) -> Iterator[Proposal]:
        """The starting point ``number``, what it leaves open filled in one way after another."""
        for attempt in range(TRIES):
            seed = sampler_seed(self._seed, number // 16, attempt + TRIES)
            spread = spread_values(self._space, seed, number % 16)
            params = complete(self._space, self._starts[number], spread.__getitem__)
            yield params, first_generation(self._sampler)

    def _sampled(self, seed: int) -> Proposal:
        assert self._how is not None
        self._study.sampler = self._how.make(seed)
        with self._storage.scratch(self._window.places(self._parents)) as written:
            trial = self._study.ask()
            params = active(
                self._space,
                self._names,
                lambda name, found: suggest(trial, name, self._space[name]),
            )
        return params, written

    # Telling.

    def learn(self, observation: Observation, violations: Mapping[str, float]) -> None:
        """Take in what another sweep observed, as a finished trial that comes before all of ours.

        SweepError once a trial has begun. The params must be in this space.
        """
        if self._begun:
            raise SweepError("observations of other sweeps come before the first trial")
        params, values = observation
        known = self._as_told(params)
        self._study.add_trial(
            create_trial(
                state=TrialState.COMPLETE,
                params=known,
                distributions={name: self._told[name] for name in known},
                system_attrs=first_generation(self._sampler).get("trial", {}),
                values=[float(value) for value in values],
                constraints=dict(violations),
            )
        )
        self._window.end(self._warm, values, _feasible(violations))
        self._show(-1 - self._warm, observation)
        self._warm += 1

    def begin(self, number: int, params: Params, sampler_attrs: SamplerAttrs) -> None:
        """Add trial ``number`` as running. Trials begin in the order of their numbers."""
        if number != self._begun:
            raise SweepError(f"trial {number} begins out of order: trial {self._begun} comes next")
        for key, value in sampler_attrs.get("study", {}).items():
            self._storage.set_study_system_attr(self._study._study_id, key, value)
            if key.startswith(PARENTS):
                self._parents = [*self._parents[-len(value) :], *value]
        known = {name: params[name] for name in self._told if self._tells(name, params)}
        self._study.add_trial(
            create_trial(
                state=TrialState.RUNNING,
                params=known,
                distributions={name: self._told[name] for name in known},
                system_attrs=dict(sampler_attrs.get("trial", {})),
            )
        )
        self._begun += 1
        self._tried.add(identity(params))
        self._window.begin(self._warm + number)
        if self._ehvi is not None:
            self._ehvi.begin(number, params)

    def observe(self, number: int, params: Params, record: Mapping[str, Any]) -> None:
        """Show a record of trial ``number`` to a sampler that learns from each one."""
        if self._ehvi is not None:
            self._ehvi.observe(number, params, record)

    def can_tell(self, epoch: int) -> bool:
        """Whether ``finetune_epochs`` = ``epoch`` is a value that the study can hold.

        It can hold every epoch that a trial reaches; where the space lists epochs, only those.
        """
        return FIDELITY not in self._told or contains(self._told[FIDELITY], epoch)

    def finish(
        self,
        number: int,
        observation: Observation | None,
        violations: Mapping[str, float] | None = None,
    ) -> None:
        """Tell how trial ``number`` ended: (params as they came true, values of the objectives).

        ``violations``: constraint -> by how much it is broken (0 or less: kept), one for each. None
        for the observation, a value that is not finite, or params that the study cannot hold are
        told as FAIL. Where the params differ from those asked (stopped early), the trial's are set
        right first.
        """
        place = self._warm + number
        if self._ehvi is not None:
            self._ehvi.end(number)
        if observation is None or not self._can_hold(observation, violations or {}):
            self._storage.set_trial_state_values(place, TrialState.FAIL)
            self._window.end(place, None, feasible=False)
            return
        params, values = observation
        known = self._as_told(params)
        if known != self._storage.trial(place).params:
            self._storage.set_params(place, known, self._told)
        for name, violation in (violations or {}).items():
            optuna.Trial(self._study, place).set_constraint(name, float(violation))
        # Study.tell says the same, and copies the trial for an answer.
        told = [float(value) for value in values]
        self._storage.set_trial_state_values(place, TrialState.COMPLETE, told)
        self._show(number, observation)
        self._window.end(place, values, _feasible(violations or {}))

    def _show(self, number: int, observation: Observation) -> None:
        """Show an observation to a sampler that learns from records, if it has not seen it."""
        params, values = observation
        if self._ehvi is not None:
            figures = dict(zip(self._objectives, values, strict=True))
            epoch = params.get(FIDELITY, Whole().finetune_epochs)
            self._ehvi.observe(number, params, {**figures, "epoch": epoch})

    def _as_told(self, params: Params) -> Params:
        """The values that the study gets to know: of the parameters that are there."""
        there: Params = {}
        for name in self._names:
            if name in params and is_active(self._space[name], there):
                there[name] = params[name]
        told = (name for name in self._told if name in there)
        return {name: there[name] for name in told if contains(self._told[name], there[name])}

    def _tells(self, name: str, params: Params) -> bool:
        """Whether the study hears of a value: of one that others decided only where it fits."""
        free = fixed(name, params) is None
        return name in params and (free or contains(self._told[name], params[name]))

    def _can_hold(self, observation: Observation, violations: Mapping[str, float]) -> bool:
        params, values = observation
        held = all(contains(self._told[n], params[n]) for n in self._told if self._tells(n, params))
        whole = set(violations) == self._constraints
        return held and whole and all(map(math.isfinite, [*values, *violations.values()]))


def _window(how: Sampler | None, objectives: Mapping[str, str]) -> Window:
    if how is None:
        return Window(objectives, 0, 0)
    return Window(objectives, how.finished // (1 if len(objectives) < 3 else 2), how.running)


def _feasible(violations: Mapping[str, float]) -> bool:
    return all(violation <= 0 for violation in violations.values())
