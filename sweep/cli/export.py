"""`sweep export` and `sweep export-study`: hand a point over, or the whole sweep to Optuna."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from sweep.cli import Folder
from sweep.errors import UsageError


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
    import analysis
    from sweep.config.saved import begun_with
    from sweep.export.export import check_request
    from sweep.export.export import export as export_point
    from sweep.export.point import Question, chosen
    from sweep.ledger.folder import SweepFolder

    question = Question(trial_id, epoch, knee, max_drop, min_sparsity)
    question.check()
    if "://" in to:
        raise UsageError(f"--to is a new folder on this machine; got {to}")
    sweep = SweepFolder(folder)
    config = begun_with(sweep)
    check_request(config, folder, Path(to))
    results = analysis.load(str(folder))
    point = chosen(results, question)
    command = shlex.join(["sweep", *sys.argv[1:]])
    with _ended_by_sigterm():
        checked = export_point(
            results,
            config,
            sweep,
            point,
            Path(to),
            command=command,
            may_differ=may_differ,
            onnx=onnx,
        )
    as_recorded = f"{checked.differing} answered otherwise than recorded"
    print(
        f"{to}: {point}, sparsity {point.record['sparsity']:.4f}, {checked.correct} of "
        f"{checked.examples} validation examples right, "
        + (as_recorded if checked.differing else "as recorded")
    )


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end the command as an exception does, which leaves nothing half-written."""

    def end(number: int, frame: object) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def export_study(
    folder: Folder,
    to: Annotated[
        Path | None, typer.Option(help="new file: .db (SQLite) or .log (journal) [FOLDER/study.db]")
    ] = None,
) -> None:
    """Write a sweep as an Optuna study, which optuna-dashboard opens."""
    from sweep.config.saved import begun_with
    from sweep.ledger.folder import SweepFolder
    from sweep.ledger.read import read_events
    from sweep.search.optuna_file import FORMS, check_target
    from sweep.search.optuna_file import export_study as write_study

    sweep = SweepFolder(folder)
    config = begun_with(sweep)
    # Of a sweep in an object store it is in the working folder: a database needs a file.
    target = to or (folder.local or Path()) / "study.db"
    check_target(target)
    count = write_study(config, read_events(sweep.ledger), target)
    address = f"sqlite:///{target}" if target.suffix == FORMS[0] else str(target)
    print(f"{target}: {count} trials; to look at them: optuna-dashboard {address}")
