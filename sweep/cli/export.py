"""`sweep export` writes one point as a model; `sweep export-study` writes an Optuna study."""

from __future__ import annotations

import shlex
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from sweep.cli import Folder
from sweep.errors import UsageError


def export(
    folder: Folder,
    to: Annotated[str, typer.Option(metavar="DIR", help="new folder to write")],
    trial_id: Annotated[str | None, typer.Option("--trial", help="trial to export")] = None,
    epoch: Annotated[
        int | None, typer.Option(min=0, help="epoch of --trial (default: its best)")
    ] = None,
    knee: Annotated[bool, typer.Option(help="the point where the front bends most")] = False,
    max_drop: Annotated[
        float | None,
        typer.Option(help="sparsest point within this drop below dense (on test: certainly so)"),
    ] = None,
    min_sparsity: Annotated[
        float | None, typer.Option(help="best point with at least this sparsity")
    ] = None,
    may_differ: Annotated[
        int, typer.Option(min=0, help="examples whose answer may differ from the record")
    ] = 0,
    onnx: Annotated[
        bool, typer.Option("--onnx", help="write model.onnx too (needs the extra onnx)")
    ] = False,
) -> None:
    """Write a point of the front as a model, and check it."""
    import analysis
    from sweep.config.load import begun_with
    from sweep.export.export import check_request
    from sweep.export.export import export as export_point
    from sweep.export.point import of_trial, on_front
    from sweep.ledger.folder import SweepFolder

    which = (trial_id, knee or None, max_drop, min_sparsity)
    if sum(each is not None for each in which) != 1:
        what = "--trial ID, --knee, --max-drop Y or --min-sparsity X"
        raise UsageError(f"name one point with exactly one of {what}")
    if epoch is not None and trial_id is None:
        raise UsageError("--epoch can only be used with --trial")
    if "://" in to:
        raise UsageError(f"--to must be a new folder on this machine; got {to}")
    sweep = SweepFolder(folder)
    config = begun_with(sweep)
    check_request(config, sweep.path, Path(to))
    results = analysis.load(folder)
    if trial_id is None:
        point = on_front(results, knee, max_drop, min_sparsity)
    else:
        point = of_trial(results, trial_id, epoch)
    # A signal becomes an exception, so that no half-written folder is left.
    for each in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(each) is not signal.SIG_IGN:  # `nohup` ignores SIGHUP
            signal.signal(each, lambda number, _: sys.exit(128 + number))
    checked = export_point(
        results,
        config,
        sweep,
        point,
        Path(to),
        command=shlex.join(["sweep", *sys.argv[1:]]),
        may_differ=may_differ,
        onnx=onnx,
    )
    differing = f"{checked.differing} answers differ from the record"
    print(
        f"{to}: {point}, sparsity {point.record['sparsity']:.4f}, {checked.correct} of "
        f"{checked.examples} validation examples right, "
        + (differing if checked.differing else "as recorded")
    )
    if point.note:
        print(point.note)


def export_study(
    folder: Folder,
    to: Annotated[
        Path | None,
        typer.Option(help="new file, .db (SQLite) or .log (journal) (default: DIR/study.db)"),
    ] = None,
) -> None:
    """Write a sweep as an Optuna study, for optuna-dashboard."""
    from sweep.config.load import begun_with
    from sweep.ledger.folder import SweepFolder
    from sweep.ledger.read import read_events
    from sweep.search.optuna_file import FORMS
    from sweep.search.optuna_file import export_study as write_study

    sweep = SweepFolder(folder)
    config = begun_with(sweep)
    # A database needs a local file: for a sweep in an object store it is in the working folder.
    target = to or (sweep.path.local or Path()) / "study.db"
    count = write_study(config, read_events(sweep.ledger), target)
    address = f"sqlite:///{target}" if target.suffix == FORMS[0] else str(target)
    print(f"{target}: {count} trials; to open them: optuna-dashboard {shlex.quote(address)}")
