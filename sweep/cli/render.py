"""`sweep render slurm`, `sweep render kubernetes`."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from sweep.cli import Config, Settings
from sweep.errors import StorageError
from sweep.version import __version__

Options = TypeVar("Options")

app = typer.Typer(
    help="Write a batch script for Slurm, or a RayJob for Kubernetes.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

File = Annotated[
    Path | None, typer.Option("--out", help="file to write (default: standard output)")
]
Results = Annotated[
    str | None, typer.Option(help="folder for the results (default: <storage>/<name>)")
]
Cpus = Annotated[
    int | None, typer.Option(min=1, help="CPUs of a worker (default: what its trials take)")
]
Gpus = Annotated[
    int | None, typer.Option(min=0, help="GPUs of a node (default: what one trial takes)")
]


@app.command()
def slurm(
    ctx: typer.Context,
    config: Config,
    settings: Settings = None,
    out: File = None,
    results: Results = None,
    nodes: Annotated[int, typer.Option(min=1, help="nodes, each taken as a whole")] = 2,
    cpus: Annotated[int | None, typer.Option(min=1, help="CPUs of a node (default: all)")] = None,
    gpus: Gpus = None,
    time: Annotated[
        str, typer.Option(help="limit of a job, which then queues itself again")
    ] = "4:00:00",
    memory: Annotated[str, typer.Option(help="memory of a node, as in --mem; 0: all")] = "0",
    partition: Annotated[str | None, typer.Option(help="partition of the cluster")] = None,
    account: Annotated[str | None, typer.Option(help="account to charge")] = None,
    setup: Annotated[
        str | None,
        typer.Option(help="shell lines that put `sweep` on PATH (default: this environment)"),
    ] = None,
    grace: Annotated[int, typer.Option(help="seconds before the limit, for saving")] = 300,
) -> None:
    """Write a batch script that runs the sweep on a Ray cluster.

    The cluster lives as long as the job. The next job of the script continues the sweep.
    """
    from sweep.cluster.render.slurm import SlurmOptions, render_slurm
    from sweep.config.load import load_config, with_absolute_paths

    resolved = with_absolute_paths(load_config(config, settings or []))
    _write(render_slurm(resolved, _asked(SlurmOptions, ctx), results), out)


@app.command()
def kubernetes(
    ctx: typer.Context,
    config: Config,
    settings: Settings = None,
    out: File = None,
    results: Results = None,
    image: Annotated[
        str, typer.Option(help="image with prunesweep (see Dockerfile)")
    ] = f"prunesweep:{__version__}",
    workers: Annotated[int, typer.Option(min=1, help="pods that run trials")] = 2,
    min_workers: Annotated[
        int | None, typer.Option(min=0, help="if lower, Ray's autoscaler starts and ends pods")
    ] = None,
    cpus: Cpus = None,
    gpus: Gpus = None,
    memory: Annotated[str, typer.Option(help="memory of a worker")] = "16Gi",
    claim: Annotated[
        str | None, typer.Option(help="ReadWriteMany claim of the volume for results")
    ] = None,
    mount: Annotated[str, typer.Option(help="folder at which pods mount the claim")] = "/shared",
    secret: Annotated[str, typer.Option(help="secret with Ray's auth_token")] = "prunesweep-token",
    env_secret: Annotated[
        str | None, typer.Option(help="secret whose keys become environment variables")
    ] = None,
    service_account: Annotated[str | None, typer.Option(help="service account of the pods")] = None,
    namespace: Annotated[
        str | None, typer.Option(help="namespace (default: that of kubectl)")
    ] = None,
    gpu_resource: Annotated[str, typer.Option(help="name of the GPU resource")] = "nvidia.com/gpu",
    retries: Annotated[int, typer.Option(min=0, help="new clusters after a lost head node")] = 3,
) -> None:
    """Write a RayJob of KubeRay that runs the sweep.

    It makes a Ray cluster, runs the sweep there, and takes the cluster down.
    """
    from sweep.cluster.render.kubernetes import KubernetesOptions, render_kubernetes
    from sweep.config.load import load_config

    asked = _asked(KubernetesOptions, ctx)
    _write(render_kubernetes(load_config(config, settings or []), asked, results), out)


def _asked(kind: Callable[..., Options], ctx: typer.Context) -> Options:
    """An object of the dataclass ``kind``, from the options of the same names."""
    return kind(**{name: ctx.params[name] for name in inspect.signature(kind).parameters})


def _write(text: str, file: Path | None) -> None:
    """Write to a file or to standard output. Raises StorageError for a file that fails."""
    if file is None:
        print(text, end="")
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"cannot write {file}: {error.strerror or error}") from error
    print(f"wrote {file}; its first lines say how to use it", file=sys.stderr)
