"""Where a sweep stands: a fold over its events, for the live view.

Every event costs little, however many there were: what can be counted is counted as it comes.
"""

from __future__ import annotations

import statistics
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sweep.driver_front import Front
from sweep.ledger.file import Event
from sweep.space.params import Params

PACE = 1000
"""Trials that ended last, from which the time left is estimated."""


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


class Progress:
    """Counts, rows and the front so far. ``planned`` is the number of trials in all."""

    def __init__(self, objectives: Mapping[str, str], planned: int) -> None:
        self.objectives = objectives
        self.planned = planned
        self.workers = 1
        self.rows: dict[str, Row] = {}
        self.running: dict[str, Row] = {}
        self.epochs_spent = 0
        """Finetune epochs trained so far."""
        self.epochs_saved = 0
        """Finetune epochs that stopped trials did not have to train."""
        self._front: Front[Event] = Front(objectives.values())
        self._counts: Counter[str] = Counter()
        self._took: deque[float] = deque(maxlen=PACE)

    def take(self, event: Event) -> None:
        """Learn of one event."""
        handler = getattr(self, f"_on_{event['event']}", None)
        if handler is not None:
            handler(event)

    @property
    def front(self) -> list[Event]:
        """The records on the front so far."""
        return self._front.items

    def count(self, status: str) -> int:
        """How many trials have this status."""
        return self._counts[status]

    @property
    def done(self) -> int:
        """Trials that have ended, whichever way."""
        return sum(self.count(status) for status in ("completed", "stopped", "failed"))

    def seconds_left(self) -> tuple[float, float] | None:
        """A range for the time left, from quartiles of what ended trials took; None at first."""
        if len(self._took) < 3:
            return None
        low, _, high = statistics.quantiles(self._took, n=4)
        rounds = (self.planned - self.done) / max(1, self.workers)
        return low * rounds, high * rounds

    def _on_workers(self, event: Event) -> None:
        self.workers = event["count"]

    def _on_resume(self, event: Event) -> None:
        self.planned = max(self.planned, event.get("trials") or 0)

    def _on_trial(self, event: Event) -> None:
        self.rows[event["trial_id"]] = Row(event["trial_id"], Params.of(event["params"]).to_dict())
        self._counts["waiting"] += 1

    def _on_start(self, event: Event) -> None:
        row = self.rows[event["trial_id"]]
        self._set_status(row, "running")
        self.running[row.trial_id] = row

    def _on_record(self, event: Event) -> None:
        row = self.rows[event["trial_id"]]
        self.epochs_spent += event["epoch"] - (row.epoch or 0)
        row.record, row.seconds = event, event["seconds"]
        values = [event.get(name) for name in self.objectives]
        numbers = [float(value) for value in values if value is not None]
        if not event["partial"] and len(numbers) == len(values):
            self._front.add(event, numbers)

    def _on_end(self, event: Event) -> None:
        row = self.rows[event["trial_id"]]
        self._set_status(row, event["status"])
        row.error = event.get("error")
        self.running.pop(row.trial_id, None)
        if row.status == "stopped":
            self.epochs_saved += row.params["finetune_epochs"] - (row.epoch or 0)
        if row.status != "failed":
            self._took.append(row.seconds)

    def _set_status(self, row: Row, status: str) -> None:
        self._counts[row.status] -= 1
        self._counts[status] += 1
        row.status = status
