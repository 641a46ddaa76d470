"""A driver with 1,000 workers and 10,000 trials of up to 6 records each, on a virtual clock.

Simulated workers send results of a formula with noise to the real search, conductor, ledger (on a
real file), retention and view. Nothing is trained, and Ray is only imported. There are two sweeps,
each in its own process: in one the scheduler stops trials; in the other it ranks every record and
stops no trial, so that there are 60,000 records. After each sweep a new process resumes it: it
opens and replays the ledger.

- *ask*: ``Conductor.next``, from the question to a proposal on disk.
- *decide*: ``Conductor.report``, from a record to the decision.
- *append*: ``Ledger.append``, the time that the driver waits.
- *wait*: ``Ledger.sync``, the driver's waits for the disk (a part of ask).
- *tidy*: ``Conductor.tidy``, which deletes checkpoints ten times a second (partly within ask).

Last line: `ask_decide_p99_ms=x append_p99_ms=x resume_s=x memory_mib=x`, the maximum over both
sweeps. ask_decide is the larger of the two 99th percentiles; memory is the peak resident set of a
process (`ru_maxrss`) with Ray imported. `--fsync-ms 5` makes every fsync 5 ms slower. All times are
wall times, except *cpu p99*, which hardly depends on the load of the machine.
"""

from __future__ import annotations

import argparse
import heapq
import io
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sweep.cluster import tune as hooks  # noqa: F401 - Ray, for its memory
from sweep.cluster.conductor import Conductor, Report
from sweep.cluster.listeners.fan_out import FanOut
from sweep.cluster.listeners.terminal import TerminalView
from sweep.cluster.retention import Retention
from sweep.config import SweepConfig, plan
from sweep.ledger.events import FINISH, SWEEP, WORKERS
from sweep.ledger.file import Ledger
from sweep.ledger.lines import VERSION
from sweep.search.replay import Search

DENSE, CHANCE, EXAMPLES, PRUNABLE = 0.9, 0.5, 2000, 400_000
SWEEPS = ("stopping", "unstopped")
QUESTIONS = ("ask", "decide", "append", "wait", "tidy")
TICK_SECONDS = 0.1  # period of Ray Tune's loop without a result


def make_config(given: argparse.Namespace, sweep: str) -> SweepConfig:
    """Return the config; a reduction factor near 1 ranks every epoch and stops no trial."""
    most = given.records - 1
    stopping = sweep == "stopping"
    search = {"trials": given.trials, "max_concurrent": given.workers, "sampler": given.sampler}
    space = {
        "sparsity": {"low": 0.1, "high": 0.95},
        "method": ["l1-norm", "random"],
        "scope": ["local", "global"],
        "finetune_epochs": {"low": 0, "high": most} if stopping else most,
        "learning_rate": {"low": 1e-5, "high": 1e-3, "log": True},
    }
    return SweepConfig.model_validate(
        {
            "name": "scale",
            "task": {"dataset": "digits"},
            "space": space,
            "search": search | ({} if stopping else {"reduction_factor": 1 + 1e-9}),
        }
    )


class Timed:
    """Times the calls of a function: wall time and CPU time."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self.call = call
        self.took: list[tuple[float, float]] = []

    def __call__(self, *given: Any) -> Any:
        started, worked = time.perf_counter(), time.thread_time()
        try:
            return self.call(*given)
        finally:
            cpu = time.thread_time() - worked
            self.took.append((time.perf_counter() - started, cpu))

    @property
    def figures(self) -> dict[str, float]:
        """Number of calls; milliseconds: median, 99th percentile, maximum, CPU 99th percentile."""
        if not self.took:  # a short run may end before the first tick
            return {"calls": 0, **dict.fromkeys(("p50", "p99", "max", "cpu p99"), math.nan)}
        clock, cpu = 1e3 * np.array(self.took).T
        p50, p99 = np.percentile(clock, [50, 99])
        cpu_p99 = np.percentile(cpu, 99)
        return {"calls": len(clock), "p50": p50, "p99": p99, "max": max(clock), "cpu p99": cpu_p99}


def open_driver(folder: Path, config: SweepConfig, create: bool) -> tuple[Conductor, FanOut]:
    """Open a real driver on a ledger in ``folder``, with a view that writes to memory."""
    ledger = Ledger.open(folder / "ledger.jsonl", create=create)
    fan_out = FanOut([TerminalView(io.StringIO())])
    keeper = Retention(folder / "checkpoints", config.objectives)
    return Conductor(Search(config), ledger, keeper, 2, fan_out.tell), fan_out


class Pool:
    """Workers on a virtual clock: each runs one trial at a time and reports after every epoch."""

    def __init__(self, folder: Path, config: SweepConfig, workers: int) -> None:
        self.now, self.config = 0.0, config
        self.root = folder / "checkpoints"
        self.conductor, self.fan_out = open_driver(folder, config, create=True)
        self.ask, self.decide = Timed(self.conductor.next), Timed(self.conductor.report)
        ledger = self.conductor.ledger
        self.append, self.wait = Timed(ledger.append), Timed(ledger.sync)
        ledger.append, ledger.sync = self.append, self.wait  # type: ignore[method-assign]
        self.tidy = Timed(self.conductor.tidy)
        self._due: list[tuple[float, int, dict[str, Any], int]] = []
        self._free = list(range(workers))

    def run(self) -> None:
        """Run the sweep to its end."""
        self.fan_out.begin([])
        self.conductor.note(
            {
                "event": SWEEP,
                "version": VERSION,
                "name": self.config.name,
                "config": self.config.model_dump(mode="json"),
                "versions": {},
                "directions": dict(self.config.objectives),
                "reference_point": {},
            }
        )
        self.conductor.note({"event": WORKERS, "count": len(self._free)})
        ticked = time.monotonic()
        self._hand_out()
        while self._due:
            self.now, worker, trial, epoch = heapq.heappop(self._due)
            report = Report(self._record(trial, epoch), worker=f"host:{worker}")
            if self.decide(trial["trial_id"], trial["attempt"], report):
                self._free.append(worker)
                self._hand_out()
            else:
                self._begin(worker, trial, epoch + 1)
            if time.monotonic() - ticked > TICK_SECONDS:
                self.tidy()
                ticked = time.monotonic()
        self.conductor.note({"event": FINISH, "reason": None})
        self.conductor.ledger.close()

    def _hand_out(self) -> None:
        while self._free and (trial := self.ask()) is not None:
            self.conductor.started(trial)
            self._begin(self._free.pop(), trial, 0)

    def _begin(self, worker: int, trial: dict[str, Any], epoch: int) -> None:
        pace = 1 + (trial["seed"] + epoch) % 97 / 97
        heapq.heappush(self._due, (self.now + 10 * pace, worker, trial, epoch))

    def _record(self, trial: dict[str, Any], epoch: int) -> dict[str, Any]:
        """Write a checkpoint and return the record as a worker sends it."""
        if epoch:
            folder = self.root / trial["trial_id"] / f"epoch-{epoch:04d}"
            folder.mkdir(parents=True)
            (folder / "optimizer.safetensors").touch()
        return record(trial, epoch)


def record(trial: dict[str, Any], epoch: int) -> dict[str, Any]:
    """Return a record: sparsity reduces accuracy, epochs at a good learning rate restore most."""
    params = trial["params"]
    sparsity = params["sparsity"]
    damage = sparsity ** (4 if params["method"] == "l1-norm" else 2)
    fit = math.exp(-(math.log10(params["learning_rate"] / 2e-4) ** 2))
    mean = DENSE - (DENSE - CHANCE) * damage * (1 - 0.9 * fit * (1 - 0.5**epoch))
    correct = int(np.random.default_rng([trial["seed"], epoch]).binomial(EXAMPLES, mean))
    left = PRUNABLE - round(sparsity * PRUNABLE)
    return {
        "stage": "recovered" if epoch else "pruned",
        "epoch": epoch,
        "partial": False,
        "accuracy": correct / EXAMPLES,
        "loss": 1 - mean,
        "correct": correct,
        "examples": EXAMPLES,
        "sparsity": sparsity,
        "model_sparsity": sparsity / 2,
        "nonzero_params": PRUNABLE + left,
        "size_bytes": 4 * (PRUNABLE + left),
        "baseline_accuracy": DENSE,
        "accuracy_drop": DENSE - correct / EXAMPLES,
        "seconds": 10.0 + 10.0 * epoch,
        "train_seconds": 9.0,
        "eval_seconds": 1.0,
    }


def simulate(folder: Path, config: SweepConfig, workers: int) -> dict[str, Any]:
    """Run a sweep; return milliseconds of each kind of call, counts, and total seconds."""
    started = time.perf_counter()
    pool = Pool(folder, config, workers)
    with pool.fan_out:
        pool.run()
    trials = list(pool.conductor.work.trials.values())
    return {
        **{name: getattr(pool, name).figures for name in QUESTIONS},
        "records": sum(len(trial.records) for trial in trials),
        "stopped": sum(trial.status == "stopped" for trial in trials),
        "sampler": plan.sampler(config),
        "seconds": time.perf_counter() - started,
        "memory_mib": peak_mib(),
    }


def resume(folder: Path, config: SweepConfig) -> dict[str, Any]:
    """Open the sweep's ledger and replay it."""
    started, worked = time.perf_counter(), time.process_time()
    conductor, fan_out = open_driver(folder, config, create=False)
    with fan_out:
        conductor.replay(conductor.ledger.events)
        fan_out.begin(conductor.ledger.events)
        conductor.begin()
        seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - worked
    conductor.ledger.close()
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, "memory_mib": peak_mib()}


def peak_mib() -> float:
    """Return the peak memory of this process in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def slow_disk(milliseconds: float) -> None:
    """Make every fsync of this process slower by ``milliseconds``."""
    quick = os.fsync

    def slow(fd: int) -> None:
        time.sleep(milliseconds / 1e3)
        quick(fd)

    os.fsync = slow  # type: ignore[assignment]


def in_a_process(stage: str, sweep: str, folder: Path) -> dict[str, Any]:
    """Run a stage in a new process with the same options; its last line is JSON."""
    command = [sys.executable, "-m", "benchmarks.scale", *sys.argv[1:]]
    command += ["--stage", stage, "--sweep", sweep, "--folder", str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def compare(sweeps: list[str]) -> None:
    """Run and resume the sweeps, and print a table of each and the last line."""
    seen = []
    for sweep in sweeps:
        with tempfile.TemporaryDirectory(prefix="prunesweep-scale-") as scratch:
            ran = in_a_process("run", sweep, Path(scratch))
            again = in_a_process("resume", sweep, Path(scratch))
        show(sweep, ran, again)
        seen.append(
            {
                "ask_decide_p99_ms": max(ran["ask"]["p99"], ran["decide"]["p99"]),
                "append_p99_ms": ran["append"]["p99"],
                "resume_s": again["seconds"],
                "memory_mib": max(ran["memory_mib"], again["memory_mib"]),
            }
        )
    print(" ".join(f"{name}={max(one[name] for one in seen):.2f}" for name in seen[0]))


def show(sweep: str, ran: dict[str, Any], again: dict[str, Any]) -> None:
    """Print the table of one sweep."""
    print(
        f"{sweep} ({ran['sampler']}): {ran['records']} records, {ran['stopped']} trials stopped, "
        f"in {ran['seconds']:.0f} s and {ran['memory_mib']:.0f} MiB; resumed in "
        f"{again['seconds']:.2f} s ({again['cpu_seconds']:.2f} s on the CPU) and "
        f"{again['memory_mib']:.0f} MiB"
    )
    for name in QUESTIONS:
        figures = dict(ran[name])
        calls = figures.pop("calls")
        line = "  ".join(f"{key} {value:8.3f} ms" for key, value in figures.items())
        print(f"  {name:7} {calls:6.0f} calls  {line}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=1_000)
    parser.add_argument("--records", type=int, default=6, help="maximum records per trial")
    parser.add_argument("--sampler", default="auto")
    parser.add_argument("--fsync-ms", type=float, default=0.0, help="added to every fsync")
    parser.add_argument("--sweep", choices=SWEEPS, help="this one only")
    parser.add_argument("--stage", choices=("run", "resume"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.stage is None:
        compare([given.sweep] if given.sweep else list(SWEEPS))
        return
    if given.fsync_ms:
        slow_disk(given.fsync_ms)
    config = make_config(given, given.sweep)
    if given.stage == "run":
        figures = simulate(given.folder, config, given.workers)
    else:
        figures = resume(given.folder, config)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
