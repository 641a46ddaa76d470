"""What the driver of `sweep confirm` does on each event: as `sweep.cluster.conductor`, for jobs.

The promise is the conductor's: an event is applied once it is in the ledger's file, a job is handed
out and a checkpoint deleted once what it follows from is on the disk.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from sweep.cluster.conductor import Scribe
from sweep.cluster.interrupts import Abort
from sweep.errors import StorageError, UsageError
from sweep.ledger.file import Event
from sweep.ledger.open import Journal
from sweep.ledger.record import DETAILS, unusable
from sweep.ledger.store import Place, remove_tree
from sweep.search.rounds import Confirmation, Job, end_event

NEEDED = ("accuracy", "validation_accuracy")


class Confirmer:
    """Answers "what next?", "go on?", "what now?" for the newest round of ``confirmation``.

    ``root`` is where workers keep the jobs' checkpoints.
    """

    def __init__(
        self,
        confirmation: Confirmation,
        ledger: Journal,
        root: Place,
        max_failures: int,
        listen: Callable[[Event], None],
    ) -> None:
        self.confirmation, self.root = confirmation, root
        self._scribe = Scribe(ledger)
        self.max_failures, self.listen = max_failures, listen
        self._queue: deque[str] = deque()
        self._flying: set[str] = set()
        self._untidy: set[str] = set()

    def begin(self, *events: Event) -> None:
        """Note these, write what a crash left out, and queue the jobs that have not ended."""
        self._write(*events)
        for job in self.confirmation.unfinished:
            if end := self.confirmation.due_end(job):
                self._write(end)
            elif not self._given_up(job):
                self._queue.append(job.name)
        self._sync()

    @property
    def finished(self) -> bool:
        """Whether no job is left to hand out, and none is out."""
        return not self._queue and not self._flying

    def next(self) -> dict[str, Any] | None:
        """The next assignment for a worker, None where none waits.

        It holds ``trial_id`` (the job's name: a trial has a job a seed), ``params``, ``seed``,
        ``attempt`` and ``wanted``, the epochs that are still without figures.
        """
        if not self._queue:
            return None
        self._sync()
        job = self.confirmation.jobs[self._queue.popleft()]
        self._flying.add(job.name)
        return {
            "trial_id": job.name,
            "params": self.confirmation.params[job.trial_id],
            "seed": job.seed,
            "attempt": job.attempt + 1,
            "wanted": sorted(job.wanted),
        }

    def started(self, assignment: Mapping[str, Any]) -> None:
        """A worker has begun with an assignment."""
        job, attempt = self.confirmation.jobs[assignment["trial_id"]], assignment["attempt"]
        if job.status == "running" and job.attempt < attempt:
            self._write({**_of("confirm_start", job), "attempt": attempt})

    def report(self, name: str, attempt: int, result: Mapping[str, Any]) -> bool:
        """Take in what a worker says; True if its job is over.

        ``result`` holds one of: ``record`` (JSON text), ``error`` (the job cannot go on),
        ``storage_error`` or ``usage_error`` (no job can: raises
        :class:`~sweep.cluster.interrupts.Abort`).
        """
        job = self.confirmation.jobs[name]
        if not job.accepts(attempt):
            return True  # a worker thought dead: its job is another's now
        for kind, error in (("storage_error", StorageError), ("usage_error", UsageError)):
            if message := result.get(kind):
                raise Abort(error(message))
        if message := result.get("error"):
            return self._end(end_event(job, "failed", message))
        found = json.loads(result["record"])
        if reason := unusable(found, NEEDED):
            return self._end(end_event(job, "failed", reason))
        if found["epoch"] not in job.wanted:
            return False
        who = {"attempt": attempt, "worker": result.get("worker"), "split": "test"}
        self._write({**_of("confirm_record", job), **who, **found})
        end = self.confirmation.due_end(job)
        return self._end(end) if end else False

    def lost(self, name: str, attempt: int, reason: str, preempted: bool = False) -> None:
        """A worker died: its job is tried again from its last epoch, if it may.

        One that was taken away with its machine (``preempted``) does not count against the job.
        Said again of an attempt that is over, it changes nothing.
        """
        job = self.confirmation.jobs[name]
        if job.status != "running" or attempt <= job.fence:
            return
        how = {"attempt": attempt, "reason": reason, "preempted": preempted}
        self._write({**_of("confirm_lost", job), **how})
        if not self._given_up(job):
            self._flying.discard(name)
            self._queue.append(name)

    def finish(self) -> None:
        """Note that the round has ended, if one was under way; its checkpoints go."""
        if event := self.confirmation.finish_event():
            self._write(event)
            self._sync()
        remove_tree(self.root)

    def tidy(self) -> None:
        """Delete the checkpoints of jobs that ended: for idle moments, several a second.

        Raises :class:`~sweep.cluster.interrupts.Abort` if the ledger could not be synced meanwhile.
        """
        while self._untidy and self._scribe.is_synced:
            remove_tree(self.root / self._untidy.pop())

    def _given_up(self, job: Job) -> bool:
        """Whether a job has lost too many workers; it then ends."""
        if job.lost <= self.max_failures:
            return False
        reason = f"its worker was lost {job.lost} times; last: {job.last_loss}"
        return self._end(end_event(job, "failed", reason))

    def _end(self, event: Event) -> bool:
        self._write(event)
        return True

    def _write(self, *events: Event) -> None:
        for event in self._scribe.write(*events):
            self._take(event)

    def _take(self, event: Event) -> None:
        for name in DETAILS:
            event.pop(name, None)
        self.confirmation.apply(event)
        if event["event"] == "confirm_end":
            name = Job(event["trial_id"], event["seed"]).name
            self._flying.discard(name)
            self._untidy.add(name)
        self.listen(event)

    def _sync(self) -> None:
        self._scribe.sync()
        self.tidy()


def _of(kind: str, job: Job) -> Event:
    return {"event": kind, "trial_id": job.trial_id, "seed": job.seed}
