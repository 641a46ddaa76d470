"""Jobs: a trial, or a retraining of a confirmation. A job runs in one attempt or several.

A :class:`Job` is the state that both have in common, as the ledger has it. The driver
(`sweep.cluster`) uses only its public methods.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from sweep.ledger import events
from sweep.space.params import FIDELITY, Params, longest_ramp

Status = Literal["idle", "running", "completed", "stopped", "failed"]
"""``idle``: a retraining that the newest round does not want."""


@dataclass(kw_only=True)
class Job(ABC):
    """Params to run under a seed, and how far the run has come.

    ``attempt`` is the highest attempt that began or was lost (0: none yet). Attempts up to
    ``fence`` are over. ``lost`` counts its workers that died; a worker whose machine was taken away
    (preempted) does not count. ``last_loss`` is the reason of the last loss of either kind.
    """

    trial_id: str
    params: dict[str, Any]
    seed: int
    attempt: int = 0
    fence: int = 0
    lost: int = 0
    last_loss: str | None = None
    status: Status = "running"
    error: str | None = None

    # The driver's questions.

    @property
    def name(self) -> str:
        """Its name for workers and checkpoints."""
        return self.trial_id

    def accepts(self, attempt: int) -> bool:
        """Whether messages of an attempt are valid: no later attempt has replaced it."""
        return self.status == "running" and attempt >= self.attempt and attempt > self.fence

    @abstractmethod
    def wants(self, epoch: int) -> bool:
        """Whether a record of this epoch is wanted and new."""

    @abstractmethod
    def due_end(self) -> events.Event | None:
        """The event that ends it, if it runs and has all its records."""

    def assignment(self) -> dict[str, Any]:
        """The next attempt, for a worker: ``trial_id`` (the name), ``params``, ``seed``,
        ``attempt``, and what its kind adds.
        """
        return {
            "trial_id": self.name,
            "params": self.params,
            "seed": self.seed,
            "attempt": self.attempt + 1,
        }

    def start_event(self, attempt: int) -> events.Event:
        return self._event(events.START, attempt=attempt)

    def record_event(
        self, attempt: int, figures: Mapping[str, Any], worker: str | None
    ) -> events.Event:
        """An attempt has the ``figures`` of an epoch: those of a `sweep.ledger.record.Record`."""
        return self._event(events.RECORD, **{"attempt": attempt, **figures, "worker": worker})

    def lost_event(self, attempt: int, reason: str, preempted: bool) -> events.Event:
        return self._event(events.LOST, attempt=attempt, reason=reason, preempted=preempted)

    def end_event(self, status: events.Ended, error: str | None = None) -> events.Event:
        """It has ended; ``error`` is the reason of a failure."""
        return self._event(events.END, status=status, error=error)

    def _event(self, kind: str, **values: Any) -> events.Event:
        """An event of this job; the keys are in the order of the ledger's lines."""
        return cast(events.Event, {"event": kind, "trial_id": self.trial_id, **values})

    # The fold.

    def on_start(self, event: events.StartEvent) -> None:
        self.attempt = event["attempt"]

    def on_lost(self, event: events.LostEvent) -> None:
        """An attempt is over, and those before it."""
        self.lost += not event.get("preempted", False)
        self.last_loss = event["reason"]
        self.attempt = self.fence = max(self.attempt, event["attempt"])

    def on_end(self, event: events.EndEvent) -> None:
        self.status, self.error = event["status"], event.get("error")


@dataclass(kw_only=True)
class TrialState(Job):
    """One trial of a search; records and decisions are events by epoch, in the ledger's order."""

    number: int
    records: dict[int, events.RecordEvent] = field(default_factory=dict)
    decisions: dict[int, events.DecisionEvent] = field(default_factory=dict)

    @property
    def last_epoch(self) -> int | None:
        """The last epoch with a record, None before the first."""
        return max(self.records, default=None)

    @property
    def finetune_epochs(self) -> int:
        """The epochs that it runs unless it is stopped; the default where the space has none."""
        return int(self.params.get(FIDELITY, Params.finetune_epochs))

    @property
    def ramp_epochs(self) -> int:
        """The epoch from which it has its full sparsity."""
        granularity = self.params.get("granularity", Params.granularity)
        longest = longest_ramp(self.finetune_epochs, granularity)
        return int(min(self.params.get("ramp_epochs", Params.ramp_epochs), longest))

    @property
    def is_stopped(self) -> bool:
        """Whether a decision in the ledger stops it."""
        return any(event["action"] == "stop" for event in self.decisions.values())

    def wants(self, epoch: int) -> bool:
        """Whether it has no record of this epoch, and is not stopped."""
        return epoch not in self.records and not self.is_stopped

    def due_end(self) -> events.Event | None:
        """The "end" that a running trial's decisions and records call for, if any."""
        if self.status != "running":
            return None
        if self.is_stopped:
            return self.end_event("stopped")
        last = self.last_epoch
        done = last is not None and last >= self.finetune_epochs
        return self.end_event("completed") if done else None

    def assignment(self) -> dict[str, Any]:
        """As of any job, with ``after``: the last epoch in the ledger, None before epoch 0."""
        return {**super().assignment(), "after": self.last_epoch}

    def start_event(self, attempt: int) -> events.Event:
        """As of any job, with the epoch after which the attempt continues."""
        return self._event(events.START, attempt=attempt, epoch=self.last_epoch)


@dataclass(kw_only=True)
class Retraining(Job):
    """A trial's params under a fresh seed, for the epochs ``wanted`` that have no record yet."""

    wanted: set[int] = field(default_factory=set)
    status: Status = "idle"

    @property
    def name(self) -> str:
        """The trial's id and the seed: a trial has one retraining a seed."""
        return retraining_name(self.trial_id, self.seed)

    def wants(self, epoch: int) -> bool:
        """Whether the round wants this epoch, and it has no record yet."""
        return epoch in self.wanted

    def due_end(self) -> events.Event | None:
        """The "confirm_end" of a running retraining without a wanted epoch."""
        done = self.status == "running" and not self.wanted
        return self.end_event("completed") if done else None

    def assignment(self) -> dict[str, Any]:
        """As of any job, with ``wanted``: the epochs that have no record yet, ascending."""
        return {**super().assignment(), "wanted": sorted(self.wanted)}

    def record_event(
        self, attempt: int, figures: Mapping[str, Any], worker: str | None
    ) -> events.Event:
        """The ``figures`` are those of a record on test, and some on validation."""
        how = {"attempt": attempt, "worker": worker, "split": "test"}
        return self._event(events.RECORD, **{**how, **figures})

    def _event(self, kind: str, **values: Any) -> events.Event:
        return super()._event(f"{events.CONFIRM}_{kind}", seed=self.seed, **values)


def retraining_name(trial_id: str, seed: int) -> str:
    """The name of the retraining of a trial under a seed."""
    return f"{trial_id}-{seed}"
