"""Who ran what when: the stays of trials on workers, from the events of a ledger."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.tables.columns import Kinds, frame
from sweep.ledger.events import INTERRUPT, RESUME, Event, Fold, ReadEvent

TIMELINE: Kinds = {
    "worker": "text",
    "trial_id": "text",
    "attempt": "int",
    "start": "float",
    "end": "float",
    "seconds": "float",
    "status": "text",
}


@dataclass
class _Stay:
    """A trial on a worker, from the moment that it was handed out."""

    trial_id: str
    attempt: Any
    start: float
    last: float
    """The latest sign of life."""
    worker: Any

    def row(self, end: float, status: str) -> dict[str, Any]:
        spent = {"end": end, "seconds": end - self.start, "status": status}
        return {**vars(self), **spent}


def timeline(events: Iterable[ReadEvent]) -> pd.DataFrame:
    """One row an attempt at a trial, in the order in which they ended: the search alone, without
    its confirmation.

    ``start`` and ``end`` are unix seconds. ``status``: how the trial ended (completed, stopped,
    failed), or ``lost`` with its worker, ``interrupted`` with its driver (then ``end`` is the last
    sign of life, where the driver could not say), or ``running`` up to the ledger's last event.
    ``worker`` is known from the first record on, and missing before.
    """
    return frame(_Stays().replay(events).finished(), TIMELINE)


class _Stays(Fold):
    """The stays of a ledger, event by event."""

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []
        self._open: dict[str, _Stay] = {}
        self._now = 0.0

    def apply(self, event: Event | ReadEvent) -> None:
        """Take one event in, if it says when it was and, of a trial, of which."""
        time = event.get("time")
        if isinstance(time, int | float):
            self._now = float(time)
            if event["event"] in (INTERRUPT, RESUME) or isinstance(event.get("trial_id"), str):
                super().apply(event)

    def finished(self) -> list[dict[str, Any]]:
        """All rows; what has no end is running."""
        running = [stay.row(self._now, "running") for stay in self._open.values()]
        return self._rows + running

    def on_start(self, event: ReadEvent) -> None:
        name = event["trial_id"]
        if name in self._open:
            # Handed out again without a word: whoever had it is gone.
            self._close(name, self._open[name].last, "lost")
        worker = event.get("worker")
        self._open[name] = _Stay(name, event.get("attempt"), self._now, self._now, worker)

    def on_record(self, event: ReadEvent) -> None:
        stay = self._open.get(event["trial_id"])
        if stay is not None:
            stay.worker = event.get("worker") or stay.worker
            stay.last = self._now

    def on_lost(self, event: ReadEvent) -> None:
        self._close(event["trial_id"], self._now, "lost")

    def on_end(self, event: ReadEvent) -> None:
        self._close(event["trial_id"], self._now, str(event.get("status", "completed")))

    def on_interrupt(self, event: ReadEvent) -> None:
        for stay in list(self._open.values()):
            self._close(stay.trial_id, self._now, "interrupted")

    def on_resume(self, event: ReadEvent) -> None:
        """The driver before has ended at some time, without a word if anything is open."""
        for stay in list(self._open.values()):
            self._close(stay.trial_id, stay.last, "interrupted")

    def _close(self, name: str, end: float, status: str) -> None:
        stay = self._open.pop(name, None)
        if stay is not None:
            self._rows.append(stay.row(end, status))
