"""A batch script for Slurm: a Ray cluster for the time of a job, with `ray symmetric-run`.

These are the known problems of `ray symmetric-run` in ray 2.60, and how the script solves them:

- It exits 0 if Ray did not start, and the exit code of a worker is arbitrary. The script uses the
  driver's own exit code, and treats a missing code as a failure.
- A worker starts as soon as gcs_server answers. If the head's own node has not joined by then, the
  worker fails and never retries, and all others wait for it. The script retries it.
- It waits 30 s for the nodes, which is too short for Python on a shared file system. The script
  sets a longer wait.
- If the head's name resolves to a loopback address (127.0.1.1 on Debian) and there are several
  nodes, no head starts, and all nodes wait. The script finds an address that the others can reach.
- Ray counts the CPUs and GPUs of the machine, not those of the job. The script passes both numbers.
- A signal to the job's step would end Ray together with the driver. The batch shell receives it
  (``--signal=B:``), and signals only the driver.
- It ends with `ray stop`, which ends all of this user's Ray processes on a node, and it does not
  start where Ray runs already. The job takes whole nodes (``--exclusive``) and has its own folder.
- Neither it nor `ray start` makes a token. The script makes a token for each job and passes it on
  in the environment, so that nobody else on the network can run code on the cluster.
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


@dataclass(frozen=True)
class SlurmOptions:
    """What to ask Slurm for. ``cpus`` and ``gpus`` are those of one node.

    If ``cpus`` is None, all CPUs of a node are used; if ``gpus`` is None, the GPUs of one trial.
    """

    nodes: int = 2
    cpus: int | None = None
    gpus: int | None = None
    time: Time = "4:00:00"
    memory: Word = "0"  # all memory of a node
    partition: Word | None = None
    account: Word | None = None
    setup: str | None = None  # shell lines; None: put this environment's commands on PATH
    grace: int = 300  # how many seconds before the time limit the driver is signalled


def render_slurm(config: SweepConfig, options: SlurmOptions, out: str | None) -> str:
    """The batch script of a sweep that writes its results to ``out``.

    ``out`` is a folder or an address in an object store; None stands for the config's storage. The
    script contains the resolved ``config``, so that the job does not change with the config file,
    even when it is queued again. Raises :class:`~sweep.errors.UsageError` for options that Slurm
    would refuse.
    """
    check_options(options)
    if options.grace < 180:  # a minute for the driver, and a minute for Ray's nodes
        raise UsageError(f"--grace must be at least 180 seconds; got {options.grace}")
    place = out or results_path(config)
    if "://" not in place:
        place = str(Path(place).resolve())
    check_line("--results", place)
    gpus = gpus_of_a_node(config.resources, options.gpus)
    check_room(config.resources, options.cpus, gpus)
    here = shlex.quote(str(Path(sys.executable).parent))
    return fill(
        "slurm.sh",
        name=config.name,
        config=dump_yaml(config),
        out=shlex.quote(place),
        options=options,
        setup=f'export PATH={here}:"$PATH"' if options.setup is None else options.setup,
        gpus=gpus,
        version=__version__,
    )
