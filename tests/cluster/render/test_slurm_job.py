"""The batch script run by a shell: what it makes of signals, and of how Ray and the driver end.

srun, ray, scontrol and sweep are stand-ins here, of a line or two; with Ray's own symmetric-run on
two machines it is run by `benchmarks.batch_script`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from sweep.cluster.render.slurm import SlurmOptions, render_slurm
from sweep.config.load import load_config

# Options begin with a dash, and have their value after "=" or are followed by a word of their own.
SRUN = 'while [ "${1#-}" != "$1" ]; do shift; done; exec "$@"'
RAY = 'until [ "$1" = "--" ]; do shift; done; shift; "$@"; exit 0'  # 0, as it happens with Ray's
NO_RAY = "echo Ray did not start; exit 0"
STOPS = 'trap "exit 143" TERM; touch began; while :; do sleep 0.05; done'
HANGS = 'trap "" TERM; echo $$ > pid; mv pid began; while :; do sleep 0.05; done'


def begin(folder: Path, sweep: str, ray: str = RAY) -> subprocess.Popen[str]:
    """The job, begun; ``folder`` has what it wrote, ``asked`` what it asked of Slurm."""
    programs = {"srun": SRUN, "ray": ray, "sweep": sweep, "scontrol": 'echo "$@" >> asked'}
    for name, body in programs.items():
        (folder / name).write_text(f"#!/bin/bash\n{body}\n")
        (folder / name).chmod(0o755)
    options = SlurmOptions(setup="")  # the programs of the test's own PATH
    script = render_slurm(load_config("closed-form"), options, str(folder / "out"))
    (folder / "job.sh").write_text(script.replace("-gt 180", "-gt 2"))
    return subprocess.Popen(
        ["bash", "job.sh"],
        cwd=folder,
        env={"PATH": f"{folder}:{os.environ['PATH']}", "SLURM_JOB_ID": "12", "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def end(job: subprocess.Popen[str]) -> tuple[int, str]:
    said, _ = job.communicate(timeout=60)
    return job.returncode, said


def wait_for(file: Path) -> None:
    deadline = time.monotonic() + 30
    while not file.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("code", [0, 2, 3])
def test_the_job_ends_with_the_drivers_exit_code(tmp_path: Path, code: int) -> None:
    assert end(begin(tmp_path, f"exit {code}"))[0] == code
    assert not (tmp_path / "asked").exists()
    assert not list(tmp_path.glob("tmp.*")), "nothing is left behind"


@pytest.mark.parametrize(
    ("sweep", "number", "code", "again"),
    [
        (STOPS, signal.SIGUSR1, 143, True),  # near the time limit: it saves, and is queued again
        (STOPS, signal.SIGTERM, 143, False),  # told to stop: it saves, and is not queued again
        (
            STOPS.replace("143", "0"),
            signal.SIGUSR1,
            0,
            False,
        ),  # it ended just before the time limit
    ],
)
def test_a_signal_reaches_the_driver(
    tmp_path: Path, sweep: str, number: int, code: int, again: bool
) -> None:
    job = begin(tmp_path, sweep)
    wait_for(tmp_path / "began")
    job.send_signal(number)
    ended, said = end(job)
    assert ended == code and ("job 12 is queued again" in said) is again
    asked = tmp_path / "asked"
    assert asked.read_text() == "requeue 12\n" if again else not asked.exists()


def test_a_job_whose_driver_does_not_stop_is_queued_again_too(tmp_path: Path) -> None:
    """Its results are saved; at the time limit Slurm would kill the job and not queue it again."""
    job = begin(tmp_path, HANGS)
    wait_for(tmp_path / "began")
    job.send_signal(signal.SIGUSR1)
    try:
        wait_for(tmp_path / "asked")
        assert (tmp_path / "asked").read_text() == "requeue 12\n"
        assert job.wait(30) == 143
    finally:  # as Slurm does
        os.kill(int((tmp_path / "began").read_text()), signal.SIGKILL)


def test_a_ray_that_does_not_start_is_an_error(tmp_path: Path) -> None:
    """Ray's own exit code is 0 in this case."""
    code, said = end(begin(tmp_path, "exit 0", ray=NO_RAY))
    assert code == 5 and "Ray did not start on 2 node(s)" in said
