"""`sweep export-study`: a sweep for Optuna's dashboard."""

from __future__ import annotations

from pathlib import Path

from sweep.ledger.folder import SweepFolder
from sweep.ledger.open import read_events
from sweep.ledger.store import Place


def export(path: Place, to: Path | None) -> None:
    """Write the sweep of a folder as an Optuna study, by default to study.db in it.

    Of a sweep in an object store it is in the working folder: a database needs a file.
    """
    folder = SweepFolder(path)
    config = folder.begun_with()
    target = to or (path if isinstance(path, Path) else Path()) / "study.db"
    from sweep.search.optuna_file import FORMS, check_target, export_study

    check_target(target)
    count = export_study(config, read_events(folder.ledger), target)
    address = f"sqlite:///{target}" if target.suffix == FORMS[0] else str(target)
    print(f"{target}: {count} trials; to look at them: optuna-dashboard {address}")
