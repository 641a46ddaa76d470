"""Sweeps in separate processes, which tests watch through their ledgers and disturb."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pandas as pd

from tests.faults.processes import Found, Running, is_alive, worker_pid
from tests.faults.verdict import Done, Event, duplicated, lost, of_kind, read_events, story

__all__ = ["Event", "is_alive", "of_kind", "read_events", "story", "worker_pid"]

ROOT = Path(__file__).parents[2]

# One worker, so that the order of events is fixed; the rungs stop some trials.
CONFIG: dict[str, Any] = {
    "name": "tiny",
    "task": {"dataset": "closed-form"},
    "space": {
        "sparsity": {"low": 0.3, "high": 0.95},
        "method": ["l1-norm", "random"],
        "scope": ["local", "global"],
        "finetune_epochs": {"low": 1, "high": 3},
        "learning_rate": {"low": 2e-4, "high": 2e-3, "log": True},
    },
    "search": {"trials": 10, "seed": 3, "max_concurrent": 1, "reduction_factor": 2, "margin": 0},
}

# The same on a real model: the dataset is replaced, and there is a baseline to train.
DIGITS: dict[str, Any] = {
    "task": {"dataset": "digits", "max_length": 64, "train_samples": 200, "eval_samples": 100},
    "baseline": {"epochs": 10, "learning_rate": 2e-3},
}


def write_config(path: Path, name: str = "tiny", **sections: Mapping[str, Any]) -> Path:
    """A config file (JSON is YAML) of :data:`CONFIG` with sections merged over it."""
    merged = {key: {**CONFIG.get(key, {}), **section} for key, section in sections.items()}
    path.write_text(json.dumps({**CONFIG, **merged, "name": name}))
    return path


class Process(Running):
    """A command in a separate process, without a report.

    With an ``env`` it runs as on a machine outside the cluster: its environment is ``env`` and the
    inherited variables except Ray's, and its home and working folder is the folder of ``log``.
    """

    code = (
        "from tests.faults.processes import draw_nothing; draw_nothing()\n"
        "from sweep.cli.main import main; main()"
    )

    @classmethod
    def of(cls, module: str) -> type[Process]:
        """A kind of process that runs a module of the tests as a script instead of a command."""
        before = cls.code.partition("\n")[0]
        run = f"import runpy; runpy.run_module({module!r}, run_name='__main__')"
        return type(module, (cls,), {"code": f"{before}\n{run}"})

    def __init__(
        self, folder: Path, log: Path, *arguments: object, env: Mapping[str, str] | None = None
    ) -> None:
        self.folder, self.log = folder, log
        self._before = len(self.events)
        given = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
        if env is not None:
            given = {n: v for n, v in given.items() if not n.startswith(("RAY_A", "RAY_JOB"))}
            given |= {"HOME": str(log.parent), "PYTHONPATH": str(ROOT), **env}
        with log.open("w") as out, log.with_suffix(".err").open("w") as err:
            self._process = subprocess.Popen(
                [sys.executable, "-c", self.code, *map(str, arguments)],
                stdout=out,
                stderr=err,
                env=given | {"OMP_NUM_THREADS": "1", "RAY_worker_niceness": "0"},
                # Ray adds the driver's working folder to the workers' import path
                cwd=ROOT if env is None else log.parent,
                start_new_session=True,  # a new process group, which is killed as a whole
            )
        self.pid = self._process.pid

    @property
    def err(self) -> str:
        """Its standard error so far."""
        return self.log.with_suffix(".err").read_text()

    @property
    def records(self) -> list[Event]:
        """The records that this process has written so far."""
        return of_kind(self.events[self._before :], "record")

    def mid_trial(self, least: int = 1) -> Event | None:
        """Its last record, if there are ``least`` and that trial still has epochs to train."""
        events = self.events  # once: a trial may end between two looks
        records = of_kind(events[self._before :], "record")
        if len(records) < least or records[-1]["trial_id"] in {
            e["trial_id"] for e in of_kind(events, "end")
        }:
            return None
        asked = {e["trial_id"]: e["params"]["finetune_epochs"] for e in of_kind(events, "trial")}
        return records[-1] if asked[records[-1]["trial_id"]] > records[-1]["epoch"] else None

    def wait_for(self, find: Callable[[], Found | None], seconds: float = 120) -> Found:
        """Wait as in the base class, but fail if the command ends first."""
        found = super().wait_for(find, seconds)
        assert found is not None, f"it ended too early:\n{self.err}"
        return found

    def end(self, seconds: float = 280) -> Done:
        """Wait for the command to end."""
        code = self._process.wait(seconds)
        return Done(code, self.log.read_text(), self.err)

    def kill(self) -> None:
        """Kill the command and the rest of its process group."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()


class Whole(Process):
    """A command that also writes its report, as for a user."""

    code = "from sweep.cli.main import main; main()"


@contextmanager
def started(
    folder: Path, log: Path, *arguments: object, kind: type[Process] = Process
) -> Iterator[Process]:
    """Run a command during the block."""
    process = kind(folder, log, *arguments)
    try:
        yield process
    finally:
        process.kill()


def run(folder: Path, log: Path, *arguments: object, kind: type[Process] = Process) -> Done:
    """Run a command to its end."""
    with started(folder, log, *arguments, kind=kind) as process:
        return process.end()


def kill_a_worker(process: Process) -> Event:
    """Kill a worker actor in the middle of a trial; returns the last record before."""
    while True:
        record = process.wait_for(process.mid_trial)
        pid = worker_pid(record)
        os.kill(pid, signal.SIGSTOP)
        time.sleep(0.5)  # sent records arrive, and it sends no others
        last = process.mid_trial()
        if last is not None and last["trial_id"] == record["trial_id"]:
            os.kill(pid, signal.SIGKILL)
            return last
        os.kill(pid, signal.SIGCONT)  # it had finished; try the next one


def keys(table: pd.DataFrame) -> set[tuple[str, int]]:
    """Return (trial, epoch) of each row."""
    return set(zip(table["trial_id"], table["epoch"].astype(int), strict=True))


def assert_each_once(events: list[Event], trials: int) -> None:
    """Assert that every trial starts and ends once, and has each (stage, epoch) exactly once."""
    names = [f"t{number:05d}" for number in range(trials)]
    assert [event["trial_id"] for event in of_kind(events, "trial")] == names
    assert sorted(event["trial_id"] for event in of_kind(events, "end")) == names
    assert duplicated(events) == 0
    assert lost(events, (), trials) == 0
    assert events[-1]["event"] == "finish"
