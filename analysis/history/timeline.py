"""The timeline of the workers: which trial ran where and when, from the events of a ledger."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from analysis.tables.columns import frame, of
from sweep.ledger.events import Event, ReadEvent
from sweep.ledger.fold import Fold

TIMELINE = (
    of("text", "worker", "trial_id")
    | of("int", "attempt")
    | of("float", "start", "end", "seconds")
    | of("text", "status")
)


def timeline(events: Iterable[ReadEvent]) -> pd.DataFrame:
    """One row per attempt at a trial, in the order of their ends, without the confirmation.

    ``start`` and ``end`` are unix seconds. ``status`` is that of the trial (completed, stopped,
    failed), or ``lost`` if its worker was lost, ``interrupted`` if its driver ended (``end`` is
    then the time of the last event of the attempt, if the driver did not record its own end), or
    ``running`` up to the last event of the ledger. ``worker`` is missing until the first record.
    """
    return frame(_Stays().replay(events).finished(), TIMELINE)


class _Stays(Fold):
    """Collects the attempts, event by event."""

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []
        self._open: dict[str, dict[str, Any]] = {}
        """Attempts without an end, by trial; ``last`` is the time of the latest sign of life."""
        self._now = 0.0

    def apply(self, event: Event | ReadEvent) -> None:
        """Add an event."""
        self._now = float(event["time"])
        super().apply(event)

    def finished(self) -> list[dict[str, Any]]:
        """All rows; attempts without an end are running."""
        for name in list(self._open):
            self._close(name, self._now, "running")
        return self._rows

    def on_start(self, event: ReadEvent) -> None:
        name = event["trial_id"]
        if name in self._open:
            # The trial was assigned again without an end, so its worker was lost.
            self._close(name, self._open[name]["last"], "lost")
        self._open[name] = {
            "trial_id": name,
            "attempt": event.get("attempt"),
            "start": self._now,
            "last": self._now,
            "worker": event.get("worker"),
        }

    def on_record(self, event: ReadEvent) -> None:
        stay = self._open.get(event["trial_id"])
        if stay is not None:
            stay["worker"] = event.get("worker") or stay["worker"]
            stay["last"] = self._now

    def on_lost(self, event: ReadEvent) -> None:
        self._close(event["trial_id"], self._now, "lost")

    def on_end(self, event: ReadEvent) -> None:
        self._close(event["trial_id"], self._now, str(event.get("status", "completed")))

    def on_interrupt(self, event: ReadEvent) -> None:
        for name in list(self._open):
            self._close(name, self._now, "interrupted")

    def on_resume(self, event: ReadEvent) -> None:
        """The previous driver has ended; open attempts show that it did not record its end."""
        for name, stay in list(self._open.items()):
            self._close(name, stay["last"], "interrupted")

    def _close(self, name: str, end: float, status: str) -> None:
        stay = self._open.pop(name, None)
        if stay is not None:
            spent = {"end": end, "seconds": end - stay["start"], "status": status}
            self._rows.append(stay | spent)
