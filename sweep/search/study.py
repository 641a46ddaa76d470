"""Proposals for the params of trials, and the observations that they are based on.

A :class:`Study` is a fold over the ledger. A proposal is a pure function of the trials in it: for
each proposal, a new sampler of Optuna is made with a seed from (seed, number), and sees a study
that is built for this one proposal (`sweep.search.optuna_study`). The attributes that the sampler
sets for later (NSGA-II's generations and parents) are returned as ``sampler_attrs``. They go into
the ledger, and :meth:`Study.begin` restores them, live and in a replay alike.

A trial that was stopped after epoch e is reported to Optuna as COMPLETE with ``finetune_epochs`` =
e. So ``finetune_epochs`` is stored as an integer from 0 to the largest of the space, even where the
space has one value or a narrower range. Proposals still come from the space. Inactive parameters
(`sweep.space.active`) are omitted, and so are those that are inactive at epoch e.

No configuration is proposed twice. Two params are one configuration if they differ only in values
without effect (`sweep.space.active.identity`); a ``seed`` of the space has an effect. Where a
sampler repeats a configuration, it is asked again with another seed, :data:`TRIES` times in all.
Then the next new configuration of the space is taken, in an order that follows from the seed. A
space without a new one is exhausted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from sweep.errors import SweepError
from sweep.registry import SAMPLERS
from sweep.search.ehvi import Ehvi
from sweep.search.optuna_study import (
    Observation,
    SamplerAttrs,
    StudyParams,
    is_feasible,
    sample,
)
from sweep.search.samplers import PARENTS, TRIES, Sampler, Window, sampler_seed
from sweep.search.startup import STARTUP, Configurations, completions, spread_values
from sweep.space.active import complete
from sweep.space.domains import Domain

Params = dict[str, Any]
Proposal = tuple[Params, SamplerAttrs]


class Study:
    """Proposals for a space and several objectives.

    ``space``: parameter -> domain; ``objectives``: metric -> "max" or "min", in the order of an
    observation's values; ``sampler``: a name of `sweep.registry.SAMPLERS`; ``seed`` >= 0;
    ``starts``: the first trials, as params or a part of them; ``every_epoch``: as in
    :class:`~sweep.search.ehvi.Ehvi`. A grid ignores observations.
    UsageError for an unknown sampler.
    """

    def __init__(
        self,
        space: Mapping[str, Domain],
        objectives: Mapping[str, str],
        sampler: str,
        seed: int,
        starts: Sequence[Mapping[str, Any]] = (),
        every_epoch: bool = False,
    ) -> None:
        self._space, self._objectives = dict(space), dict(objectives)
        self._seed, self._starts = seed, list(starts)
        found = SAMPLERS[sampler]
        if not (found is None or isinstance(found, Sampler)):
            found = Sampler(found)  # a package registered the function itself
        self._stock: Sampler | None = found
        self._unasked = self._stock.unasked if self._stock else {}
        self.params = StudyParams(space)
        """What the study can store of a trial's params."""
        self.trials: list[FrozenTrial] = []
        """Those learned from other sweeps (:meth:`learn`) first, then this sweep's, by number."""
        self._study_attrs: dict[str, Any] = {}  # of the samplers
        self._configurations = Configurations(self._space, None if sampler == "grid" else seed)
        self._window = found.window(objectives) if found else Window(objectives, 0, 0)
        self._begun = 0
        self.learned = 0
        """How many of the trials are those of other sweeps."""
        self._ehvi: Ehvi | None = None
        if sampler == "ehvi":
            self._ehvi = Ehvi(space, objectives, every_epoch=every_epoch)

    # Asking.

    def ask(self, number: int) -> Proposal | None:
        """The active params of trial ``number`` (constants too), and the sampler's attributes.

        Both are JSON, for :meth:`begin`. None where the space is exhausted. Nothing changes, so
        asking again gives the same.
        """
        kept: SamplerAttrs = {}
        for params, sampler_attrs in self._candidates(number):
            if params not in self._configurations:
                return params, sampler_attrs
            kept = sampler_attrs
        point = self._configurations.following(number, skip=max(0, number - self._begun))
        return (point, kept) if point else None

    def _candidates(self, number: int) -> Iterator[Proposal]:
        """Proposals for trial ``number``, the best one first."""
        if number < len(self._starts):
            for params in completions(self._space, self._starts[number], self._seed, number):
                yield params, self._unasked
        startup = number - len(self._starts)
        if self._stock and self._stock.spread and 0 <= startup < STARTUP - self.learned:
            spread = spread_values(self._space, sampler_seed(self._seed, 0), startup)
            yield complete(self._space, {}, spread.__getitem__), {}
        if self._stock is not None:
            for attempt in range(TRIES):
                yield self._sampled(sampler_seed(self._seed, number, attempt))
        elif self._ehvi is not None:
            for params in self._ehvi.proposals(self._seed, number):
                yield params, {}

    def _sampled(self, seed: int) -> Proposal:
        """The proposal of Optuna's sampler, given a study of the trials that it may see."""
        assert self._stock is not None
        places = self._window.places(len(self.trials), self._parents())
        return sample(
            self._stock.make(seed),
            {place: self.trials[place] for place in places},
            self._study_attrs,
            self._objectives,
            self._space,
        )

    def _parents(self) -> list[int]:
        """The places of NSGA-II's parents, of this generation and the one before."""
        found = [value for key, value in self._study_attrs.items() if key.startswith(PARENTS)]
        return [place for parents in found[-2:] for place in parents]

    # Observing.

    def learn(
        self,
        observation: Observation,
        violations: Mapping[str, float],
        figures: Mapping[str, Any],
    ) -> None:
        """Add an observation of another sweep, as a finished trial before those of this sweep.

        ``figures`` are those of its record, for a sampler that learns from standard errors too.
        The params must be in this space, and no trial has begun.
        """
        self.observe(-1 - self.learned, observation[0], figures)
        attrs = self._unasked.get("trial", {})
        self.trials.append(self.params.trial(TrialState.RUNNING, observation[0], attrs))
        self.learned += 1
        self.finish(-1, observation, violations)  # its place is before that of trial 0

    def begin(self, number: int, params: Params, sampler_attrs: SamplerAttrs) -> None:
        """Add trial ``number`` as running. Trials begin in the order of their numbers."""
        if number != self._begun:
            raise SweepError(f"trial {number} begins out of order: trial {self._begun} comes next")
        self._study_attrs |= sampler_attrs.get("study", {})
        attrs = sampler_attrs.get("trial", {})
        self.trials.append(self.params.trial(TrialState.RUNNING, params, attrs))
        self._begun += 1
        self._configurations.add(params)
        self._window.begin(self.learned + number)
        if self._ehvi is not None:
            self._ehvi.begin(number, params)

    def observe(self, number: int, params: Params, record: Mapping[str, Any]) -> None:
        """Show a record of trial ``number`` to a sampler that learns from each one."""
        if self._ehvi is not None:
            self._ehvi.observe(number, params, record)

    def finish(
        self,
        number: int,
        observation: Observation | None,
        violations: Mapping[str, float] | None = None,
    ) -> None:
        """Trial ``number`` has ended with this observation.

        ``violations``: constraint -> by how much it is violated (0 or less: satisfied). Without an
        observation the trial is FAIL, with the params that it began with.
        """
        place = self.learned + number
        begun, attrs = self.trials[place], self.trials[place].system_attrs
        if self._ehvi is not None:
            self._ehvi.end(number)
        if observation is None:
            self.trials[place] = self.params.trial(TrialState.FAIL, begun.params, attrs)
            self._window.end(place, None, feasible=False)
            return
        params, values = observation
        violations = violations or {}
        self.trials[place] = self.params.trial(
            TrialState.COMPLETE, params, attrs, values, violations
        )
        self._window.end(place, values, is_feasible(violations))
