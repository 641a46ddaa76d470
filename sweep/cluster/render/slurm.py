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
from typing import TYPE_CHECKING, Annotated

import typer

from sweep.cluster.render import fill
from sweep.cluster.render.checks import (
    TIME,
    WORD,
    Gpus,
    check_line,
    check_options,
    gpus_of_node,
)
from sweep.errors import UsageError
from sweep.version import __version__

if TYPE_CHECKING:
    from sweep.config import SweepConfig


@dataclass(frozen=True)
class SlurmOptions:
    """What to ask Slurm for. Each field is an option of `sweep render slurm`."""

    nodes: Annotated[int, typer.Option(min=1, help="nodes, each taken as a whole")] = 2
    cpus: Annotated[int | None, typer.Option(min=1, help="CPUs of a node (default: all)")] = None
    gpus: Gpus = None
    time: Annotated[
        str, TIME, typer.Option(help="limit of a job, which then queues itself again")
    ] = "4:00:00"
    memory: Annotated[str, WORD, typer.Option(help="memory of a node, as in --mem; 0: all")] = "0"
    partition: Annotated[str | None, WORD, typer.Option(help="partition of the cluster")] = None
    account: Annotated[str | None, WORD, typer.Option(help="account to charge")] = None
    setup: Annotated[
        str | None,
        typer.Option(help="shell lines that put `sweep` on PATH (default: this environment)"),
    ] = None
    grace: Annotated[int, typer.Option(help="seconds before the limit, for saving")] = 300


def render_slurm(config: SweepConfig, options: SlurmOptions, out: str | None) -> str:
    """The batch script of a sweep that writes its results to ``out``.

    ``out`` is a folder or an address in an object store; None stands for the config's storage. The
    script contains the resolved ``config``, so that the job does not change with the config file,
    even when it is queued again. Raises :class:`~sweep.errors.UsageError` for options that Slurm
    would refuse.
    """
    from sweep.config.load import with_absolute_paths
    from sweep.config.plan import results_path
    from sweep.config.text import dump_yaml

    check_options(options)
    if options.grace < 180:  # a minute for the driver, and a minute for Ray's nodes
        raise UsageError(f"--grace must be at least 180 seconds; got {options.grace}")
    place = out or results_path(config)
    if "://" not in place:
        place = str(Path(place).resolve())
    check_line("--results", place)
    here = shlex.quote(str(Path(sys.executable).parent))
    return fill(
        "slurm.sh",
        name=config.name,
        config=dump_yaml(with_absolute_paths(config)),
        out=shlex.quote(place),
        options=options,
        setup=f'export PATH={here}:"$PATH"' if options.setup is None else options.setup,
        gpus=gpus_of_node(config.resources, options.cpus, options.gpus),
        version=__version__,
    )
