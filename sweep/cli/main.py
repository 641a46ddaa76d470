"""The `sweep` command: its entry point, and the list of its commands.

Where `sweep` is not on PATH, as in a job on a cluster, `python -m sweep.cli.main` is the same
command. Heavy packages are imported only by the commands that need them.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from typer.core import TyperGroup

from sweep.cli import say
from sweep.cli.config import check, init, schema, trial
from sweep.cli.export import export, export_study
from sweep.cli.launch import launch, logs, status, stop
from sweep.cli.plugins import plugins
from sweep.cli.render import app as render
from sweep.cli.results import front, report
from sweep.cli.run import confirm, resume, run
from sweep.cluster.log import log_to_terminal
from sweep.errors import Interrupted, StorageError, SweepError
from sweep.printable import printable_streams
from sweep.version import __version__


class InWorkflowOrder(TyperGroup):
    """Lists the commands in the order in which a user needs them; Typer lists groups last."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        names = list(self.commands)
        names.insert(names.index("stop") + 1, names.pop(names.index("render")))
        return names


app = typer.Typer(
    name="sweep",
    cls=InWorkflowOrder,
    help="Search how far a transformer can be pruned: the sparsity-accuracy front.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def main() -> None:
    """Run the command. A mistake of the user is one sentence on standard error and an exit code."""
    # sweep.api.wait_passively says why. It is set here before any command can import torch.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    log_to_terminal()
    is_closed = sys.stdout is None
    with printable_streams():
        try:
            if is_closed:
                raise StorageError("standard output is closed; redirect it, maybe to /dev/null")
            try:
                app()
            finally:
                sys.stdout.flush()
        except SweepError as error:
            say(str(error) if isinstance(error, Interrupted) else f"error: {error}")
            sys.exit(error.exit_code)
        except KeyboardInterrupt:
            sys.exit(130)
        except OSError as error:
            what = f"cannot use {error.filename}" if error.filename else "a file cannot be used"
            say(f"error: {what}: {error.strerror or error}")
            sys.exit(StorageError.exit_code)


def version() -> None:
    """Print the version."""
    print(__version__)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        version()
        raise typer.Exit


@app.callback()
def options(
    is_version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Options of `sweep` itself."""


for command in (
    *(init, schema, check, trial, run, resume, status, front, confirm, report, export),
    *(launch, logs, stop, export_study, plugins, version),
):
    app.command()(command)
app.add_typer(render, name="render")


if __name__ == "__main__":
    main()
