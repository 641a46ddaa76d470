"""What the driver does on each event, whoever brings it: write it down, take it in, answer.

The conductor knows the ledger and the search and nothing of Ray, so the same code serves the real
sweep, a replay and a simulation. An event is applied only after it is in the ledger's file; what
must not be taken back waits until it is on the disk (:mod:`sweep.ledger.file`):

- An assignment is handed out, and an event of the driver's own noted (a finish, which tables
  follow), after a sync.
- Checkpoints are deleted in :meth:`Conductor.tidy`, when all that was appended is synced.
- A trial goes on, or ends, without waiting. If a power cut takes the record of the epoch before,
  the trial is resumed from that epoch's checkpoint or from an earlier one, both still there, and
  reports it again.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sweep.cluster.interrupts import Abort
from sweep.cluster.retention import Retention
from sweep.errors import StorageError, UsageError
from sweep.ledger.file import Event
from sweep.ledger.files import no_collector
from sweep.ledger.open import Journal
from sweep.ledger.record import DETAILS, unusable
from sweep.search.jobs import TrialState
from sweep.search.replay import Search, end_event

# The ledger as a driver uses it: where it cannot be written, the session is over.


class Scribe:
    """Appends to a ledger and waits for the disk.

    What goes wrong is an :class:`~sweep.cluster.interrupts.Abort`, which passes through Ray's loop.
    """

    def __init__(self, ledger: Journal) -> None:
        self.ledger = ledger

    def write(self, *events: Event) -> list[Event]:
        """Append events, if any; returns them as the ledger has them, with their times."""
        with _or_abort():
            return self.ledger.append(*events) if events else []

    def sync(self) -> None:
        """Return when all that was appended is on the disk."""
        with _or_abort():
            self.ledger.sync()

    @property
    def is_synced(self) -> bool:
        """Whether all that was appended is on the disk."""
        with _or_abort():
            return self.ledger.is_synced


@contextmanager
def _or_abort() -> Iterator[None]:
    try:
        yield
    except StorageError as error:
        raise Abort(error) from error


Listener = Callable[[Event], None]


class Conductor:
    """Answers "what next?", "go on?", "what now?" (:meth:`next`, :meth:`report`, :meth:`lost`)."""

    def __init__(
        self,
        search: Search,
        ledger: Journal,
        objectives: Mapping[str, str],
        retention: Retention,
        max_failures: int,
        listen: Listener,
    ) -> None:
        self.search, self.ledger = search, ledger
        self._scribe = Scribe(ledger)
        self.objectives, self.max_failures = objectives, max_failures
        self.retention, self.listen = retention, listen
        self._queue: deque[str] = deque()
        self._flying: set[str] = set()

    def replay(self, events: list[Event]) -> None:
        """Take in what the ledger held, write what a crash left out, queue what is unfinished."""
        with no_collector():
            for event in events:
                self._take(event)
        for event in self.search.missing_events():
            self._write(event)
        unfinished = [trial for trial in self.search.unfinished() if not self._given_up(trial)]
        self._queue = deque(trial.trial_id for trial in unfinished)
        self._sync()

    @property
    def finished(self) -> bool:
        """Whether nothing is left to hand out, and nothing is out."""
        return not self._queue and not self._flying and self.search.propose() is None

    def next(self) -> dict[str, Any] | None:
        """The next assignment for a worker, None where there is none (now, or at all).

        Unfinished trials come first, then what the search proposes. An assignment holds
        ``trial_id, params, seed, attempt`` and ``after``, the last epoch that the ledger has. All
        that it follows from is on the disk.
        """
        if not self._queue:
            proposal = self.search.propose()
            if proposal is None:
                return None
            self._write(proposal)
            self._queue.append(proposal["trial_id"])
        self._sync()
        trial = self.search.trials[self._queue.popleft()]
        self._flying.add(trial.trial_id)
        return {
            "trial_id": trial.trial_id,
            "params": trial.params,
            "seed": trial.seed,
            "attempt": trial.attempt + 1,
            "after": trial.last_epoch,
        }

    def started(self, assignment: Mapping[str, Any]) -> None:
        """A worker has begun with an assignment."""
        trial_id, attempt = assignment["trial_id"], assignment["attempt"]
        trial = self.search.trials[trial_id]
        if trial.status == "running" and trial.attempt < attempt:
            epoch = assignment["after"]
            self._write(
                {"event": "start", "trial_id": trial_id, "attempt": attempt, "epoch": epoch}
            )

    def report(self, trial_id: str, attempt: int, result: Mapping[str, Any]) -> bool:
        """Take in what a worker says; True if its trial is over.

        ``result`` holds one of: ``record`` (JSON text), ``error`` (the trial cannot go on),
        ``storage_error`` or ``usage_error`` (no trial can: raises
        :class:`~sweep.cluster.interrupts.Abort`).
        """
        trial = self.search.trials[trial_id]
        if attempt < trial.attempt or attempt <= trial.fence or trial.status != "running":
            return True  # a worker thought dead: its trial is another's now
        for name, kind in (("storage_error", StorageError), ("usage_error", UsageError)):
            if message := result.get(name):
                raise Abort(kind(message))
        if message := result.get("error"):
            return self._end(trial, "failed", message)
        record = {"event": "record", "trial_id": trial_id, "attempt": attempt}
        record |= json.loads(result["record"]) | {"worker": result.get("worker")}
        if reason := unusable(record, self.objectives):
            return self._end(trial, "failed", reason)
        if not self.search.accepts(record):
            return False
        decision = self.search.judge(record)
        self._write(record, *([decision] if decision else []))
        end = self.search.due_end(trial_id)
        return self._end(trial, end["status"], None) if end else False

    def lost(self, trial_id: str, attempt: int, reason: str, preempted: bool = False) -> None:
        """A worker died: its trial is tried again from its last epoch, if it may.

        One that was taken away with its machine (``preempted``) does not count against the trial.
        Said again of an attempt that is over, it changes nothing: the trial is in the queue, or
        another's, and queued twice it would be handed out to two.
        """
        trial = self.search.trials[trial_id]
        if trial.status != "running" or attempt <= trial.fence:
            return
        how = {"attempt": attempt, "reason": reason, "preempted": preempted}
        self._write({"event": "lost", "trial_id": trial_id, **how})
        if not self._given_up(trial):
            self._flying.discard(trial_id)
            self._queue.append(trial_id)

    def note(self, event: Event) -> None:
        """Write down an event of the driver's own; it is on the disk when this returns."""
        self._write(event)
        self._sync()

    def tidy(self) -> None:
        """Delete checkpoints that nothing needs any more: for idle moments, several a second.

        Raises :class:`~sweep.cluster.interrupts.Abort` if the ledger could not be synced meanwhile.
        """
        if self._scribe.is_synced and not self.retention.is_tidy:
            self.retention.tidy()

    def _given_up(self, trial: TrialState) -> bool:
        """Whether a trial has lost too many workers; it then ends."""
        if trial.lost <= self.max_failures:
            return False
        reason = f"its worker was lost {trial.lost} times; last: {trial.last_loss}"
        return self._end(trial, "failed", reason)

    def _end(self, trial: TrialState, status: Any, error: str | None) -> bool:
        self._write(end_event(trial.trial_id, status, error))
        self._flying.discard(trial.trial_id)
        return True

    def _write(self, *events: Event) -> None:
        for event in self._scribe.write(*events):
            self._take(event)

    def _sync(self) -> None:
        self._scribe.sync()
        self.tidy()

    def _take(self, event: Event) -> None:
        for name in DETAILS:  # in the file, for readers: here they would fill the memory
            event.pop(name, None)
        self.search.apply(event)
        self.retention.take(event)
        self.listen(event)
