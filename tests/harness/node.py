"""One node of a Ray cluster on this machine: a `ray start` process that tests kill or drain."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import psutil

COMMAND = "from ray.scripts.scripts import main; main()"
UP = "Ray runtime started."
STARTS = 180.0
"""Timeout in seconds for the start of a node on a busy machine."""

DRAINS = 20.0
"""Seconds that a drained node gives its workers to finish."""


class Node:
    """A running `ray start --block` and its child processes; ``address`` is its IP.

    ``prepare`` runs in its process before `ray start`.
    """

    def __init__(
        self,
        log: Path,
        environment: Mapping[str, str],
        address: str,
        *options: object,
        prepare: Callable[[], None] | None = None,
    ) -> None:
        self.log, self.address = log, address
        self.cache = Path(environment["PRUNESWEEP_CACHE"])
        own = ("--block", "--disable-usage-stats", "--node-ip-address", address, *options)
        with log.open("w") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-c", COMMAND, "start", *map(str, own)],
                stdout=out,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                start_new_session=True,
                preexec_fn=prepare,
            )

    def wait(self) -> Node:
        """Return the node once it is up; raise TimeoutError with its log if it does not start."""
        deadline = time.monotonic() + STARTS
        while UP not in self.log.read_text():
            if not self.is_running or time.monotonic() > deadline:
                raise TimeoutError(f"a node did not start: {self.log.read_text()[-3000:]}")
            time.sleep(0.1)
        return self

    @property
    def is_running(self) -> bool:
        """Whether its process runs."""
        return self._process.poll() is None

    def kill(self) -> None:
        """Kill all processes, the raylet first, as in a power failure."""
        _kill(self._all())
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def terminate(self) -> None:
        """Terminate the node as a cloud takes back a spot machine: it drains first."""
        self._process.send_signal(signal.SIGTERM)

    def drain(self) -> None:
        """Terminate the node, and wait for its end until ten seconds after the deadline."""
        everything = self._all()
        self.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(DRAINS + 10)
        _kill(everything)
        self.kill()

    def _all(self) -> list[psutil.Process]:
        with suppress(psutil.NoSuchProcess):
            parent = psutil.Process(self._process.pid)
            return [parent, *parent.children(recursive=True)]
        return []


def _kill(processes: list[psutil.Process]) -> None:
    """Kill the raylet first, because it would report the end of the others."""
    for process in sorted(processes, key=_is_no_raylet):
        with suppress(psutil.NoSuchProcess):
            process.kill()


def _is_no_raylet(process: psutil.Process) -> bool:
    try:
        return str(process.name()) != "raylet"
    except psutil.NoSuchProcess:
        return True
