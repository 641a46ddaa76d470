"""`sweep export` and `sweep export-study`: hand a point over, or the whole sweep to Optuna."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sweep.config.saved import begun_with
from sweep.errors import UsageError
from sweep.ledger.folder import SweepFolder
from sweep.ledger.read import read_events
from sweep.ledger.store import Store

if TYPE_CHECKING:
    from sweep.export.point import Question


def export_point(
    path: Store, to: str, question: Question, may_differ: int = 0, onnx: bool = False
) -> None:
    """Export the one point that the options name, into the new folder ``to``."""
    import analysis
    from sweep.export.export import check_request, export
    from sweep.export.point import chosen

    question.check()
    if "://" in to:
        raise UsageError(f"--to is a new folder on this machine; got {to}")
    folder = SweepFolder(path)
    config = begun_with(folder)
    check_request(config, path, Path(to))
    results = analysis.load(str(path))
    point = chosen(results, question)
    command = shlex.join(["sweep", *sys.argv[1:]])
    with _ended_by_sigterm():
        checked = export(
            results,
            config,
            folder,
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


def export_study(path: Store, to: Path | None) -> None:
    """Write the sweep of a folder as an Optuna study, by default to study.db in it.

    Of a sweep in an object store it is in the working folder: a database needs a file.
    """
    from sweep.search.optuna_file import FORMS, check_target, export_study

    folder = SweepFolder(path)
    config = begun_with(folder)
    target = to or (path.local or Path()) / "study.db"
    check_target(target)
    count = export_study(config, read_events(folder.ledger), target)
    address = f"sqlite:///{target}" if target.suffix == FORMS[0] else str(target)
    print(f"{target}: {count} trials; to look at them: optuna-dashboard {address}")
