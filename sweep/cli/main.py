"""The `sweep` command; `python -m sweep.cli.main` where it is not on PATH, as in a cluster's job.

Nothing heavy is imported before a command needs it.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer

from sweep.cli import Address, Config, Folder, Json, Out, Settings
from sweep.cli.config import check, init, schema, trial
from sweep.cli.export import export, export_study
from sweep.cli.launch import launch, logs, stop
from sweep.cli.render import app as render
from sweep.cluster.log import log_to_terminal
from sweep.errors import StorageError, SweepError
from sweep.ledger.store import store_at
from sweep.version import __version__

app = typer.Typer(
    name="sweep",
    help="How far can this transformer be pruned? Finds the sparsity-accuracy front.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.add_typer(render, name="render")


def main() -> None:
    """Entry point: a user's mistake is a sentence on standard error and its exit code."""
    # Threads of torch that spin while they wait get in each other's way as soon as anything else
    # runs on the machine: an epoch of small layers took 22 times as long. Workers inherit it.
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
    """Run a whole sweep, on this machine or on a Ray cluster."""
    from sweep.cli.run import begin

    begin(config, settings or [], out, address)


def resume(
    folder: Folder,
    trials: Annotated[int | None, typer.Option(min=1, help="go on to so many in all")] = None,
    address: Address = None,
) -> None:
    """Go on after a crash or an interrupt, or extend a finished sweep."""
    from sweep.cli.run import go_on

    go_on(folder, trials, address)


def status(
    folder: Annotated[
        Any,
        typer.Argument(
            parser=store_at, metavar="DIR", help="a sweep's folder; with --address, its name"
        ),
    ],
    as_json: Json = False,
    address: Annotated[str | None, typer.Option(help="Jobs API that it was launched to")] = None,
) -> None:
    """Progress, the front so far, what failed."""
    if address is not None:
        from sweep.cli.launch import show_job

        show_job(str(folder), address, as_json)
        return
    from sweep.cli.results import show_status

    show_status(folder, as_json)


def front(
    folder: Folder,
    min_sparsity: Annotated[float | None, typer.Option(help="at least this, in [0, 1)")] = None,
    max_drop: Annotated[float | None, typer.Option(help="accuracy below dense, 0.01: 1 pt")] = None,
    knee: Annotated[bool, typer.Option(help="the point where the front bends most")] = False,
    as_json: Json = False,
) -> None:
    """The Pareto front, or the points of it that answer a question."""
    from sweep.cli.results import show_front

    show_front(folder, min_sparsity, max_drop, knee, as_json)


def confirm(
    folder: Folder,
    seeds: Annotated[int, typer.Option(min=1, help="fresh seeds in all, for each point")] = 3,
    runners_up: Annotated[int, typer.Option(min=0, help="of the second front, nearest first")] = 3,
    address: Address = None,
) -> None:
    """The front on the test set, retrained under fresh seeds."""
    from sweep.cli.run import confirm as confirm_folder

    confirm_folder(folder, seeds, runners_up, address)


def report(
    folders: Annotated[list[str], typer.Argument(metavar="DIR...", help="sweeps' folders")],
    out: Annotated[
        Any,
        typer.Option(
            parser=store_at,
            metavar="DIR",
            help="where to write [the sweep's folder; report, where several are compared]",
        ),
    ] = None,
) -> None:
    """Write report.html, report.md, figures and tables; several sweeps are compared."""
    from sweep.cli.results import write_reports

    write_reports(folders, out)


def version() -> None:
    """Print the version."""
    print(__version__)


for command in (
    *(init, schema, check, trial, run, resume),
    *(launch, logs, stop, status),
    *(front, confirm, export, export_study, report, version),
):
    app.command()(command)


if __name__ == "__main__":
    main()
