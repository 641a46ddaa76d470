"""Drivers that fork from a process with all imports, and a Ray cluster for them.

A driver is a real `sweep` command with its own process, command line and exit code. Only the
imports, which take seconds, are shared (by `multiprocessing`'s fork server).
"""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from tests.faults.verdict import Done, Event, read_events
from tests.harness import nodes

Sabotage = Callable[[], None]
Found = TypeVar("Found")

CONTEXT = multiprocessing.get_context("forkserver")
HANGS = 600.0
"""Timeout of a command in seconds, far above its time on a busy machine."""

WARM = (
    "analysis.questions",
    "optuna",
    "ray.tune",
    "sweep.api",
    "sweep.cli.main",
    "sweep.cluster.confirm",
    "sweep.cluster.run",
    "sweep.cluster.tune",
)


_numbers = itertools.count()


class Running:
    """A running `sweep` command that works on the sweep in ``folder``."""

    folder: Path
    log: Path
    pid: int

    @property
    def is_running(self) -> bool:
        return is_alive(self.pid)

    @property
    def events(self) -> list[Event]:
        """The events in the ledger so far."""
        return read_events(self.folder)

    def wait_for(self, find: Callable[[], Found | None], seconds: float = HANGS) -> Found | None:
        """Call ``find`` until it returns a result, and return that; None if the command ends."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            ended = not self.is_running
            if (found := find()) is not None or ended:
                return found
            time.sleep(0.01)
        raise TimeoutError(f"nothing in {seconds} s: {self.log.read_text()}")

    def signal(self, number: int) -> None:
        """Send a signal to the process only, not to its group."""
        os.kill(self.pid, number)


class Driver(Running):
    """A command that is forked from a process with all imports."""

    def __init__(self, folder: Path, *arguments: object, sabotage: Sabotage | None = None) -> None:
        self.folder, number = folder, next(_numbers)
        self.log = folder.parent / f"{folder.name}-{number}.log"
        self._process = CONTEXT.Process(
            target=_command,
            args=(number, self.log, [str(a) for a in arguments], sabotage),
            daemon=True,
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def end(self) -> Done:
        """Wait for the command to end; kill it after a timeout, with the code of SIGKILL.

        ``out`` has both output streams.
        """
        self._process.join(HANGS)
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join()
            return Done(-signal.SIGKILL, f"it hung for {HANGS} s: {self.log.read_text()}", "")
        return Done(self._process.exitcode, self.log.read_text(), "")


def worker_pid(record: Event) -> int:
    """Return the pid of the worker that sent a record."""
    return int(record["worker"].rpartition(":")[2])


def is_alive(pid: int) -> bool:
    """Whether a process exists and is not a zombie."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _command(number: int, log: Path, arguments: list[str], sabotage: Sabotage | None) -> None:
    """Run `sweep ARGUMENTS` with sabotage in the forked process."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w", buffering=1)
    sys.argv = ["sweep", *arguments]
    draw_ids_apart(number)
    draw_nothing()
    from sweep.cli.main import main

    if sabotage is not None:
        sabotage()
    main()


def draw_ids_apart(number: int) -> None:
    """Advance Ray's generator of random ids to a different state in each forked process.

    Importing ray.tune seeds it, so all forks would draw the same ids. Two drivers that connect at
    once would then put the same object into the object store, and Ray would end one of them by
    SIGABRT ("Seal() called on an object without a reference to it"). Only forks need this.
    """
    import ray

    for _ in range(16 * number):  # a driver draws one or two ids while it connects
        ray.ObjectID.from_random()


def draw_nothing() -> None:
    """Disable reports and figures in this process: they take seconds, and no fault affects them."""
    from analysis import report

    report.write_report = lambda results, folder: []  # type: ignore[assignment]


@contextmanager
def cluster(cpus: int) -> Iterator[str]:
    """Run a Ray cluster of one node for forked drivers; yield its address."""
    config = json.dumps({"prestart_worker_first_driver": False})
    with nodes.cluster(head=("--num-cpus", cpus, "--system-config", config)) as found:
        # The fork server imports Ray, which reads them then.
        names = [name for name in found.environment if name.startswith(("RAY_", "TUNE_", "OMP_"))]
        os.environ.update({name: found.environment[name] for name in names})
        CONTEXT.set_forkserver_preload(list(WARM))
        yield found.address
