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
IMAGE = f"prunesweep:{__version__}"

app = typer.Typer(
    help="Write a sweep as a batch script for Slurm, or a RayJob for Kubernetes.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

File = Annotated[Path | None, typer.Option("--out", help="file to write [standard output]")]
Results = Annotated[
    str | None, typer.Option(help="where results go (default: <storage>/<name> of the config)")
]
Cpus = Annotated[int | None, typer.Option(min=1, help="of a worker [what its trials take]")]
Gpus = Annotated[int | None, typer.Option(min=0, help="of a node [what one trial takes]")]


@app.command()
def slurm(
    ctx: typer.Context,
    config: Config,
    settings: Settings = None,
    out: File = None,
    results: Results = None,
    nodes: Annotated[int, typer.Option(min=1, help="taken whole")] = 2,
    cpus: Annotated[int | None, typer.Option(min=1, help="of a node [all]")] = None,
    gpus: Gpus = None,
    time: Annotated[str, typer.Option(help="a job's limit; it queues itself again")] = "4:00:00",
    memory: Annotated[str, typer.Option(help="of a node, as of --mem; 0: all")] = "0",
    partition: Annotated[str | None, typer.Option(help="of the cluster")] = None,
    account: Annotated[str | None, typer.Option(help="to be charged")] = None,
    setup: Annotated[
        str | None, typer.Option(help="shell lines that put `sweep` on PATH [this environment's]")
    ] = None,
    grace: Annotated[int, typer.Option(help="seconds to save in, before the limit")] = 300,
) -> None:
    """A batch script: a Ray cluster for the time of a job, which goes on in the next."""
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
    image: Annotated[str, typer.Option(help="with prunesweep (see Dockerfile)")] = IMAGE,
    workers: Annotated[int, typer.Option(min=1, help="pods that run trials")] = 2,
    min_workers: Annotated[
        int | None, typer.Option(min=0, help="fewer: Ray's autoscaler starts and ends pods")
    ] = None,
    cpus: Cpus = None,
    gpus: Gpus = None,
    memory: Annotated[str, typer.Option(help="of a worker")] = "16Gi",
    claim: Annotated[str | None, typer.Option(help="ReadWriteMany volume for results")] = None,
    mount: Annotated[str, typer.Option(help="where pods see the claim")] = "/shared",
    secret: Annotated[str, typer.Option(help="with Ray's auth_token")] = "prunesweep-token",
    env_secret: Annotated[
        str | None, typer.Option(help="whose keys become variables (AWS_ACCESS_KEY_ID, ...)")
    ] = None,
    service_account: Annotated[str | None, typer.Option(help="of the pods")] = None,
    namespace: Annotated[str | None, typer.Option(help="default: kubectl's")] = None,
    gpu_resource: Annotated[str, typer.Option(help="GPUs' name there")] = "nvidia.com/gpu",
    retries: Annotated[int, typer.Option(min=0, help="new clusters where a head is lost")] = 3,
) -> None:
    """A KubeRay RayJob, which makes a Ray cluster, runs the sweep and takes it down."""
    from sweep.cluster.render.kubernetes import KubernetesOptions, render_kubernetes
    from sweep.config.load import load_config

    asked = _asked(KubernetesOptions, ctx)
    _write(render_kubernetes(load_config(config, settings or []), asked, results), out)


def _asked(kind: Callable[..., Options], ctx: typer.Context) -> Options:
    """The command's options, by their names as the dataclass ``kind`` has them."""
    return kind(**{name: ctx.params[name] for name in inspect.signature(kind).parameters})


def _write(text: str, file: Path | None) -> None:
    """To a file, or to standard output; StorageError where the file cannot be written."""
    if file is None:
        print(text, end="")
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"cannot write {file}: {error.strerror or error}") from error
    print(f"wrote {file}; its first lines say how to use it", file=sys.stderr)
