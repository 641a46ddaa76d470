"""The `sweep` command; `python -m sweep.cli.main` where it is not on PATH, as in a cluster's job.

Nothing heavy is imported before a command needs it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from sweep import __version__
from sweep.cli.render import Config, Settings
from sweep.cli.render import app as render
from sweep.cluster.log import log_to_terminal
from sweep.errors import StorageError, SweepError
from sweep.ledger.store import store_at

app = typer.Typer(
    name="sweep",
    help="How far can this transformer be pruned? Finds the sparsity-accuracy front.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.add_typer(render, name="render")

Json = Annotated[bool, typer.Option("--json", help="one JSON document on standard output")]
# A folder, or an address in an object store: a Store is a protocol: no type for typer.
Folder = Annotated[
    Any, typer.Argument(parser=store_at, metavar="DIR", help="a sweep's folder, or s3://bucket/...")
]
Out = Annotated[
    Any,
    typer.Option(
        "--out",
        parser=store_at,
        metavar="DIR",
        help="folder, or s3://bucket/... (default: <storage>/<name>)",
    ),
]
Address = Annotated[str | None, typer.Option(help="a Ray cluster (default: RAY_ADDRESS, or here)")]
Jobs = Annotated[str, typer.Option("--address", help="the cluster's Jobs API: http://HOST:8265")]
JobName = Annotated[str, typer.Argument(help="a sweep's name, or a job's id")]


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


@app.command()
def init(path: Annotated[Path, typer.Argument(help="where to write")] = Path("sweep.yaml")) -> None:
    """Write a commented starter config."""
    from sweep.cli.config import write_starter

    write_starter(path)


@app.command()
def schema() -> None:
    """Print the JSON schema of a config, for editors."""
    from sweep.cli.config import print_schema

    print_schema()


@app.command()
def check(config: Config, settings: Settings = None, as_json: Json = False) -> None:
    """Validate a config and print the resolved plan; changes nothing."""
    from sweep.cli.config import check_config

    check_config(config, settings or [], as_json)


@app.command()
def trial(
    config: Config,
    settings: Settings = None,
    split: Annotated[str, typer.Option(help="validation or test")] = "validation",
    as_json: Json = False,
) -> None:
    """One prune-and-recover trial here, without Ray: the tutorial's five steps."""
    from sweep.cli.config import run_trial

    run_trial(config, settings or [], split, as_json)


@app.command()
def run(
    config: Config, settings: Settings = None, out: Out = None, address: Address = None
) -> None:
    """Run a whole sweep, on this machine or on a Ray cluster."""
    from sweep.cli.run import begin

    begin(config, settings or [], out, address)


@app.command()
def resume(
    folder: Folder,
    trials: Annotated[int | None, typer.Option(min=1, help="go on to so many in all")] = None,
    address: Address = None,
) -> None:
    """Go on after a crash or an interrupt, or extend a finished sweep."""
    from sweep.cli.run import go_on

    go_on(folder, trials, address)


@app.command()
def launch(
    config: Config,
    jobs: Jobs,
    settings: Settings = None,
    out: Annotated[
        str | None,
        typer.Option("--out", help="shared folder, or s3://... (default: <storage>/<name>)"),
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="submit, and do not follow")] = False,
    python: Annotated[str, typer.Option(help="the command on the head")] = "python",
) -> None:
    """Run a sweep as a Ray job on a cluster, and follow it; again: join it, or go on with it."""
    from sweep.cli.launch import launch as launch_sweep

    launch_sweep(config, settings or [], jobs, out, detach, python)


@app.command()
def logs(
    name: JobName,
    jobs: Jobs,
    follow: Annotated[bool, typer.Option("--follow", help="until it ends")] = False,
) -> None:
    """What a launched sweep prints."""
    from sweep.cli.launch import show_logs

    show_logs(name, jobs, follow)


@app.command()
def stop(name: JobName, jobs: Jobs) -> None:
    """Stop a launched sweep; its state is saved."""
    from sweep.cli.launch import stop as stop_sweep

    stop_sweep(name, jobs)


@app.command()
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


@app.command()
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


@app.command()
def confirm(
    folder: Folder,
    seeds: Annotated[int, typer.Option(min=1, help="fresh seeds in all, for each point")] = 3,
    runners_up: Annotated[int, typer.Option(min=0, help="of the second front, nearest first")] = 3,
    address: Address = None,
) -> None:
    """The front on the test set, retrained under fresh seeds."""
    from sweep.cli.run import confirm as confirm_folder

    confirm_folder(folder, seeds, runners_up, address)


@app.command()
def export(
    folder: Folder,
    to: Annotated[str, typer.Option(metavar="DIR", help="the new folder")],
    trial_id: Annotated[str | None, typer.Option("--trial", help="a trial of the sweep")] = None,
    epoch: Annotated[int | None, typer.Option(min=0, help="of --trial (default: its best)")] = None,
    knee: Annotated[bool, typer.Option(help="the point where the front bends most")] = False,
    max_drop: Annotated[float | None, typer.Option(help="the sparsest within this drop")] = None,
    min_sparsity: Annotated[float | None, typer.Option(help="the most accurate from this")] = None,
    may_differ: Annotated[
        int, typer.Option(min=0, help="examples that may be answered otherwise than recorded")
    ] = 0,
    onnx: Annotated[
        bool, typer.Option("--onnx", help="model.onnx too (an optional extra)")
    ] = False,
) -> None:
    """Hand a point of the front over as a Hugging Face folder, checked."""
    from sweep.cli.export import export_point
    from sweep.export.point import Question

    question = Question(trial_id, epoch, knee, max_drop, min_sparsity)
    export_point(folder, to, question, may_differ, onnx)


@app.command("export-study")
def export_study(
    folder: Folder,
    to: Annotated[
        Path | None, typer.Option(help="new file: .db (SQLite) or .log (journal) [FOLDER/study.db]")
    ] = None,
) -> None:
    """Write a sweep as an Optuna study, which optuna-dashboard opens."""
    from sweep.cli.export import export_study

    export_study(folder, to)


@app.command()
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


@app.command()
def version() -> None:
    """Print the version."""
    print(__version__)


if __name__ == "__main__":
    main()
