"""Where a sweep stands: a fold over its events, for the live view and for `sweep status`."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from analysis.pareto import nondominated
from sweep.ledger import Event


@dataclass
class Row:
    """One trial: what was asked, and its last record."""

    trial_id: str
    params: dict[str, Any]
    status: str = "waiting"
    error: str | None = None
    record: Event | None = None
    seconds: float = 0.0

    @property
    def epoch(self) -> int | None:
        """The last epoch recorded."""
        return None if self.record is None else self.record["epoch"]


@dataclass
class Progress:
    """Counts, rows and the front so far. ``planned`` is the number of trials in all."""

    objectives: Mapping[str, str]
    planned: int
    workers: int = 1
    rows: dict[str, Row] = field(default_factory=dict)
    front: list[Event] = field(default_factory=list)
    baseline_accuracy: float | None = None

    def take(self, event: Event) -> None:
        """Learn of one event."""
        handler = getattr(self, f"_on_{event['event']}", None)
        if handler is not None:
            handler(event)

    def count(self, status: str) -> int:
        """How many trials have this status."""
        return sum(row.status == status for row in self.rows.values())

    @property
    def done(self) -> int:
        """Trials that have ended, whichever way."""
        return sum(self.count(status) for status in ("completed", "stopped", "failed"))

    @property
    def epochs_spent(self) -> int:
        """Finetune epochs trained so far."""
        return sum(row.epoch or 0 for row in self.rows.values())

    @property
    def epochs_saved(self) -> int:
        """Finetune epochs that stopped trials did not have to train."""
        stopped = [row for row in self.rows.values() if row.status == "stopped"]
        return sum(row.params["finetune_epochs"] - (row.epoch or 0) for row in stopped)

    def seconds_left(self) -> tuple[float, float] | None:
        """A range for the time left, from quartiles of what ended trials took; None at first."""
        ended = [
            row.seconds for row in self.rows.values() if row.status in ("completed", "stopped")
        ]
        if len(ended) < 3:
            return None
        low, _, high = statistics.quantiles(ended, n=4)
        rounds = (self.planned - self.done) / max(1, self.workers)
        return low * rounds, high * rounds

    def _on_workers(self, event: Event) -> None:
        self.workers = event["count"]

    def _on_resume(self, event: Event) -> None:
        self.planned = max(self.planned, event.get("trials") or 0)

    def _on_baseline(self, event: Event) -> None:
        self.baseline_accuracy = event["accuracy"]

    def _on_trial(self, event: Event) -> None:
        self.rows[event["trial_id"]] = Row(event["trial_id"], event["params"])

    def _on_start(self, event: Event) -> None:
        self.rows[event["trial_id"]].status = "running"

    def _on_record(self, event: Event) -> None:
        row = self.rows[event["trial_id"]]
        row.record, row.seconds = event, event["seconds"]
        if event["partial"] or any(event.get(name) is None for name in self.objectives):
            return
        pool = [*self.front, event]
        points = np.array([[float(e[name]) for name in self.objectives] for e in pool])
        mask = nondominated(points, list(self.objectives.values()), keep_duplicates=False)
        self.front = [e for e, kept in zip(pool, mask, strict=True) if kept]

    def _on_end(self, event: Event) -> None:
        row = self.rows[event["trial_id"]]
        row.status, row.error = event["status"], event.get("error")
