"""A sweep on the cluster, watched through its ledger and its job."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import psutil

from benchmarks.faults.nodes import Nodes
from sweep.launch.api import JobsApi
from sweep.launch.job import Job, latest
from tests.command import Done
from tests.driver.sweeps import Event, of_kind, read_events

Found = TypeVar("Found")
TRIALS = 10


def write_config(path: Path, epoch: float) -> Path:
    """A closed-form sweep for two workers; ``epoch`` is what an epoch takes, in seconds."""
    config: dict[str, Any] = {
        "name": "tiny",
        "task": {"dataset": "closed-form", "seconds_per_epoch": epoch},
        "space": {
            "sparsity": {"low": 0.3, "high": 0.95},
            "method": ["l1-norm", "random"],
            "scope": ["local", "global"],
            "finetune_epochs": {"low": 2, "high": 4},
            "learning_rate": {"low": 2e-4, "high": 2e-3, "log": True},
        },
        "search": {"trials": TRIALS, "seed": 3, "scheduler": "fifo", "max_concurrent": 2},
    }
    path.write_text(json.dumps(config))
    return path


class Command:
    """A `sweep` command in a process of its own, with an environment that it is given."""

    def __init__(self, log: Path, env: dict[str, str], *arguments: object) -> None:
        self.log, self.error = log, log.with_suffix(".err")
        given = {n: v for n, v in os.environ.items() if not n.startswith(("RAY_A", "SWEEP"))}
        with log.open("w") as out, self.error.open("w") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "sweep", *map(str, arguments)],
                stdout=out,
                stderr=err,
                env={**given, "HOME": str(log.parent), "OMP_NUM_THREADS": "1", **env},
            )
        self.started = time.monotonic()

    def end(self, seconds: float = 200) -> Done:
        """Wait for its end."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"it hangs: {self.error.read_text()}") from None
        self.seconds = time.monotonic() - self.started
        return Done(code, self.log.read_text(), self.error.read_text())


class Watched:
    """What a launched sweep has come to."""

    def __init__(self, cluster: Nodes, folder: Path) -> None:
        self.cluster, self.folder = cluster, folder

    @property
    def events(self) -> list[Event]:
        return read_events(self.folder)

    def records(self) -> list[Event]:
        return of_kind(self.events, "record")

    def wait_for(self, find: Callable[[], Found | None], seconds: float = 150) -> Found:
        """What ``find`` finds, looking again and again; AssertionError where the job ends first."""
        deadline = time.monotonic() + seconds
        api = JobsApi(self.cluster.url)
        while time.monotonic() < deadline:
            if found := find():
                return found
            job = latest(api, "tiny")
            assert job.is_live, f"{job.status}:\n{api.logs(job.submission_id)[-3000:]}"
            time.sleep(0.3)
        raise AssertionError(f"nothing in {seconds} s:\n{api.logs(job.submission_id)[-3000:]}")

    def more_records(self, count: int) -> None:
        """Until there are so many more records than now."""
        have = len(self.records())
        self.wait_for(lambda: len(self.records()) >= have + count or None)

    def driver(self) -> psutil.Process:
        """The driver's process, which runs in the unpacked source."""
        marks = ("-m", "sweep", "run", "tiny.yaml", str(self.folder))
        for process in psutil.process_iter(["cmdline"]):
            if all(mark in (process.info["cmdline"] or []) for mark in marks):
                return process
        raise AssertionError("no driver runs")

    def kill_driver(self) -> None:
        self.driver().send_signal(signal.SIGKILL)


def assert_goes_on_from_its_last_epoch(events: Sequence[Event]) -> None:
    """A trial's attempt begins where its records stand: the epoch in flight alone was lost."""
    stands: dict[str, int | None] = {}
    for event in events:
        if event["event"] == "start":
            assert event["epoch"] == stands.get(event["trial_id"])
        elif event["event"] == "record":
            stands[event["trial_id"]] = event["epoch"]


def job_of(cluster: Nodes) -> Job:
    return latest(JobsApi(cluster.url), "tiny")
