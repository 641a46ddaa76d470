"""The cost of a sweep: epochs spent and saved, wall time, and the utilisation of workers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from analysis.tables.frames import Trial
from sweep.ledger.events import END, RECORD, RESUME, START, WORKERS, ReadEvent


@dataclass(frozen=True)
class Cost:
    """Epochs are finetune epochs of trials, without those of the dense baseline; times are in
    seconds."""

    epochs_spent: int
    """Trained and recorded so far, in all trials including running ones."""
    epochs_saved: int
    """Planned minus trained epochs of the stopped trials."""
    epochs_asked: int
    """The epochs of all trials if each ran to its end."""
    wall_seconds: float
    """From the first start of a trial to the last record or end, without the time between a crash
    or an interrupt and the resume."""
    busy_seconds: float
    """Time of training and evaluation, summed over the records."""
    workers: int
    """The largest number of workers at a time; 0 if no trial has run."""
    utilisation: float | None
    """busy / (workers x wall), with the workers of each session; None if no trial has run."""


@dataclass(eq=False)
class _Session:
    """The part of the ledger that one driver wrote, from its start or resume to its end."""

    counted: int | None = None
    seen: set[str] = field(default_factory=set)
    begin: float | None = None
    end: float | None = None
    before: float = 0.0
    """The wall time of earlier sessions."""

    @property
    def wall(self) -> float:
        if self.begin is None or self.end is None:
            return 0.0
        return max(0.0, self.end - self.begin)

    @property
    def workers(self) -> int:
        return self.counted if self.counted is not None else len(self.seen)

    def add(self, event: ReadEvent) -> None:
        kind, time = event["event"], event.get("time")
        if kind == WORKERS and isinstance(event.get("count"), int):
            self.counted = max(self.counted or 0, event["count"])
        if kind == RECORD and event.get("worker"):
            self.seen.add(str(event["worker"]))
        if not isinstance(time, int | float):
            return
        if kind == START and self.begin is None:
            self.begin = time
        if kind in (RECORD, END):
            self.end = time


def cost_of(events: Iterable[ReadEvent], trials: Iterable[Trial]) -> Cost:
    """The cost of a sweep, from its ledger.

    The number of workers is that of a ``workers`` event, else the number of distinct ``worker``
    values in the records of a session. The latter counts a replaced worker twice, so utilisation is
    then a lower bound.
    """
    trials = list(trials)
    sessions = dict.fromkeys(session for _, session in _in_sessions(events))
    capacity = sum(session.workers * session.wall for session in sessions)
    spent = ("train_seconds", "eval_seconds")
    busy = sum(trial.total(name) or 0.0 for trial in trials for name in spent)
    return Cost(
        epochs_spent=sum(trial.epochs for trial in trials),
        epochs_saved=sum(t.asked - t.epochs for t in trials if t.status == "stopped"),
        epochs_asked=sum(trial.asked for trial in trials),
        wall_seconds=sum(session.wall for session in sessions),
        busy_seconds=busy,
        workers=max((session.workers for session in sessions), default=0),
        utilisation=busy / capacity if capacity > 0 else None,
    )


def _in_sessions(events: Iterable[ReadEvent]) -> Iterator[tuple[ReadEvent, _Session]]:
    """Each event with its session, which contains the events up to this one."""
    session = _Session()
    for event in events:
        if event["event"] == RESUME:
            session = _Session(before=session.before + session.wall)
        session.add(event)
        yield event, session


def session_clock(events: Iterable[ReadEvent]) -> Iterator[tuple[ReadEvent, float]]:
    """Each event with the seconds since the first start of a trial, as in ``Cost.wall_seconds``.

    The time between the last record or end of a session and the first start of the next one does
    not count. NaN for an event without a time; 0 before the first start.
    """
    for event, session in _in_sessions(events):
        time = event.get("time")
        if not isinstance(time, int | float):
            yield event, math.nan
        else:
            begin = time if session.begin is None else session.begin
            yield event, session.before + max(0.0, time - begin)
