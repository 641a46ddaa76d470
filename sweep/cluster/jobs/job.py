"""A sweep's job as the Jobs API tells of it: which of several has a name, and what it prints.

:func:`follow` writes that as it comes, until the job ends, through short silences.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sweep.cluster.jobs.api import JobsApi
from sweep.errors import ClusterError, UsageError

LIVE = ("PENDING", "RUNNING")
INTERRUPTED = 143
KEY = "prunesweep"


@dataclass(frozen=True)
class Job:
    """One submission of a sweep. ``code`` is its driver's exit code, where it has one."""

    submission_id: str
    name: str
    place: str
    config: Mapping[str, Any]
    status: str
    message: str
    started: float
    code: int | None

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Job | None:
        """A job of ours; None for one of somebody else."""
        metadata = told.get("metadata") or {}
        if KEY not in metadata:
            return None
        return cls(
            str(told["submission_id"]),
            str(metadata[KEY]),
            str(metadata.get("place", "")),
            json.loads(metadata.get("config", "{}")),
            str(told["status"]),
            str(told.get("message") or ""),
            float(told.get("start_time") or 0) / 1000,
            told.get("driver_exit_code"),
        )

    @property
    def is_live(self) -> bool:
        """Whether it runs, or will."""
        return self.status in LIVE

    def exit_code(self) -> int:
        """What `sweep run` ended with there; 143 where somebody stopped it.

        Raises :class:`~sweep.errors.ClusterError` where the driver did not end by itself.
        """
        if self.status == "SUCCEEDED":
            return 0
        if self.status == "STOPPED":
            return INTERRUPTED
        code = self.code or 0
        if 0 < code < 126 or code in (130, INTERRUPTED):
            return code
        raise ClusterError(f"job {self.submission_id} is lost: {self._loss()}")

    def _loss(self) -> str:
        if self.code == 127:
            return "the head has no such python on its PATH: name one with --python"
        if self.code is not None:
            signal = -self.code if self.code < 0 else self.code - 128
            return f"its driver was ended by signal {signal}; what was done is kept"
        lines = self.message.strip().splitlines()
        return lines[-1] if lines else "the cluster does not say why"


def jobs_of(api: JobsApi, name: str) -> list[Job]:
    """All submissions of the sweep of this name, in their order; or the one job of this id."""
    return [job for job in _all(api) if name in (job.name, job.submission_id)]


def latest(api: JobsApi, name: str) -> Job:
    """The submission of a sweep that runs, else the last.

    Raises :class:`~sweep.errors.UsageError`, with the names that there are, where it has none.
    """
    found = jobs_of(api, name)
    if not found:
        names = ", ".join(sorted({job.name for job in _all(api)})) or "none"
        raise UsageError(f"the cluster at {api.url} has no sweep {name!r}; it has: {names}")
    return next((job for job in found if job.is_live), found[-1])


def find(api: JobsApi, submission_id: str) -> Job:
    """A job of ours as it is now."""
    found = Job.of(api.job(submission_id))
    assert found is not None  # its metadata does not change
    return found


def _all(api: JobsApi) -> list[Job]:
    ours = [job for told in api.jobs() if (job := Job.of(told)) is not None]
    return sorted(ours, key=lambda job: job.started)


EVERY = 1.0
"""Seconds between two questions; more where an answer takes long, since it is the whole log."""

SILENCE = 60.0
"""Seconds without an answer after which a job is out of sight."""


def follow(api: JobsApi, job: Job, write: Callable[[str], None]) -> Job:
    """Write what the job prints, and return it as it is when it has ended.

    Raises :class:`~sweep.errors.ClusterError` where the cluster is out of reach for a minute; the
    job may well go on.
    """
    shown, heard = 0, time.monotonic()
    while True:
        asked = time.monotonic()
        try:
            now = find(api, job.submission_id)  # first: the log has then what it printed at its end
            text = api.logs(job.submission_id)
        except ClusterError as error:
            if time.monotonic() - heard > SILENCE:
                raise ClusterError(f"{error}; out of sight since {SILENCE:.0f} s") from None
        else:
            heard = time.monotonic()
            write(text[shown:])
            shown = len(text)
            if not now.is_live:
                return now
        time.sleep(min(30.0, max(EVERY, 10 * (time.monotonic() - asked))))


def wait(api: JobsApi, job: Job, seconds: float) -> Job:
    """The job when it has ended, or as it is after so many seconds."""
    deadline = time.monotonic() + seconds
    while job.is_live and time.monotonic() < deadline:
        time.sleep(EVERY / 2)
        job = find(api, job.submission_id)
    return job
