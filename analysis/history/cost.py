"""The cost of a sweep: epochs spent and saved, wall time, and the utilisation of workers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

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


def cost_of(events: Iterable[ReadEvent], trials: Iterable[Trial]) -> Cost:
    """The cost of a sweep, from its ledger.

    The number of workers is that of a ``workers`` event, else the number of distinct ``worker``
    values in the records of a session. The latter counts a replaced worker twice, so utilisation is
    then a lower bound.
    """
    trials = list(trials)
    sessions = [(_workers(session), _span(session)[1]) for session in _sessions(events)]
    capacity = sum(workers * wall for workers, wall in sessions)
    spent = ("train_seconds", "eval_seconds")
    busy = sum(trial.total(name) or 0.0 for trial in trials for name in spent)
    return Cost(
        epochs_spent=sum(trial.epochs for trial in trials),
        epochs_saved=sum(t.asked - t.epochs for t in trials if t.status == "stopped"),
        epochs_asked=sum(trial.asked for trial in trials),
        wall_seconds=sum(wall for _, wall in sessions),
        busy_seconds=busy,
        workers=max(workers for workers, _ in sessions),
        utilisation=busy / capacity if capacity > 0 else None,
    )


def _sessions(events: Iterable[ReadEvent]) -> list[list[ReadEvent]]:
    """The parts of the ledger that one driver each wrote, from its start or resume to its end."""
    found: list[list[ReadEvent]] = [[]]
    for event in events:
        if event["event"] == RESUME:
            found.append([])
        found[-1].append(event)
    return found


def _workers(session: list[ReadEvent]) -> int:
    counts = [event["count"] for event in session if event["event"] == WORKERS]
    seen = {event.get("worker") or "" for event in session if event["event"] == RECORD}
    return max(counts, default=len(seen - {""}))


def _span(session: list[ReadEvent]) -> tuple[float | None, float]:
    """The first start of a trial, and the seconds from it to the last record or end."""
    begin = next((event["time"] for event in session if event["event"] == START), None)
    ends = [event["time"] for event in session if event["event"] in (RECORD, END)]
    return begin, 0.0 if begin is None or not ends else max(0.0, ends[-1] - begin)


def session_clock(events: Iterable[ReadEvent]) -> Iterator[tuple[ReadEvent, float]]:
    """Each event with the seconds since the first start of a trial, as in ``Cost.wall_seconds``.

    The time between the last record or end of a session and the first start of the next one does
    not count. 0 before the first start.
    """
    before = 0.0
    for session in _sessions(events):
        begin, wall = _span(session)
        for event in session:
            yield event, before + (0.0 if begin is None else max(0.0, event["time"] - begin))
        before += wall
