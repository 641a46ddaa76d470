"""The points that `sweep confirm` retrains, and its rounds: a fold over the ledger's events.

A round (a "confirm" event) names points and seeds, and wants every point under every seed. Results
of earlier rounds are used again, so a later round (more seeds, or a front that has changed) costs
only what it adds. A *job* is one retraining of a trial's params under one seed; it serves all
wanted epochs of that trial. A failed job is not repeated, since it would fail again under its seed.
Only the newest round counts; the unfinished work of older rounds is dropped.

The search ignores these events. More events of the search may follow them: a sweep can be resumed
and confirmed again.

The points of a round are the front, and the runners-up. The front is the best of many noisy
figures, and so flatters itself: some of its points are there by luck, and some points are missing
by bad luck. The runners-up are the points of the second front (the front once the first is taken
away, and all copies of its points) that are nearest below the first. A copy has the same values, or
params that a retraining cannot tell apart: it would only measure the same model again. The distance
of a point is that from its primary metric to the best value among the front's points that are at
least as good in every objective, in standard errors of the difference.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from sweep.config import SweepConfig
from sweep.ledger import events
from sweep.ledger.fold import Fold
from sweep.ledger.metric import PrimaryMetric
from sweep.ledger.record import front_values, standard_error
from sweep.pareto import nondominated
from sweep.search.jobs import Retraining
from sweep.search.optuna_study import is_feasible, violations
from sweep.space.active import identity
from sweep.space.params import FIDELITY

STREAM = 0x636F6E66
"""Separates the fresh seeds from all other random numbers that follow from a sweep's seed."""


class Confirmation(Fold):
    """Rounds, jobs and records of one sweep's confirmation, rebuilt from its ledger."""

    def __init__(self) -> None:
        self.params: dict[str, dict[str, Any]] = {}
        """The params of each trial of the search."""
        self.rounds = 0
        self.is_open = False
        """Whether the newest round has not finished."""
        self.has_baseline = False
        self.seeds: list[int] = []
        """The seeds of all rounds, in the order of the ledger."""
        self.jobs: dict[str, Retraining] = {}
        """By name; also the jobs of older rounds."""
        self.needed: Collection[str] = (PrimaryMetric().name, PrimaryMetric().validation)
        """The figures that a record must have."""
        self._pairs: set[tuple[str, int, int]] = set()  # wanted by the newest round
        self._found: set[tuple[str, int, int]] = set()  # trial, epoch, seed
        self._used: set[int] = set()

    # The driver's questions.

    def next_round(
        self, points: Sequence[events.Point], count: int, seed: int
    ) -> events.ConfirmEvent | None:
        """The "confirm" event for these points under ``count`` seeds; None if none is needed.

        None is needed where every point has a result or has failed, and where the current round
        wants all of them already. Seeds of earlier rounds come first. Fresh seeds follow from the
        sweep's ``seed`` and the number of the round, and differ from those of all trials.
        """
        fresh = self._fresh_seeds(seed, count - len(self.seeds))
        seeds = [*self.seeds[:count], *fresh]
        pairs = _pairs(points, seeds)
        if not self._undone(pairs) or (self.is_open and pairs <= self._pairs):
            return None
        return {
            "event": events.CONFIRM,
            "confirm": self.rounds,
            "points": [*points],
            "seeds": seeds,
        }

    def job(self, name: str) -> Retraining:
        """A retraining of this round or of an older one."""
        return self.jobs[name]

    def propose(self) -> None:
        """A round adds nothing by itself."""

    def judge(self, record: events.Event) -> None:
        """A retraining is never stopped."""

    def unfinished(self) -> list[Retraining]:
        """The jobs that run or wait: all points under one seed, then those under the next."""
        running = [job for job in self.jobs.values() if job.status == "running"]
        return sorted(running, key=lambda job: self.seeds.index(job.seed))

    def missing_events(self) -> list[events.Event]:
        """The events that a driver would have written next, had it not been killed."""
        return [end for job in self.unfinished() if (end := job.due_end())]

    @property
    def failed(self) -> list[Retraining]:
        """The failed jobs with points that the newest round wants."""
        missing = {(trial_id, seed) for trial_id, _, seed in self._pairs - self._found}
        return [job for job in self._failures if (job.trial_id, job.seed) in missing]

    @property
    def done(self) -> int:
        """How many of the newest round's (trial, epoch, seed) have figures."""
        return len(self._pairs & self._found)

    @property
    def planned(self) -> int:
        """How many (trial, epoch, seed) the newest round wants."""
        return len(self._pairs)

    def finish_event(self) -> events.ConfirmFinishEvent | None:
        """The event that ends the current round, once all its jobs have ended."""
        if not self.is_open or self.unfinished():
            return None
        return {"event": events.CONFIRM_FINISH, "confirm": self.rounds - 1}

    # The fold.

    def on_sweep(self, event: events.SweepEvent) -> None:
        metric = PrimaryMetric.of(event)
        self.needed = metric.name, metric.validation

    def on_trial(self, event: events.TrialEvent) -> None:
        self.params.setdefault(event["trial_id"], event["params"])
        self._used.add(event["seed"])

    def on_confirm(self, event: events.ConfirmEvent) -> None:
        """A round begins, and replaces one that has not finished."""
        self.rounds, self.is_open = event["confirm"] + 1, True
        self.seeds += [seed for seed in event["seeds"] if seed not in self.seeds]
        self._pairs = _pairs(event["points"], event["seeds"])
        for job in self.jobs.values():  # of the round that this one replaces
            if job.status == "running":
                job.status = "idle"
            job.wanted.clear()
        for trial_id, epoch, seed in sorted(self._undone(self._pairs)):
            job = self._job({"trial_id": trial_id, "seed": seed})
            job.wanted.add(epoch)
            job.status, job.lost = "running", 0

    def on_confirm_baseline(self, event: events.BaselineEvent) -> None:
        self.has_baseline = True

    def on_confirm_start(self, event: events.StartEvent) -> None:
        self._job(event).on_start(event)

    def on_confirm_record(self, event: events.RecordEvent) -> None:
        self._found.add((event["trial_id"], event["epoch"], event["seed"]))
        self._job(event).wanted.discard(event["epoch"])

    def on_confirm_lost(self, event: events.LostEvent) -> None:
        self._job(event).on_lost(event)

    def on_confirm_end(self, event: events.EndEvent) -> None:
        self._job(event).on_end(event)

    def on_confirm_finish(self, event: events.ConfirmFinishEvent) -> None:
        self.is_open = False

    @property
    def _failures(self) -> list[Retraining]:
        return [job for job in self.jobs.values() if job.status == "failed"]

    def _job(self, of: Mapping[str, Any]) -> Retraining:
        trial_id, seed = of["trial_id"], of["seed"]
        job = Retraining(trial_id=trial_id, params=self.params[trial_id], seed=seed)
        return self.jobs.setdefault(job.name, job)

    def _undone(self, pairs: Collection[tuple[str, int, int]]) -> set[tuple[str, int, int]]:
        failed = {(job.trial_id, job.seed) for job in self._failures}
        return {(t, e, s) for t, e, s in set(pairs) - self._found if (t, s) not in failed}

    def _fresh_seeds(self, seed: int, count: int) -> list[int]:
        draw = np.random.default_rng([seed, STREAM, self.rounds])
        fresh: list[int] = []
        while len(fresh) < count:
            drawn = int(draw.integers(2**32))
            if drawn not in self._used and drawn not in self.seeds and drawn not in fresh:
                fresh.append(drawn)
        return fresh


def _pairs(points: Sequence[events.Point], seeds: Sequence[int]) -> set[tuple[str, int, int]]:
    return {(point["trial_id"], point["epoch"], seed) for point in points for seed in seeds}


def choose(
    config: SweepConfig,
    records: Iterable[events.RecordEvent],
    params: Mapping[str, Mapping[str, Any]],
    runners_up: int,
    metric: PrimaryMetric,
) -> list[events.Point]:
    """The points of the front, and at most ``runners_up`` of the next, nearest first.

    ``records`` are the accepted ones (:attr:`sweep.search.replay.Search.records`), ``params`` those
    of their trials. The front is the one that a report shows: of equal points only the first is on
    it, and under constraints no other than feasible ones, if there are any.
    """
    bounds, goals = config.search.constraints, config.objectives
    pairs = [(record, front_values(record, goals)) for record in records]
    whole = [(record, found) for record, found in pairs if found is not None]
    kept = [pair for pair in whole if is_feasible(violations(bounds, pair[0]))] or whole
    pool = [record for record, _ in kept]
    signs = [1.0 if way == "max" else -1.0 for way in goals.values()]
    rows = np.array([found for _, found in kept], dtype=np.float64)
    values = rows.reshape(-1, len(signs)) * signs  # more is better
    ways = ["max"] * len(signs)
    first = np.flatnonzero(nondominated(values, ways, keep_duplicates=False))
    # What a retraining for each record trains; its seed is a fresh one in any case.
    makes = [
        identity({**params[one["trial_id"]], FIDELITY: one["epoch"], "seed": None}) for one in pool
    ]
    known = {tuple(values[i]) for i in first}, {makes[i] for i in first}
    copies = [tuple(values[i]) in known[0] or makes[i] in known[1] for i in range(len(pool))]
    rest = np.flatnonzero(~np.array(copies, dtype=np.bool_))
    second = rest[nondominated(values[rest], ways, keep_duplicates=False)]
    above = [first[(values[first] >= values[i]).all(axis=1)] for i in second]
    gaps = [_gap(i, places, pool, metric) for i, places in zip(second, above, strict=True)]
    nearest = {makes[i]: i for i in reversed(second[np.argsort(gaps, kind="stable")])}
    runners = list(reversed(nearest.values()))[:runners_up]
    return [
        {"trial_id": pool[i]["trial_id"], "epoch": pool[i]["epoch"], "why": why}
        for why, places in (("front", first), ("runner-up", runners))
        for i in places
    ]


def _gap(
    place: int, above: Iterable[int], pool: Sequence[Mapping[str, Any]], metric: PrimaryMetric
) -> float:
    """The distance from a record to the best of those above it, in standard errors.

    Infinite where one of the two has no standard error.
    """

    def gain(other: int) -> float:
        return float(metric.worsening(pool[place][metric.name], pool[other][metric.name]))

    best = max(above, key=gain)
    errors = [standard_error(pool[one], metric.name) or math.nan for one in (best, place)]
    return gain(best) / math.hypot(*errors) if all(map(math.isfinite, errors)) else math.inf
