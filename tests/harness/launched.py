"""A launched sweep on three nodes of this machine, with injected faults."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from sweep.cluster.connect import Token
from sweep.cluster.jobs.api import JobsApi
from sweep.cluster.jobs.job import latest
from tests.faults.verdict import Done, Event, of_kind, read_events
from tests.harness import sweeps
from tests.harness.node import Node
from tests.harness.nodes import Cluster
from tests.harness.sweeps import Whole

HANGS = 600.0
SHARED: dict[str, Any] = {"prefix": "psn-shared-", "ignore_cleanup_errors": True}
"""Arguments of a TemporaryDirectory that all nodes share: any folder outside the jobs' own."""

ASK_SECONDS = 5.0
"""Seconds between two requests to the Jobs API, which answers slowly on a busy machine."""


def write_config(path: Path, trials: int, **sections: Any) -> Path:
    """Write the config of a sweep with two workers and trials of 2 to 4 epochs."""
    space = {"finetune_epochs": {"low": 2, "high": 4}}
    search = {"trials": trials, "scheduler": "fifo", "max_concurrent": 2}
    return sweeps.write_config(path, path.stem, space=space, search=search, **sections)


class Story:
    """A sweep that is launched on a cluster, watched, and disturbed; commands run in ``root``.

    ``done`` has the result of each command, ``driver`` the command line of the first driver, and
    ``before`` the events in the ledger when this driver was killed. ``unpacked`` has the times at
    which the source of this driver was unpacked, as seen at its start and before its end.
    """

    def __init__(self, cluster: Cluster, folder: Path, config: Path, root: Path) -> None:
        self.cluster, self.folder, self.config, self.root = cluster, folder, config, root
        self.name = config.stem
        self.done: dict[str, Done] = {}
        self.driver: Sequence[str] = ()
        self.before: Sequence[Event] = ()
        self.unpacked: list[int] = []
        self.env = {"RAY_AUTH_TOKEN": cluster.token}
        self.at = ("--address", cluster.url)

    @property
    def events(self) -> list[Event]:
        """The events in the ledger."""
        return read_events(self.folder)

    @property
    def source(self) -> Path:
        """The folder on the head into which Ray unpacked the source and the config of the job."""
        [config] = [word for word in self.driver if word.endswith(f"/{self.config.name}")]
        return Path(config).parent

    def tell(self) -> None:
        """Run all steps in order."""
        first, joins = self._launch("first"), self._launch("joins")  # at once: one job for both
        with self._after_records(3) as driver:
            self.driver = driver.cmdline()
            self.unpacked.append(self.source.stat().st_mtime_ns)
            self._lose_node(Node.kill)
        with self._after_records(2):
            joins.signal(signal.SIGINT)
            self._ends("joins", joins)
            self._lose_node(Node.drain)
        with self._after_records(2) as driver:
            self.before = self.events
            self.unpacked.append(self.source.stat().st_mtime_ns)
            driver.kill()
        self._ends("first", first)
        self._ends("second", self._launch("second", "--detach"))
        with self._after_records(2):
            self._ends("status", self._command("status", "status", self.name, *self.at))
        self._ends("stop", self._command("stop", "stop", self.name, *self.at))
        self._ends("third", self._launch("third"))

    @contextmanager
    def _after_records(self, count: int) -> Iterator[psutil.Process]:
        """Wait for ``count`` more records, and suspend the driver during the block.

        Otherwise, on a busy machine, the sweep could end before the block does.
        """
        have = len(of_kind(self.events, "record"))
        self._wait_for(lambda: len(of_kind(self.events, "record")) >= have + count)
        driver = self._driver()
        driver.suspend()
        try:
            yield driver
        finally:
            with suppress(psutil.NoSuchProcess):
                driver.resume()

    def _launch(self, log: str, *options: str) -> Whole:
        out = ("--out", self.folder)
        return self._command(log, "launch", self.config, *self.at, *out, *options)

    def _command(self, log: str, *arguments: object) -> Whole:
        return Whole(self.folder, self.root / log, *arguments, env=self.env)

    def _ends(self, name: str, command: Whole) -> None:
        self.done[name] = command.end(HANGS)
        print(f"{name}: exit code {self.done[name].code}", file=sys.stderr)

    def _lose_node(self, how: Callable[[Node], None]) -> None:
        """Remove one worker node and add another."""
        how(self.cluster.workers[0])
        self.cluster.add()

    def _wait_for(self, find: Callable[[], bool]) -> None:
        """Wait until ``find`` is true; AssertionError on a timeout, or if the job ends first."""
        started = asked = time.monotonic()
        while not find():
            time.sleep(0.05)
            if time.monotonic() - asked > ASK_SECONDS:
                self._check_job(hangs=time.monotonic() - started > HANGS)
                asked = time.monotonic()

    def _check_job(self, hangs: bool) -> None:
        api = JobsApi(self.cluster.url, Token(self.cluster.token, "the cluster"))
        found = [job for job in api.jobs() if (job["metadata"] or {}).get("prunesweep")]
        job = latest(api, self.name) if found else None
        said = api.logs(job.submission_id)[-3000:] if job else "no job"
        assert job is None or job.is_live, f"{job}\n{said}"
        assert not hangs, said

    def _driver(self) -> psutil.Process:
        """The driver's process on the head."""
        for process in psutil.process_iter(["cmdline"]):
            words = process.info["cmdline"] or []
            if "run" in words and str(self.folder) in words and "-m" in words:
                return process
        raise AssertionError("no driver runs")


def repeated(events: Sequence[Event]) -> int:
    """Count attempts that did not start right after the last record: they repeat epochs."""
    stands: dict[str, int | None] = {}
    count = 0
    for event in events:
        if event["event"] == "start":
            count += event["epoch"] != stands.get(event["trial_id"])
        elif event["event"] == "record":
            stands[event["trial_id"]] = event["epoch"]
    return count
