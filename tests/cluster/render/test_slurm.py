"""The batch script: what Slurm reads of it, what a shell makes of it, and what it refuses.

`benchmarks.batch_script` runs one, on machines of its own, with `ray symmetric-run`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from sweep.cluster.render.slurm import SlurmOptions, render_slurm
from sweep.config import SweepConfig
from sweep.config.load import load_config
from sweep.errors import UsageError
from tests.harness.command import Command, assert_refused

GPUS = SlurmOptions(
    nodes=3,
    cpus=16,
    gpus=2,
    time="1-00:00:00",
    memory="64G",
    partition="gpu",
    account="lab",
    setup="true",
)


def config(*settings: str) -> SweepConfig:
    return load_config("closed-form", list(settings))


def asked(script: str) -> dict[str, str]:
    """The options that sbatch reads: up to the first line that is a command."""
    head = script.split("\n\n")[0]
    found = re.findall(r"^#SBATCH --([a-z-]+)(?:=(.*))?$", head, flags=re.MULTILINE)
    assert len(found) == script.count("#SBATCH"), "sbatch reads none after the first command"
    return dict(found)


def test_the_options_for_slurm() -> None:
    assert asked(render_slurm(config("resources.gpu=0.5"), GPUS, "/out")) == {
        "job-name": "closed-form",
        "output": "closed-form-%j.log",
        "open-mode": "append",
        "nodes": "3",
        "ntasks-per-node": "1",
        "cpus-per-task": "16",
        "gpus-per-node": "2",
        "mem": "64G",
        "partition": "gpu",
        "account": "lab",
        "time": "1-00:00:00",
        "signal": "B:USR1@300",
        "requeue": "",
        "exclusive": "",
    }


WHOLE = ("--cpu-bind=none", '--num-cpus="$SLURM_CPUS_ON_NODE"', "#SBATCH --mem=0\n", "--num-gpus=0")
UNASKED = ("gpus-per-node", "cpus-per-task", "--partition", "--account")


@pytest.mark.parametrize(
    ("options", "gpu", "has", "lacks"),
    [
        (SlurmOptions(), 0, WHOLE, UNASKED),  # nodes are taken whole unless said otherwise
        (GPUS, 0, ("--cpus-per-task=16 \\\n", "--num-cpus=16 "), ("--cpu-bind",)),
        (SlurmOptions(), 0.25, ("--num-gpus=1", "#SBATCH --gpus-per-node=1\n"), ()),
        (SlurmOptions(nodes=1), 0, (), ("--min-nodes",)),  # it waits for no other
        (SlurmOptions(nodes=4), 0, ("--min-nodes 4",), ()),
    ],
)
def test_each_node_runs_ray_with_the_given_options(
    options: SlurmOptions, gpu: float, has: tuple[str, ...], lacks: tuple[str, ...]
) -> None:
    script = render_slurm(config(f"resources.gpu={gpu}"), options, "/out")
    assert [word for word in has if word not in script] == []
    assert [word for word in lacks if word in script] == []


@pytest.mark.parametrize("options", [SlurmOptions(nodes=1), GPUS])
def test_a_shell_can_read_it(options: SlurmOptions, tmp_path: Path) -> None:
    script = tmp_path / "job.sh"
    script.write_text(render_slurm(config(), options, "/a folder; with 'signs' $(in it)"))
    subprocess.run(["bash", "-n", script], check=True)
    if shutil.which("shellcheck"):
        subprocess.run(["shellcheck", "--severity=warning", script], check=True)


def test_the_files_that_the_job_writes(tmp_path: Path) -> None:
    """Run the two here-documents: the config is the one given, the folder one word."""
    strange = "/a folder; $(touch harm) 'x'"
    script = render_slurm(config("search.trials=7"), SlurmOptions(), strange)
    part = script[script.index("cat > ") : script.index("tell_driver()")]
    subprocess.run(["bash", "-c", f"work={tmp_path}\n{part}"], check=True, cwd=tmp_path)
    given = SweepConfig.model_validate(yaml.safe_load((tmp_path / "config.yaml").read_text()))
    assert given == config("search.trials=7")
    sweep = tmp_path / "sweep"
    sweep.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > args\nexit 3\n')
    sweep.chmod(0o755)
    ended = subprocess.run(
        ["bash", "driver", str(tmp_path), "10.0.0.1:6379"],
        cwd=tmp_path,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
    )
    assert ended.returncode == 3 and (tmp_path / "code").read_text() == "3\n"
    words = (tmp_path / "args").read_text().splitlines()
    expected = ["run", f"{tmp_path}/config.yaml", "--out", strange, "--address", "10.0.0.1:6379"]
    assert words == expected and not (tmp_path / "harm").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (SlurmOptions(time="tomorrow"), ("--time", "'tomorrow'", "4:00:00")),
        (SlurmOptions(partition="a b"), ("--partition", "'a b'", "letters, digits")),
        (SlurmOptions(account="x\n#SBATCH --nodes=9"), ("--account",)),
        (SlurmOptions(memory="$(x)"), ("--memory",)),
        (SlurmOptions(grace=10), ("--grace", "180", "10")),
        (SlurmOptions(cpus=1), ("resources", "--cpus")),
    ],
)
def test_malformed_options_are_refused(options: SlurmOptions, words: tuple[str, ...]) -> None:
    with pytest.raises(UsageError) as refused:
        render_slurm(config("resources.cpu=2"), options, "/out")
    assert all(word in str(refused.value) for word in words)
    with pytest.raises(UsageError, match="--results"):
        render_slurm(config(), SlurmOptions(), "/out\nrm -rf .")


def test_the_command_writes_a_file(tmp_path: Path, cli: Command) -> None:
    file = tmp_path / "job.sh"
    done = cli("render", "slurm", "closed-form", "search.trials=3", "--out", file)
    assert done.code == 0 and done.out == "" and str(file) in done.err
    script = file.read_text()
    assert "trials: 3" in script and "export PATH=" in script
    assert f"--out {Path('results/closed-form').resolve()}" in script
    assert "TOKEN=$(" in script, "the token is made in the job, not written down"


def test_the_command_prints_the_error(cli: Command) -> None:
    assert_refused(cli("render", "slurm", "closed-form", "--time", "x"), 2, "--time")
    assert_refused(cli("render", "slurm", "closed-form", "search.trails=3"), 2, "trails")
    assert_refused(cli("render", "slurm", "digits", "--out", "/proc/x"), 6, "cannot write")
