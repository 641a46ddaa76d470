"""What proposes the params of trials, and what it is told afterwards.

A :class:`Study` is a fold over the ledger and nothing else. A proposal is a pure function of the
trials in it: a stock sampler of Optuna is made afresh, seeded from (seed, number), and asked on a
study that is built for this one question (`sweep.search.optuna_study`). What the sampler wrote down
for later (NSGA-II's generations and parents) comes back as ``sampler_attrs``, goes into the ledger,
and is put in place by :meth:`Study.begin`, live and in a replay alike.

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
a sampler is shown a part of the trials (`sweep.search.samplers`; tpe: 200 finished and 64 running,
with more than two objectives 100 and 64). Up to there it proposes exactly what it would with all
of them.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from sweep.errors import SweepError
from sweep.search.ehvi import Ehvi
from sweep.search.optuna_study import SamplerAttrs, make_trial, sample, study_of
from sweep.search.samplers import (
    PARENTS,
    TRIES,
    check_sampler,
    first_generation,
    optuna_sampler,
    sampler_seed,
    window_of,
)
from sweep.search.startup import STARTUP, Configurations, completions, spread_values
from sweep.search.told import Observation, Told, is_feasible, suggest
from sweep.space.active import active, complete, order
from sweep.space.domains import Domain

Params = dict[str, Any]
Proposal = tuple[Params, SamplerAttrs]


class Study:
    """Proposals for a space and several objectives.

    ``space``: parameter -> domain; ``objectives``: metric -> "max" or "min", in the order of the
    values told; ``sampler``: a name of `sweep.search.samplers`; ``seed`` >= 0; ``constraints``: the
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
        check_sampler(sampler, space)
        self._space, self._names, self._objectives = dict(space), order(space), dict(objectives)
        self._seed, self._constraints, self._starts = seed, set(constraints), list(starts)
        self._sampler, self._stock = sampler, optuna_sampler(sampler)
        self._told = Told(space)
        self._trials: list[FrozenTrial] = []  # those of other sweeps first
        self._study_attrs: dict[str, Any] = {}  # of the samplers
        self._configurations = Configurations(self._space, None if sampler == "grid" else seed)
        self._window = window_of(self._stock, objectives)
        self._begun = self._warm = 0
        self._ehvi = Ehvi(space, objectives) if sampler == "ehvi" else None

    @property
    def optuna_study(self) -> optuna.Study:
        """All trials as an Optuna study, for plots, dashboards and tests; built anew each time.

        Its first trials are those learned from other sweeps (:meth:`learn`), if any; then come
        this sweep's, by number.
        """
        return study_of(self._trials, self._objectives)

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
            if params not in self._configurations:
                return params, sampler_attrs
            kept = sampler_attrs
        point = self._configurations.following(number, skip=max(0, number - self._begun))
        return (point, kept) if point else None

    def _wishes(self, number: int) -> Iterator[Proposal]:
        """What trial ``number`` could be, best first."""
        if number < len(self._starts):
            for params in completions(self._space, self._starts[number], self._seed, number):
                yield params, first_generation(self._sampler)
        startup = number - len(self._starts)
        if self._stock and self._stock.spread and 0 <= startup < STARTUP - self._warm:
            spread = spread_values(self._space, sampler_seed(self._seed, 0), startup)
            yield complete(self._space, {}, spread.__getitem__), {}
        if self._stock is not None:
            for attempt in range(TRIES):
                yield self._sampled(sampler_seed(self._seed, number, attempt))
        elif self._ehvi is not None:
            for params in self._ehvi.proposals(self._seed, number):
                yield params, {}

    def _sampled(self, seed: int) -> Proposal:
        """What the stock sampler proposes to a study of the trials that it is shown."""
        assert self._stock is not None
        places = self._window.places(self._parents())
        shown = range(len(self._trials)) if places is None else places
        return sample(
            self._stock.make(seed),
            {place: self._trials[place] for place in shown},
            self._study_attrs,
            self._objectives,
            lambda trial: active(
                self._space,
                self._names,
                lambda name, found: suggest(trial, name, self._space[name]),
            ),
        )

    def _parents(self) -> list[int]:
        """The places of NSGA-II's parents: of this generation, and of the one before."""
        found = [value for key, value in self._study_attrs.items() if key.startswith(PARENTS)]
        return [place for parents in found[-2:] for place in parents]

    # Telling.

    def learn(
        self,
        observation: Observation,
        violations: Mapping[str, float],
        figures: Mapping[str, Any] | None = None,
    ) -> None:
        """Take in what another sweep observed, as a finished trial that comes before all of ours.

        ``figures`` are those of its record, for a sampler that learns from standard errors too.
        SweepError once a trial has begun. The params must be in this space.
        """
        if self._begun:
            raise SweepError("observations of other sweeps come before the first trial")
        if figures is not None:
            self.observe(-1 - self._warm, observation[0], figures)
        attrs = first_generation(self._sampler).get("trial", {})
        self._trials.append(self._complete(-1 - self._warm, observation, violations, attrs))
        self._window.end(self._warm, observation[1], is_feasible(violations))
        self._warm += 1

    def begin(self, number: int, params: Params, sampler_attrs: SamplerAttrs) -> None:
        """Add trial ``number`` as running. Trials begin in the order of their numbers."""
        if number != self._begun:
            raise SweepError(f"trial {number} begins out of order: trial {self._begun} comes next")
        self._study_attrs |= sampler_attrs.get("study", {})
        self._trials.append(
            make_trial(
                TrialState.RUNNING,
                self._told.of_running(params),
                self._told.distributions,
                sampler_attrs.get("trial", {}),
            )
        )
        self._begun += 1
        self._configurations.add(params)
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
        return self._told.has_epoch(epoch)

    def finish(
        self,
        number: int,
        observation: Observation | None,
        violations: Mapping[str, float] | None = None,
    ) -> None:
        """Tell how trial ``number`` ended: (params as they came true, values of the objectives).

        ``violations``: constraint -> by how much it is broken (0 or less: kept), one for each. None
        for the observation, a value that is not finite, or params that the study cannot hold are
        told as FAIL, with the params that were asked.
        """
        place, violations = self._warm + number, violations or {}
        begun = self._trials[place]
        if self._ehvi is not None:
            self._ehvi.end(number)
        if observation is None or not self._can_hold(observation, violations):
            self._trials[place] = make_trial(
                TrialState.FAIL, begun.params, begun.distributions, begun.system_attrs
            )
            self._window.end(place, None, feasible=False)
            return
        self._trials[place] = self._complete(number, observation, violations, begun.system_attrs)
        self._window.end(place, observation[1], is_feasible(violations))

    def _complete(
        self,
        number: int,
        observation: Observation,
        violations: Mapping[str, float],
        attrs: Mapping[str, Any],
    ) -> FrozenTrial:
        """A finished trial, shown to a sampler that learns from records if it has not seen it."""
        params, values = observation
        if self._ehvi is not None:
            figures = dict(zip(self._objectives, values, strict=True))
            self._ehvi.observe(number, params, figures)
        return make_trial(
            TrialState.COMPLETE,
            self._told.of_ended(params),
            self._told.distributions,
            attrs,
            values,
            violations,
        )

    def _can_hold(self, observation: Observation, violations: Mapping[str, float]) -> bool:
        params, values = observation
        whole = set(violations) == self._constraints
        finite = all(map(math.isfinite, [*values, *violations.values()]))
        return whole and finite and self._told.has(params)
