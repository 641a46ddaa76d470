"""The rounds of `sweep confirm` and their state: a fold over the ledger's events.

A round (a "confirm" event) names points and seeds, and wants every point under every seed. Results
of earlier rounds are used again, so a later round (more seeds, or a front that has changed) costs
only what it adds. A *job* is one retraining of a trial's params under one seed; it serves all
wanted epochs of that trial. A failed job is not repeated, since it would fail again under its seed.
Only the newest round counts; the unfinished work of older rounds is dropped.

The search ignores these events. More events of the search may follow them: a sweep can be resumed
and confirmed again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from sweep.ledger.events import (
    CONFIRM,
    CONFIRM_FINISH,
    ConfirmBaselineEvent,
    ConfirmEndEvent,
    ConfirmEvent,
    ConfirmFinishEvent,
    ConfirmLostEvent,
    ConfirmRecordEvent,
    ConfirmStartEvent,
    Event,
    Fold,
    SweepEvent,
    TrialEvent,
)
from sweep.ledger.metric import PrimaryMetric
from sweep.search.jobs import Retraining
from sweep.search.to_confirm import Point

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
        self._metric = PrimaryMetric()
        self._pairs: set[tuple[str, int, int]] = set()  # wanted by the newest round
        self._found: set[tuple[str, int, int]] = set()  # trial, epoch, seed
        self._used: set[int] = set()

    # The driver's questions.

    def next_round(self, points: Sequence[Point], count: int, seed: int) -> ConfirmEvent | None:
        """The "confirm" event for these points under ``count`` seeds; None if none is needed.

        None is needed where every point has a result or has failed, and where the current round
        wants all of them already. Seeds of earlier rounds come first. Fresh seeds follow from the
        sweep's ``seed`` and the number of the round, and differ from those of all trials.
        """
        fresh = self._fresh_seeds(seed, count - len(self.seeds))
        seeds = [*self.seeds[:count], *fresh]
        pairs = {(p.trial_id, p.epoch, s) for p in points for s in seeds}
        if not self._undone(pairs) or (self.is_open and pairs <= self._pairs):
            return None
        wanted = [{"trial_id": p.trial_id, "epoch": p.epoch, "why": p.why} for p in points]
        return {"event": CONFIRM, "confirm": self.rounds, "points": wanted, "seeds": seeds}

    @property
    def needed(self) -> Collection[str]:
        """The figures that a record must have."""
        return (self._metric.name, self._metric.validation)

    def job(self, name: str) -> Retraining:
        """A retraining of this round or of an older one."""
        return self.jobs[name]

    def propose(self) -> None:
        """A round adds nothing by itself."""

    def judge(self, record: Event) -> None:
        """A retraining is never stopped."""

    def unfinished(self) -> list[Retraining]:
        """The jobs that run or wait: all points under one seed, then those under the next."""
        running = [job for job in self.jobs.values() if job.status == "running"]
        return sorted(running, key=lambda job: self.seeds.index(job.seed))

    def missing_events(self) -> list[Event]:
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

    def finish_event(self) -> ConfirmFinishEvent | None:
        """The event that ends the current round, once all its jobs have ended."""
        if not self.is_open or self.unfinished():
            return None
        return {"event": CONFIRM_FINISH, "confirm": self.rounds - 1}

    # The fold.

    def on_sweep(self, event: SweepEvent) -> None:
        """The head of the ledger names the primary metric."""
        self._metric = PrimaryMetric.of(event)

    def on_trial(self, event: TrialEvent) -> None:
        """A trial of the search begins; it may be confirmed later."""
        self.params.setdefault(event["trial_id"], event["params"])
        self._used.add(event["seed"])

    def on_confirm(self, event: ConfirmEvent) -> None:
        """A round begins, and replaces one that has not finished."""
        self.rounds, self.is_open = event["confirm"] + 1, True
        self.seeds += [seed for seed in event["seeds"] if seed not in self.seeds]
        points = [(point["trial_id"], point["epoch"]) for point in event["points"]]
        self._pairs = {(*point, seed) for point in points for seed in event["seeds"]}
        for job in self.jobs.values():  # of the round that this one replaces
            if job.status == "running":
                job.status = "idle"
            job.wanted.clear()
        for trial_id, epoch, seed in sorted(self._undone(self._pairs)):
            job = self._job(trial_id, seed)
            job.wanted.add(epoch)
            job.status, job.lost = "running", 0

    def on_confirm_baseline(self, event: ConfirmBaselineEvent) -> None:
        """The dense model is evaluated on test."""
        self.has_baseline = True

    def on_confirm_start(self, event: ConfirmStartEvent) -> None:
        """A worker begins with a retraining."""
        self._job_of(event).on_start(event)

    def on_confirm_record(self, event: ConfirmRecordEvent) -> None:
        """A point has its figures under a seed."""
        self._found.add((event["trial_id"], event["epoch"], event["seed"]))
        self._job_of(event).wanted.discard(event["epoch"])

    def on_confirm_lost(self, event: ConfirmLostEvent) -> None:
        """A worker is lost."""
        self._job_of(event).on_lost(event)

    def on_confirm_end(self, event: ConfirmEndEvent) -> None:
        """A retraining ends."""
        self._job_of(event).on_end(event)

    def on_confirm_finish(self, event: ConfirmFinishEvent) -> None:
        """The round has ended."""
        self.is_open = False

    @property
    def _failures(self) -> list[Retraining]:
        return [job for job in self.jobs.values() if job.status == "failed"]

    def _job_of(
        self, event: ConfirmStartEvent | ConfirmRecordEvent | ConfirmLostEvent | ConfirmEndEvent
    ) -> Retraining:
        return self._job(event["trial_id"], event["seed"])

    def _job(self, trial_id: str, seed: int) -> Retraining:
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
