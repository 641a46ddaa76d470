"""The batch script of `sweep render slurm` on two machines: time limit, requeue, completion.

    python -m benchmarks.batch_script    # root, Linux; 3 to 6 minutes on two cores

The machines are Linux namespaces (`benchmarks.machines`), and srun and scontrol are replacements.
All else is the unchanged script: `ray symmetric-run` on both machines, its `ray stop`, the token,
signals. The first job gets the signal that Slurm sends before the time limit; it must save its
state, end, and requeue itself. The second job finishes the sweep. A third job has no second node;
it must report this and exit with code 5.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.machines.client import ask, has_ray
from benchmarks.machines.namespaces import INSIDE, ROOT, isolate, machines
from tests.faults.verdict import read_events

TRIALS = 24
JOB = 4711
WAITS = 400.0
BIN = Path(sys.executable).parent


class Job(threading.Thread):
    """The script as Slurm runs it, on the first machine."""

    def __init__(self, ips: list[str], folder: Path, wait: int = 120) -> None:
        super().__init__(daemon=True)
        self.ips, self.folder, self.wait = ips, folder, wait
        self.code, self.said = -1, ""
        self.start()

    def run(self) -> None:
        script = (self.folder / "job.sh").read_text()
        script = script.replace("WAIT_TIMEOUT=300", f"WAIT_TIMEOUT={self.wait}")
        (self.folder / "running.sh").write_text(script)
        self.code, self.said = ask(
            self.ips[0],
            f"export SLURM_JOB_ID={JOB} MACHINES='{' '.join(self.ips)}' PYTHONPATH={ROOT}; "
            f"echo $$ > {self.folder}/shell; exec bash {self.folder}/running.sh",
        )

    def signal(self, name: str) -> None:
        """Send a signal only to the batch shell, as `--signal=B:NAME@...` does."""
        ask(self.ips[0], f"kill -{name} $(cat {self.folder}/shell)")

    def end(self) -> int:
        """Wait for the job and return its exit code."""
        self.join(WAITS)
        assert not self.is_alive(), "the job hangs"
        return self.code


def wait_until(what: str, true: Callable[[], bool], job: Job) -> None:
    """Wait until ``true``; raise AssertionError on a timeout, or if the job ends first."""
    deadline = time.monotonic() + WAITS
    while not true():
        assert job.is_alive(), f"the job ended, exit {job.code}, before {what}\n{job.said}"
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.5)


def ended(out: Path) -> list[str]:
    """Return the id of each ended trial, once per end."""
    return [str(event["trial_id"]) for event in read_events(out) if event["event"] == "end"]


def left_behind(ips: list[str]) -> int:
    """Return the number of machines on which a Ray process still runs."""
    return sum(map(has_ray, ips))


def render(folder: Path) -> None:
    """Write the batch script, and an scontrol that records its arguments."""
    out = folder / "results"
    settings = [f"search.trials={TRIALS}", "task.seconds_per_epoch=0.4", "search.seed=1"]
    command = ["render", "slurm", "closed-form", *settings, "--results", out, "--cpus", "1"]
    subprocess.run(
        [BIN / "sweep", *command, "--out", folder / "job.sh"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    (folder / "bin/scontrol").write_text(f'#!/bin/sh\necho "$@" >> {folder}/scontrol\n')
    (folder / "bin/scontrol").chmod(0o755)


def say(text: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


def out_of_time(ips: list[str], folder: Path) -> None:
    """Run the first job until its time limit."""
    out = folder / "results"
    job = Job(ips, folder)
    wait_until("three trials ended", lambda: len(ended(out)) >= 3, job)
    job.signal("USR1")
    assert job.end() == 143, f"exit {job.code}\n{job.said}"
    assert (folder / "scontrol").read_text() == f"requeue {JOB}\n", job.said
    say(f"time limit after {len(ended(out))} of {TRIALS} trials: saved, ended, requeued")
    assert left_behind(ips) == 0, "a Ray process still runs"


def main() -> None:
    with machines(2) as (ips, folder):
        out = folder / "results"
        render(folder)
        out_of_time(ips, folder)
        job = Job(ips, folder)
        assert job.end() == 0, f"exit {job.code}\n{job.said}"
        assert (folder / "scontrol").read_text().count("requeue") == 1
        (workers,) = {e["count"] for e in read_events(out) if e["event"] == "workers"}
        trials = ended(out)
        lost, duplicated = TRIALS - len(set(trials)), len(trials) - len(set(trials))
        say(f"the second job: {len(trials)} trials ended, on {workers} workers of two nodes")
        alone = Job(ips[:1], folder, wait=15)
        told = alone.end() == 5 and "did not come up on 2 node(s)" in alone.said
        left = left_behind(ips)
    good = workers == 2 and told and not lost + duplicated + left
    print(f"requeued=1 {workers=} {lost=} {duplicated=} {left=} missing_node_told={told}")
    sys.exit(not good)


if __name__ == "__main__":
    if INSIDE not in sys.argv:
        isolate("benchmarks.batch_script")
    main()
