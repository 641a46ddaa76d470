"""The `sweep` command: its entry point, and the commands that need only a few lines.

Where `sweep` is not on PATH, as in a job on a cluster, `python -m sweep.cli.main` is the same
command. Heavy packages are imported only by the commands that need them.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from sweep.cli import Address, Config, Folder, Json, Out, Settings
from sweep.cli.config import check, init, schema, trial
from sweep.cli.export import export, export_study
from sweep.cli.launch import launch, logs, stop
from sweep.cli.plugins import plugins
from sweep.cli.render import app as render
from sweep.cluster.log import log_to_terminal
from sweep.errors import StorageError, SweepError
from sweep.ledger.store import store_at
from sweep.version import __version__

WORKFLOW = (
    *("init", "schema", "check", "trial"),
    *("run", "resume", "status", "front", "confirm", "report", "export"),
    *("launch", "logs", "stop", "render"),
    *("export-study", "plugins", "version"),
)
"""All commands, in the order in which a user needs them."""


class InWorkflowOrder(TyperGroup):
    """Lists the commands in the order of :data:`WORKFLOW`; Typer lists groups last."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """The names of the commands."""
        return sorted(self.commands, key=WORKFLOW.index)


app = typer.Typer(
    name="sweep",
    cls=InWorkflowOrder,
    help="Search how far a transformer can be pruned: the sparsity-accuracy front.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.add_typer(render, name="render")


def main() -> None:
    """Run the command. A mistake of the user is one sentence on standard error and an exit code."""
    # By default the threads of torch spin while they wait, and disturb each other as soon as
    # anything else runs on the machine: an epoch of small layers took 22 times as long. Workers
    # inherit the setting.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    log_to_terminal()
    try:
        app()
    except SweepError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(StorageError.exit_code)


def run(
    config: Config, settings: Settings = None, out: Out = None, address: Address = None
) -> None:
    """Run a sweep, on this machine or on a Ray cluster."""
    from sweep.cli.run import begin

    begin(config, settings or [], out, address)


def resume(
    folder: Folder,
    trials: Annotated[int | None, typer.Option(min=1, help="new number of trials in all")] = None,
    address: Address = None,
) -> None:
    """Continue an interrupted sweep, or extend a finished one."""
    from sweep.cli.run import go_on

    go_on(folder, trials, address)


def status(
    folder: Annotated[
        Any,
        typer.Argument(
            parser=store_at, metavar="DIR", help="folder of a sweep; with --address, its name"
        ),
    ],
    as_json: Json = False,
    address: Annotated[
        str | None, typer.Option(help="Jobs API to which the sweep was launched")
    ] = None,
) -> None:
    """Show the progress, the front so far, and failures."""
    if address is not None:
        from sweep.cli.launch import show_job

        show_job(str(folder), address, as_json)
        return
    from sweep.cli.results import show_status

    show_status(folder, as_json)


def front(
    folder: Folder,
    min_sparsity: Annotated[float | None, typer.Option(help="lowest sparsity, in [0, 1)")] = None,
    max_drop: Annotated[
        float | None, typer.Option(help="largest drop below dense (0.01: 1 point)")
    ] = None,
    knee: Annotated[bool, typer.Option(help="the point where the front bends most")] = False,
    as_json: Json = False,
) -> None:
    """Show the Pareto front, or the points that meet conditions."""
    from sweep.cli.results import show_front

    show_front(folder, min_sparsity, max_drop, knee, as_json)


def confirm(
    folder: Folder,
    seeds: Annotated[int, typer.Option(min=1, help="fresh seeds for each point, in all")] = 3,
    runners_up: Annotated[
        int, typer.Option(min=0, help="points of the second front, nearest first")
    ] = 3,
    address: Address = None,
) -> None:
    """Evaluate the front on test, retrained under fresh seeds."""
    from sweep.cli.run import confirm as confirm_folder

    confirm_folder(folder, seeds, runners_up, address)


def report(
    folders: Annotated[list[str], typer.Argument(metavar="DIR...", help="folders of sweeps")],
    out: Annotated[
        Any,
        typer.Option(
            parser=store_at,
            metavar="DIR",
            help="folder to write (default: the sweep's own; ./report for several)",
        ),
    ] = None,
) -> None:
    """Write the report, figures and tables. Several sweeps are compared."""
    from sweep.cli.results import write_reports

    write_reports(folders, out)


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


if __name__ == "__main__":
    main()
