"""`sweep render slurm`, `sweep render kubernetes`: a command for each dataclass of options."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from sweep.cli import Config, Settings
from sweep.cluster.render.kubernetes import KubernetesOptions, render_kubernetes
from sweep.cluster.render.slurm import SlurmOptions, render_slurm
from sweep.ledger.files import write_text
from sweep.ledger.store import errors_of

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


def _add(name: str, kind: type[Any], render: Callable[..., str], text: str) -> None:
    """Add a command that renders a config; the fields of the dataclass ``kind`` are its options."""

    def command(
        config: Config,
        settings: Settings = None,
        out: File = None,
        results: Results = None,
        **options: Any,
    ) -> None:
        from sweep.config.load import load_config

        _write(render(load_config(config, settings or []), kind(**options), results), out)

    *own, _ = inspect.signature(command, eval_str=True).parameters.values()
    fields = inspect.signature(kind, eval_str=True).parameters.values()
    # Typer reads the options of a command from its signature.
    command.__signature__ = inspect.Signature([*own, *fields])  # type: ignore[attr-defined]
    app.command(name, help=text)(command)


_add(
    "slurm",
    SlurmOptions,
    render_slurm,
    "Write a batch script that runs the sweep on a Ray cluster.\n\n"
    "The cluster lives as long as the job. The next job of the script continues the sweep.",
)
_add(
    "kubernetes",
    KubernetesOptions,
    render_kubernetes,
    "Write a RayJob of KubeRay that runs the sweep.\n\n"
    "It makes a Ray cluster, runs the sweep there, and takes the cluster down.",
)


def _write(text: str, file: Path | None) -> None:
    """Write to a file or to standard output. Raises StorageError for a file that fails."""
    if file is None:
        print(text, end="")
        return
    with errors_of("write", file):
        write_text(file, text)
    print(f"wrote {file}; its first lines say how to use it", file=sys.stderr)
