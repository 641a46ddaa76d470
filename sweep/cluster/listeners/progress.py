"""The progress of a sweep, as a fold over its events: counts, the front so far, the time left.

The cost of an event does not grow with the number of events before it.
"""

from __future__ import annotations

import statistics
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sweep.config import SweepConfig, plan
from sweep.ledger.events import (
    EndEvent,
    Fold,
    RecordEvent,
    ResumeEvent,
    StartEvent,
    SweepEvent,
    TrialEvent,
    WorkersEvent,
)
from sweep.ledger.metric import PrimaryMetric
from sweep.ledger.record import front_values
from sweep.pareto import Front
from sweep.space.params import Params

PACE = 1000
"""The time left is estimated from so many trials, those that ended last."""


@dataclass
class Row:
    """One trial: its params and its last record."""

    trial_id: str
    params: dict[str, Any]
    status: str = "waiting"
    error: str | None = None
    record: RecordEvent | None = None
    seconds: float = 0.0

    @property
    def epoch(self) -> int | None:
        """The last epoch recorded."""
        return None if self.record is None else self.record["epoch"]


class Progress(Fold):
    """Counts, rows and the front so far. The ledger's first event gives the objectives."""

    def __init__(self) -> None:
        self.metric = PrimaryMetric()
        self.objectives: Mapping[str, str] = {"accuracy": "max", "sparsity": "max"}
        self.planned = 0
        """The number of trials in all."""
        self.workers = 1
        self.rows: dict[str, Row] = {}
        self.ended: Counter[str] = Counter()
        """How many trials have ended, by their status."""
        self.front: Front[RecordEvent] = Front(self.objectives.values())
        """The records on the front so far."""
        self.epochs_spent = 0
        """Finetune epochs trained so far."""
        self.epochs_saved = 0
        """Finetune epochs that stopped trials did not have to train."""
        self._took: deque[float] = deque(maxlen=PACE)

    def seconds_left(self) -> tuple[float, float] | None:
        """A range for the time left, from quartiles of what ended trials took; None at first."""
        if len(self._took) < 3:
            return None
        low, _, high = statistics.quantiles(self._took, n=4)
        rounds = (self.planned - self.ended.total()) / max(1, self.workers)
        return low * rounds, high * rounds

    def on_sweep(self, event: SweepEvent) -> None:
        """The sweep begins: its objectives, its primary metric and its number of trials."""
        self.metric = PrimaryMetric.of(event)
        self.objectives = event["directions"]
        self.front = Front(self.objectives.values())
        self.planned = plan.trials(SweepConfig.model_validate(event["config"]))

    def on_workers(self, event: WorkersEvent) -> None:
        """The number of workers changes."""
        self.workers = event["count"]

    def on_resume(self, event: ResumeEvent) -> None:
        """A session begins, which may add trials."""
        self.planned = max(self.planned, event.get("trials") or 0)

    def on_trial(self, event: TrialEvent) -> None:
        """A trial is proposed, and waits."""
        self.rows[event["trial_id"]] = Row(event["trial_id"], Params.of(event["params"]).to_dict())

    def on_start(self, event: StartEvent) -> None:
        """A trial begins to run."""
        self.rows[event["trial_id"]].status = "running"

    def on_record(self, event: RecordEvent) -> None:
        """A trial reports an evaluation."""
        row = self.rows[event["trial_id"]]
        self.epochs_spent += event["epoch"] - (row.epoch or 0)
        row.record, row.seconds = event, event["seconds"]
        if (values := front_values(event, self.objectives)) is not None:
            self.front.add(event, values)

    def on_end(self, event: EndEvent) -> None:
        """A trial ends."""
        row = self.rows[event["trial_id"]]
        row.status, row.error = event["status"], event.get("error")
        self.ended[row.status] += 1
        if row.status == "stopped":
            self.epochs_saved += row.params["finetune_epochs"] - (row.epoch or 0)
        if row.status != "failed":
            self._took.append(row.seconds)
