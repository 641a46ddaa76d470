"""Follow a job from afar: what it prints as it comes, until it ends, through short silences."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from sweep.cluster.jobs.api import JobsApi
from sweep.cluster.jobs.job import Job, again
from sweep.errors import ClusterError

EVERY = 1.0
"""Seconds between two questions; more where an answer takes long, since it is the whole log."""

SILENCE = 60.0
"""Seconds without an answer after which a job is out of sight."""


def follow(api: JobsApi, job: Job, write: Callable[[str], None]) -> Job:
    """Write what the job prints, and return it as it is when it has ended.

    Raises :class:`~sweep.errors.ClusterError` where the cluster is out of reach for a minute; the
    job may well go on.
    """
    shown = 0
    for now, text in _news(api, job):
        write(text[shown:])
        shown = len(text)
        if not now.is_live:
            return now
    raise AssertionError("a job's news have no end of their own")


def wait(api: JobsApi, job: Job, seconds: float) -> Job:
    """The job when it has ended, or as it is after so many seconds."""
    deadline = time.monotonic() + seconds
    while job.is_live and time.monotonic() < deadline:
        time.sleep(EVERY / 2)
        job = again(api, job)
    return job


def _news(api: JobsApi, job: Job) -> Iterator[tuple[Job, str]]:
    heard = time.monotonic()
    while True:
        asked = time.monotonic()
        try:
            now = again(api, job)  # first: what it printed before its end is in the log then
            text = api.logs(job.submission_id)
        except ClusterError as error:
            if time.monotonic() - heard > SILENCE:
                raise ClusterError(f"{error}; out of sight since {SILENCE:.0f} s") from None
        else:
            heard = time.monotonic()
            yield now, text
        took = time.monotonic() - asked
        time.sleep(min(30.0, max(EVERY, 10 * took)))
