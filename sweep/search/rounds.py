"""What `sweep confirm` is to do and how far it has come: a fold over the ledger's events.

A round (a "confirm" event) names points and seeds, and wants every point under every seed. What
earlier rounds have found is not done again, so that a later round (more seeds, or a front that has
moved) costs what it adds. A *job* is one retraining of a trial's params under one seed; it serves
all epochs of that trial which are wanted. A job that failed has failed: under its seed it would
again. The newest round is the one that counts; what an older one left undone is dropped.

All these events come after those of the search, which passes them over, and may be followed by
more of its events: a sweep can be resumed and confirmed again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from sweep.search.to_confirm import Point

Event = dict[str, Any]

STREAM = 0x636F6E66
"""Keeps the fresh seeds apart from what else is drawn from a sweep's seed."""


def is_of_confirm(event: Event) -> bool:
    """Whether an event tells of a confirmation, and so nothing of the search."""
    return str(event["event"]).startswith("confirm")


@dataclass
class Job:
    """One retraining. ``attempt``, ``fence`` and ``lost`` as in
    `sweep.search.replay.TrialState`.
    """

    trial_id: str
    seed: int
    wanted: set[int] = field(default_factory=set)
    """Epochs that the round wants and nobody has yet."""
    attempt: int = 0
    fence: int = 0
    lost: int = 0
    last_loss: str | None = None
    status: Literal["idle", "running", "completed", "failed"] = "idle"
    error: str | None = None

    @property
    def name(self) -> str:
        """What it is called among workers, and by its checkpoints."""
        return f"{self.trial_id}-{self.seed}"

    def accepts(self, attempt: int) -> bool:
        """Whether what an attempt says is news: it runs, and no later attempt has taken over."""
        return self.status == "running" and attempt >= self.attempt and attempt > self.fence


class Confirmation:
    """Rounds, jobs and records of one sweep's confirmation, rebuilt from its ledger."""

    def __init__(self) -> None:
        self.params: dict[str, dict[str, Any]] = {}
        """Of each trial of the search."""
        self.rounds = 0
        self.is_open = False
        """Whether the newest round has not finished."""
        self.has_baseline = False
        self.seeds: list[int] = []
        """Of all rounds, in the order in which they came."""
        self.jobs: dict[str, Job] = {}
        """By name; those of older rounds too."""
        self._pairs: set[tuple[str, int, int]] = set()  # wanted by the newest round
        self._found: set[tuple[str, int, int]] = set()  # trial, epoch, seed
        self._used: set[int] = set()
        self._fold: dict[str, Callable[[Event], None]] = {
            "trial": self._on_trial,
            "confirm": self._on_confirm,
            "confirm_baseline": self._on_baseline,
            "confirm_start": self._on_start,
            "confirm_record": self._on_record,
            "confirm_lost": self._on_lost,
            "confirm_end": self._on_end,
            "confirm_finish": self._on_finish,
        }

    # What a driver asks.

    def next_round(self, points: Sequence[Point], count: int, seed: int) -> Event | None:
        """The "confirm" event for these points under ``count`` seeds; None if none is needed.

        None is where all is there, or failed, and where the round that is under way wants it all.
        Seeds of earlier rounds come first; fresh ones follow from the sweep's ``seed`` and the
        number of the round, and are none that a trial of the search had.
        """
        fresh = self._fresh_seeds(seed, count - len(self.seeds))
        seeds = [*self.seeds[:count], *fresh]
        pairs = {(p.trial_id, p.epoch, s) for p in points for s in seeds}
        if not self._undone(pairs) or (self.is_open and pairs <= self._pairs):
            return None
        told = [{"trial_id": p.trial_id, "epoch": p.epoch, "why": p.why} for p in points]
        return {"event": "confirm", "confirm": self.rounds, "points": told, "seeds": seeds}

    @property
    def unfinished(self) -> list[Job]:
        """The jobs that run or wait, all points under one seed before the next seed."""
        running = [job for job in self.jobs.values() if job.status == "running"]
        return sorted(running, key=lambda job: self.seeds.index(job.seed))

    @property
    def failed(self) -> list[Job]:
        """The jobs that failed, and left something undone that the newest round wants."""
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

    def due_end(self, job: Job) -> Event | None:
        """The "confirm_end" event of a running job that has all that is wanted of it."""
        done = job.status == "running" and not job.wanted
        return end_event(job, "completed") if done else None

    def finish_event(self) -> Event | None:
        """The event that ends the round under way, once all its jobs have ended."""
        if not self.is_open or self.unfinished:
            return None
        return {"event": "confirm_finish", "confirm": self.rounds - 1}

    # The fold.

    def apply(self, event: Event) -> None:
        """Take one event in. Unknown kinds, and what is known already, change nothing."""
        handler = self._fold.get(event["event"])
        if handler is not None:
            handler(event)

    def _on_trial(self, event: Event) -> None:
        self.params.setdefault(event["trial_id"], event["params"])
        self._used.add(event["seed"])

    def _on_confirm(self, event: Event) -> None:
        self.rounds, self.is_open = event["confirm"] + 1, True
        self.seeds += [seed for seed in event["seeds"] if seed not in self.seeds]
        points = [(point["trial_id"], point["epoch"]) for point in event["points"]]
        self._pairs = {(*point, seed) for point in points for seed in event["seeds"]}
        for job in self.jobs.values():  # of a round that this one takes the place of
            if job.status == "running":
                job.status = "idle"
            job.wanted.clear()
        for trial_id, epoch, seed in sorted(self._undone(self._pairs)):
            job = self._job(trial_id, seed)
            job.wanted.add(epoch)
            job.status, job.lost = "running", 0

    def _on_baseline(self, event: Event) -> None:
        self.has_baseline = True

    def _on_start(self, event: Event) -> None:
        self._job_of(event).attempt = event["attempt"]

    def _on_record(self, event: Event) -> None:
        self._found.add((event["trial_id"], event["epoch"], event["seed"]))
        self._job_of(event).wanted.discard(event["epoch"])

    def _on_lost(self, event: Event) -> None:
        job = self._job_of(event)
        job.lost += not event.get("preempted", False)
        job.last_loss = event["reason"]
        job.attempt = job.fence = max(job.attempt, event["attempt"])

    def _on_end(self, event: Event) -> None:
        job = self._job_of(event)
        job.status, job.error = event["status"], event.get("error")

    def _on_finish(self, event: Event) -> None:
        self.is_open = False

    @property
    def _failures(self) -> list[Job]:
        return [job for job in self.jobs.values() if job.status == "failed"]

    def _job_of(self, event: Event) -> Job:
        return self._job(event["trial_id"], event["seed"])

    def _job(self, trial_id: str, seed: int) -> Job:
        job = Job(trial_id, seed)
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


def end_event(job: Job, status: str, error: str | None = None) -> Event:
    """A "confirm_end" event, without its time."""
    name = {"trial_id": job.trial_id, "seed": job.seed}
    return {"event": "confirm_end", **name, "status": status, "error": error}
