"""What the driver does on each event: write it to the ledger, apply it, and answer.

The conductor knows the ledger, and a fold over it that says which jobs to run: a search, or a round
of `sweep confirm`. It does not know Ray, so the same code serves a sweep, a replay and a
simulation. An event is applied only after it is in the ledger's file. Some steps also wait until
the file is synced to the disk (:mod:`sweep.ledger.file`), because they cannot be undone:

- An assignment is handed out after a sync, and :meth:`Conductor.note` returns after a sync.
- Checkpoints are deleted in :meth:`Conductor.tidy`, when everything appended so far is synced.
- A job continues, or ends, without a sync. If a power cut takes the record of the last epoch, the
  job is resumed from the checkpoint of that epoch or of an earlier one, which both still exist,
  and reports the epoch again.

Listeners are told each event that is written, and no event that is replayed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from sweep.cluster.interrupts import Abort
from sweep.errors import StorageError, SweepError, TrialError, UsageError
from sweep.ledger.events import BASELINE, Event
from sweep.ledger.files import no_collector
from sweep.ledger.journal import Journal
from sweep.ledger.record import DETAILS, unusable
from sweep.printable import printable
from sweep.search.jobs import Job

if TYPE_CHECKING:  # a worker imports this module too
    from sweep.cluster.retention import Retention, RetrainingRetention
    from sweep.search.replay import Search
    from sweep.search.rounds import Confirmation

REPORT = "report"
"""The name under which Tune passes a :class:`Report` on."""


@dataclass(frozen=True)
class Report:
    """The figures of an epoch, or the ``error`` because of which there are none.

    The figures are plain values by name (:meth:`sweep.ledger.record.Record.to_dict`). They travel
    as an object, because Tune would keep statistics of every number in a dict. A
    :class:`~sweep.errors.TrialError` concerns this trial alone; after any other error no trial can
    continue.
    """

    figures: Mapping[str, Any] | None = None
    worker: str | None = None
    error: SweepError | None = None


class Conductor:
    """Hands out jobs (:meth:`next`), judges reports (:meth:`report`), retries (:meth:`lost`)."""

    def __init__(
        self,
        work: Search | Confirmation,
        ledger: Journal,
        keeper: Retention | RetrainingRetention,
        max_failures: int,
        listen: Callable[[Event], None],
    ) -> None:
        self.work, self.ledger, self.keeper = work, ledger, keeper
        self.max_failures, self.listen = max_failures, listen
        self._queue: deque[str] = deque()
        self._running: set[str] = set()
        self._matrices: int | None = None

    def replay(self, events: Sequence[Event]) -> None:
        """Apply the events that the ledger held before."""
        with no_collector():
            for event in events:
                self._apply(event)

    def written(self, *events: Event) -> None:
        """Apply events that have just been written to the ledger, and tell the listeners."""
        for event in events:
            self._apply(event)
            self.listen(event)

    def begin(self, *events: Event) -> None:
        """Write these events and those that a crash left out, and queue the unfinished jobs."""
        self._write(*events)
        self._write(*self.work.missing_events())
        unfinished = [job for job in self.work.unfinished() if not self._given_up(job)]
        self._queue = deque(job.name for job in unfinished)
        self._sync()

    @property
    def finished(self) -> bool:
        """Whether no job is left to hand out, and none is running."""
        return not self._queue and not self._running and self.work.propose() is None

    def next(self) -> dict[str, Any] | None:
        """The next assignment for a worker (:meth:`~sweep.search.jobs.Job.assignment`).

        None where there is no job now, or no further job at all. Unfinished jobs come before new
        proposals. Every event that the assignment depends on is on the disk.
        """
        if not self._queue:
            proposal = self.work.propose()
            if proposal is None:
                return None
            self._write(proposal)
            self._queue.append(proposal["trial_id"])
        self._sync()
        job = self.work.job(self._queue.popleft())
        self._running.add(job.name)
        return job.assignment()

    def started(self, assignment: Mapping[str, Any]) -> None:
        """Note that a worker has begun an assignment."""
        job, attempt = self.work.job(assignment["trial_id"]), assignment["attempt"]
        if job.status == "running" and job.attempt < attempt:
            self._write(job.start_event(attempt))

    def report(self, name: str, attempt: int, report: Report) -> bool:
        """Take in the report of a worker; True if its job has ended.

        Raises :class:`~sweep.cluster.interrupts.Abort` for an error that concerns every job.
        """
        job = self.work.job(name)
        if not job.accepts(attempt):
            return True  # from a worker that counts as dead: another has its job
        if report.figures is not None:
            return self._record(job, attempt, report.figures, report.worker)
        if isinstance(report.error, TrialError):
            return self._end(job, job.end_event("failed", printable(str(report.error))))
        raise Abort(report.error or SweepError("a worker reported neither figures nor an error"))

    def _record(
        self, job: Job, attempt: int, figures: Mapping[str, Any], worker: str | None
    ) -> bool:
        if reason := unusable(figures, self.work.needed):
            return self._end(job, job.end_event("failed", reason))
        zeros = figures.get("zeros_per_weight")
        if zeros is not None and self._matrices not in (None, len(zeros)):
            began = f"this sweep was begun by a version that pruned {self._matrices} matrices"
            told = f"{began}, this version prunes {len(zeros)}: begin a new sweep with --out DIR"
            raise Abort(UsageError(told))
        if not job.wants(figures["epoch"]):
            return False
        record: Any = job.record_event(attempt, figures, worker)
        decision = self.work.judge(record)
        try:
            self._write(record, *([decision] if decision else []))
        except SweepError as error:  # a figure that JSON does not have
            return self._end(job, job.end_event("failed", printable(str(error))))
        end = job.due_end()
        return self._end(job, end) if end else False

    def lost(self, name: str, attempt: int, reason: str, preempted: bool = False) -> None:
        """A worker died: retry its job from the last epoch, unless it has failed too often.

        A worker that was taken away with its machine (``preempted``) does not count as a failure of
        the job. A second report of the same loss changes nothing: the job is already queued, or
        another worker has it, and a second entry in the queue would hand it out twice.
        """
        job = self.work.job(name)
        if job.status != "running" or attempt <= job.fence:
            return
        self._write(job.lost_event(attempt, reason, preempted))
        if not self._given_up(job):
            self._running.discard(name)
            self._queue.append(name)

    def note(self, event: Event) -> None:
        """Write an event of the driver's own; it is on the disk when this returns."""
        self._write(event)
        self._sync()

    def tidy(self) -> None:
        """Delete checkpoints that nothing needs any more; called several times a second.

        Raises :class:`~sweep.cluster.interrupts.Abort` if the ledger could not be synced.
        """
        with _or_abort():
            is_synced = self.ledger.is_synced
        if is_synced:
            self.keeper.tidy()

    def _given_up(self, job: Job) -> bool:
        """Whether a job has lost too many workers. Such a job is ended as failed."""
        if job.lost <= self.max_failures:
            return False
        reason = f"its worker was lost {job.lost} times; last: {job.last_loss}"
        return self._end(job, job.end_event("failed", reason))

    def _end(self, job: Job, event: Event) -> bool:
        self._write(event)
        self._running.discard(job.name)
        return True

    def _write(self, *events: Event) -> None:
        if not events:
            return
        with _or_abort():
            stamped = self.ledger.append(*events)
        self.written(*stamped)

    def _sync(self) -> None:
        with _or_abort():
            self.ledger.sync()
        self.tidy()

    def _apply(self, event: Event) -> None:
        if event["event"] == BASELINE and (matrices := event.get("prunable_weights")):
            self._matrices = len(matrices)
        for name in DETAILS:  # they stay in the file; here they would fill the memory
            cast(dict[str, Any], event).pop(name, None)
        self.work.apply(event)
        self.keeper.apply(event)


@contextmanager
def _or_abort() -> Iterator[None]:
    """End the session where the ledger cannot be written, whatever Ray does with errors."""
    try:
        yield
    except StorageError as error:
        raise Abort(error) from error
