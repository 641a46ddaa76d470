"""A sweep's job, found by the sweep's name in the Jobs API; its output can be followed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sweep.cluster.jobs.api import JobsApi
from sweep.errors import ClusterError, UsageError

INTERRUPTED = 143
KEY = "prunesweep"


@dataclass(frozen=True)
class Job:
    """One submission of a sweep. ``code`` is its driver's exit code, None if it has none."""

    submission_id: str
    name: str
    place: str
    config: Mapping[str, Any]
    status: str
    message: str
    started: float
    code: int | None

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> Job:
        """The job of a sweep, as the API describes it."""
        metadata = described["metadata"]
        return cls(
            str(described["submission_id"]),
            str(metadata[KEY]),
            str(metadata.get("place", "")),
            json.loads(metadata.get("config", "{}")),
            str(described["status"]),
            str(described.get("message") or ""),
            float(described.get("start_time") or 0) / 1000,
            described.get("driver_exit_code"),
        )

    @property
    def is_out_of_sight(self) -> bool:
        """Whether Ray gave up watching the job, whose driver may still run."""
        return self.status == "FAILED" and self.code is None

    @property
    def is_live(self) -> bool:
        return self.status in ("PENDING", "RUNNING")

    def exit_code(self) -> int:
        """The exit code of `sweep run` on the cluster; 143 if the job was stopped.

        Raises :class:`~sweep.errors.ClusterError` if the driver was killed or did not start.
        """
        if self.status == "SUCCEEDED":
            return 0
        if self.status == "STOPPED":
            return INTERRUPTED
        code = self.code or 0
        if 0 < code < 126 or code in (129, 130, INTERRUPTED):
            return code
        raise ClusterError(f"job {self.submission_id} is lost: {self._loss()}")

    def _loss(self) -> str:
        if self.code == 127:
            return "the PATH of the head has no such python: give another one with --python"
        if self.code is not None:
            signal = -self.code if self.code < 0 else self.code - 128
            return f"its driver was killed by signal {signal}; all finished work is saved"
        lines = self.message.strip().splitlines()
        return lines[-1] if lines else "the cluster gives no reason"


def jobs_of_sweeps(api: JobsApi) -> list[Job]:
    """All submissions of sweeps, oldest first."""
    ours = [Job.of(each) for each in api.jobs() if KEY in (each.get("metadata") or {})]
    return sorted(ours, key=lambda job: job.started)


def latest(api: JobsApi, name: str) -> Job:
    """The live submission of a sweep, or else the newest; or the one job whose id is ``name``.

    Raises :class:`~sweep.errors.UsageError`, with the known names, if there is none.
    """
    jobs = jobs_of_sweeps(api)
    found = [job for job in jobs if name in (job.name, job.submission_id)]
    if not found:
        names = ", ".join(sorted({job.name for job in jobs})) or "none"
        raise UsageError(f"the cluster at {api.url} has no sweep {name!r}; its sweeps are: {names}")
    return next((job for job in found if job.is_live), found[-1])


def find(api: JobsApi, submission_id: str) -> Job:
    """The present state of a sweep's job."""
    return Job.of(api.job(submission_id))


def follow(api: JobsApi, job: Job, write: Callable[[str], None]) -> Job:
    """Write the output of a job until it ends; returns its last state.

    Raises :class:`~sweep.errors.ClusterError` if the cluster cannot be reached for a minute. The
    job may still be running then.
    """
    shown, heard = 0, time.monotonic()
    while True:
        asked = time.monotonic()
        try:
            now = find(api, job.submission_id)  # before the log, which is then complete if it ended
            text = api.logs(job.submission_id)
        except ClusterError as error:
            if time.monotonic() - heard > 60:
                raise ClusterError(f"{error}; no answer for 60 s") from None
        else:
            heard = time.monotonic()
            write(text[shown:])
            shown = len(text)
            if not now.is_live:
                return now
        # An answer is the whole log, so a slow one is not asked for often.
        time.sleep(min(30.0, max(1.0, 10 * (time.monotonic() - asked))))
