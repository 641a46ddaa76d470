"""What a sweep cost: epochs spent and saved, wall time, the share of it that workers worked."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from analysis.tables.frames import Trial
from sweep.ledger.events import END, RECORD, RESUME, START, WORKERS, ReadEvent


@dataclass(frozen=True)
class Cost:
    """Epochs are finetune epochs of trials (the dense baseline's are not in); times in seconds."""

    epochs_spent: int
    """Trained and recorded so far, in all trials, running ones too."""
    epochs_saved: int
    """Asked minus trained, over the stopped trials."""
    epochs_asked: int
    """What all trials would take if every one ran to its end."""
    wall_seconds: float
    """From the first start of a trial to the last record or end; time between a crash or an
    interrupt and the resume is not in."""
    busy_seconds: float
    """Training and evaluation, summed over the records."""
    workers: int
    """The most workers that there were at a time; 0 where nothing has run."""
    utilisation: float | None
    """busy / (workers x wall), workers as of each session; None where nothing has run."""


# Of the events, those that a session is counted by.
_COUNTED = frozenset({WORKERS, START, RECORD, END})


@dataclass(eq=False)
class _Session:
    """One driver's part of the ledger: from its start, or its resume, to its end."""

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
        kind = event["event"]
        if kind not in _COUNTED:
            return
        time = event.get("time")
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
    """Add up a ledger.

    Workers are those of a ``workers`` event, else the distinct ``worker`` values of the records of
    a session (which counts a replaced worker twice, so that utilisation is then a lower bound).
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
    """Each event with the session that it is of, as far as that has come."""
    session = _Session()
    for event in events:
        if event["event"] == RESUME:
            session = _Session(before=session.before + session.wall)
        session.add(event)
        yield event, session


def session_clock(events: Iterable[ReadEvent]) -> Iterator[tuple[ReadEvent, float]]:
    """Each event with the seconds since a trial first started, as ``Cost.wall_seconds`` has them.

    Time between the last record or end of a session and the first start of the next is not in. NaN
    for an event without a time; 0 before the first start.
    """
    for event, session in _in_sessions(events):
        time = event.get("time")
        if not isinstance(time, int | float):
            yield event, math.nan
        else:
            begin = time if session.begin is None else session.begin
            yield event, session.before + max(0.0, time - begin)
