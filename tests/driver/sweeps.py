"""Sweeps in processes of their own: begun, watched through their ledgers, disturbed."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from tests.command import Done

Event = dict[str, Any]
Found = TypeVar("Found")

# One worker, so that the order of events does not hang on who is faster; rungs that do stop trials.
CONFIG: dict[str, Any] = {
    "name": "tiny",
    "task": {"dataset": "digits", "max_length": 64, "train_samples": 200, "eval_samples": 100},
    "baseline": {"epochs": 10, "learning_rate": 2e-3},
    "space": {
        "sparsity": {"low": 0.3, "high": 0.95},
        "method": ["l1-norm", "random"],
        "scope": ["local", "global"],
        "finetune_epochs": {"low": 1, "high": 3},
        "learning_rate": {"low": 2e-4, "high": 2e-3, "log": True},
    },
    "search": {
        "trials": 10,
        "seed": 3,
        "max_concurrent": 1,
        "reduction_factor": 2,
        "margin": 0,
    },
}


def write_config(path: Path, **sections: Mapping[str, Any]) -> Path:
    """A config file (JSON is YAML) of :data:`CONFIG` with sections merged over it."""
    merged = {name: {**CONFIG.get(name, {}), **section} for name, section in sections.items()}
    path.write_text(json.dumps({**CONFIG, **merged}))
    return path


class Process:
    """A running ``sweep`` command. ``folder``: of the sweep that it works on."""

    def __init__(self, folder: Path, log: Path, *arguments: object) -> None:
        self.folder, self.log = folder, log
        self._before = len(self.events)
        code = "from sweep.cli import main; main()"
        given = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
        with log.open("w") as out, log.with_suffix(".err").open("w") as err:
            self._process = subprocess.Popen(
                [sys.executable, "-c", code, *map(str, arguments)],
                stdout=out,
                stderr=err,
                env=given | {"OMP_NUM_THREADS": "1", "RAY_worker_niceness": "0"},
                start_new_session=True,  # a process group to interrupt, as a terminal does
            )
        self.pid = self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    @property
    def err(self) -> str:
        """What it has said on standard error so far."""
        return self.log.with_suffix(".err").read_text()

    @property
    def events(self) -> list[Event]:
        """What its ledger holds so far."""
        return read_events(self.folder)

    @property
    def records(self) -> list[Event]:
        """What it has recorded itself so far."""
        return of_kind(self.events[self._before :], "record")

    def mid_trial(self) -> Event | None:
        """Its last record, if that trial runs and has epochs left to train."""
        records, events = self.records, self.events
        if not records or records[-1]["trial_id"] in {
            e["trial_id"] for e in of_kind(events, "end")
        }:
            return None
        asked = {e["trial_id"]: e["params"]["finetune_epochs"] for e in of_kind(events, "trial")}
        return records[-1] if asked[records[-1]["trial_id"]] > records[-1]["epoch"] else None

    def wait_for(self, find: Callable[[], Found | None], seconds: float = 120) -> Found:
        """What ``find`` finds, looking again and again while the command runs."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            ended = not self.is_running
            if (found := find()) is not None:
                return found
            assert not ended, f"it ended too early:\n{self.err}"
            time.sleep(0.02)
        raise AssertionError(f"nothing in {seconds} s:\n{self.err}")

    def signal(self, number: int) -> None:
        """To the process alone."""
        os.kill(self.pid, number)

    def interrupt(self) -> None:
        """As Ctrl-C does: to the whole process group."""
        os.killpg(self.pid, signal.SIGINT)

    def fill_disk(self) -> None:
        """From now on no file of the driver may grow past what the ledger has."""
        _, hard = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)
        size = (self.folder / "ledger.jsonl").stat().st_size
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (size + 1, hard))

    def end(self, seconds: float = 280) -> Done:
        """Wait for its end."""
        code = self._process.wait(seconds)
        return Done(code, self.log.read_text(), self.err)

    def kill(self) -> None:
        """End it, and what is left of its process group."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()


@contextmanager
def started(folder: Path, log: Path, *arguments: object) -> Iterator[Process]:
    """A command for the time of the block."""
    process = Process(folder, log, *arguments)
    try:
        yield process
    finally:
        process.kill()


def run(folder: Path, log: Path, *arguments: object) -> Done:
    """A command from its start to its end."""
    with started(folder, log, *arguments) as process:
        return process.end()


def read_events(folder: Path) -> list[Event]:
    """The whole lines of a sweep's ledger; none where there is none yet."""
    try:
        text = (folder / "ledger.jsonl").read_text()
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in text.split("\n")[:-1]]


def of_kind(events: list[Event], kind: str) -> list[Event]:
    """The events of one kind, in their order."""
    return [event for event in events if event["event"] == kind]


def session(events: list[Event]) -> list[Event]:
    """The events since the last resume."""
    starts = [i for i, event in enumerate(events) if event["event"] in ("sweep", "resume")]
    return events[starts[-1] :] if starts else []


def worker_pid(record: Event) -> int:
    """The process that a record comes from."""
    return int(record["worker"].rpartition(":")[2])


def is_alive(pid: int) -> bool:
    """Whether a process is there, and no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def kill_a_worker(process: Process) -> Event:
    """Kill a worker actor in the middle of a trial; returns the last record before."""
    while True:
        record = process.wait_for(process.mid_trial)
        pid = worker_pid(record)
        os.kill(pid, signal.SIGSTOP)
        time.sleep(0.5)  # what it has sent arrives, and it sends no more
        last = process.mid_trial()
        if last is not None and last["trial_id"] == record["trial_id"]:
            os.kill(pid, signal.SIGKILL)
            return last
        os.kill(pid, signal.SIGCONT)  # it was at its end: the next one, then


def keys(table: pd.DataFrame) -> set[tuple[str, int]]:
    """(trial, epoch) of each row."""
    return set(zip(table["trial_id"], table["epoch"].astype(int), strict=True))


def assert_each_once(events: list[Event], trials: int) -> None:
    """Every trial begun and ended once; no (trial, stage, epoch) twice."""
    names = [f"t{number:05d}" for number in range(trials)]
    assert [event["trial_id"] for event in of_kind(events, "trial")] == names
    assert sorted(event["trial_id"] for event in of_kind(events, "end")) == names
    seen = Counter((e["trial_id"], e["stage"], e["epoch"]) for e in of_kind(events, "record"))
    assert [key for key, count in seen.items() if count > 1] == []
    assert events[-1]["event"] == "finish"


def story(events: list[Event]) -> list[Event]:
    """What was tried, found and decided, in order, less whose work it was and what time it took."""
    ours = ("trial", "record", "decision", "end")
    by_chance = ("time", "attempt", "worker", "seconds", "train_seconds", "eval_seconds")
    return [
        {name: value for name, value in event.items() if name not in by_chance}
        for event in events
        if event["event"] in ours
    ]
