"""A batch script for Slurm: a Ray cluster for the time of a job, with `ray symmetric-run`.

What is known to go wrong with `ray symmetric-run` in ray 2.60, and what the script does about it:

- It exits 0 where Ray did not start, and a worker exits 0 or not as it happens: the script goes by
  the driver's own exit code, and by nothing where there is none.
- A worker goes ahead as soon as gcs_server answers, fails where the head's own node has not joined
  by then, and never tries again, so that all wait for it in vain: the script has it try again.
- It waits 30 s for the nodes, too short for Python on a shared file system: the wait is longer.
- A head whose name resolves to loopback (Debian's 127.0.1.1) is no head at all where several nodes
  are asked for, and all wait: the script finds an address that others can reach.
- Ray counts the CPUs and GPUs of the machine, not of the job: it is told both.
- A signal to the job's step would end Ray together with the driver: the batch shell takes it
  (``--signal=B:``), and tells the driver alone.
- It ends with `ray stop`, which ends all of this user's Ray on a node, and refuses to begin where
  any Ray runs: nodes are taken whole (``--exclusive``), with a folder of the job's own.
- Neither it nor `ray start` makes a token: the script makes one a job, and hands it on in the
  environment, so that nobody else on the network can have Ray run what they like.
"""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from sweep.cluster.render import fill
from sweep.cluster.render.checks import (
    Time,
    Word,
    check_line,
    check_options,
    check_room,
    gpus_of_a_node,
)
from sweep.config import SweepConfig
from sweep.config.plan import results_path
from sweep.config.text import dump_yaml
from sweep.errors import UsageError
from sweep.version import __version__

LEAST_GRACE = 180
"""Seconds: the driver saves within a minute, and Ray's nodes leave within another."""


@dataclass(frozen=True)
class SlurmOptions:
    """What to ask Slurm for. Of a node: ``cpus``, None: all; ``gpus``, None: what a trial takes."""

    nodes: int = 2
    cpus: int | None = None
    gpus: int | None = None
    time: Time = "4:00:00"
    memory: Word = "0"  # all that a node has
    partition: Word | None = None
    account: Word | None = None
    setup: str | None = None  # shell lines; None: those of this environment
    grace: int = 300  # seconds ahead of the time limit at which the driver is told to save


def this_environment() -> str:
    """The shell line that puts this environment's commands on PATH."""
    return f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"'


def render_slurm(config: SweepConfig, options: SlurmOptions, out: str | None) -> str:
    """The batch script of a sweep that keeps its results in ``out``.

    ``out`` is a folder or an address in an object store; None: the config's. ``config`` is written
    into the script as it is, so that what the job does, when it is queued again too, does not
    change with the file. Raises :class:`~sweep.errors.UsageError` for options that Slurm would not
    take.
    """
    check_options(options)
    if options.grace < LEAST_GRACE:
        raise UsageError(f"--grace must be at least {LEAST_GRACE} seconds; got {options.grace}")
    place = out or results_path(config)
    if "://" not in place:
        place = str(Path(place).resolve())
    check_line("--results", place)
    gpus = gpus_of_a_node(config.resources, options.gpus)
    check_room(config.resources, options.cpus, gpus)
    return fill(
        "slurm.sh",
        name=config.name,
        config=dump_yaml(config),
        out=shlex.quote(place),
        options=options,
        setup=this_environment() if options.setup is None else options.setup,
        gpus=gpus,
        version=__version__,
    )
