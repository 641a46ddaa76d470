"""Who ran what when: the stays of trials on workers, from the events of a ledger."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.tables.columns import Kinds, frame
from sweep.ledger.events import END, INTERRUPT, LOST, RECORD, RESUME, START, ReadEvent

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
    told = _Telling()
    for event in events:
        if isinstance(event.get("time"), int | float):
            told.take(event)
    return frame(told.finished(), TIMELINE)


class _Telling:
    """The stays of a ledger, event by event."""

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []
        self._open: dict[str, _Stay] = {}
        self._now = 0.0

    def take(self, event: ReadEvent) -> None:
        kind, self._now = event["event"], float(event["time"])
        if kind in (RESUME, INTERRUPT):
            self._break_off(is_told=kind == INTERRUPT)
            return
        name = event.get("trial_id")
        if not isinstance(name, str):
            return
        if kind == START:
            self._start(name, event)
        elif kind == RECORD:
            self._record(name, event)
        elif kind == LOST:
            self._close(name, self._now, "lost")
        elif kind == END:
            self._close(name, self._now, str(event.get("status", "completed")))

    def finished(self) -> list[dict[str, Any]]:
        """All rows; what has no end is running."""
        running = [stay.row(self._now, "running") for stay in self._open.values()]
        return self._rows + running

    def _start(self, name: str, event: ReadEvent) -> None:
        if name in self._open:
            # Handed out again without a word: whoever had it is gone.
            self._close(name, self._open[name].last, "lost")
        worker = event.get("worker")
        self._open[name] = _Stay(name, event.get("attempt"), self._now, self._now, worker)

    def _record(self, name: str, event: ReadEvent) -> None:
        stay = self._open.get(name)
        if stay is not None:
            stay.worker = event.get("worker") or stay.worker
            stay.last = self._now

    def _close(self, name: str, end: float, status: str) -> None:
        stay = self._open.pop(name, None)
        if stay is not None:
            self._rows.append(stay.row(end, status))

    def _break_off(self, *, is_told: bool) -> None:
        """The driver has ended, at this moment if ``is_told``, else at some time before it."""
        for name, stay in list(self._open.items()):
            self._close(name, self._now if is_told else stay.last, "interrupted")
