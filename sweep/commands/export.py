"""`sweep export`: choose a point, hand it over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis import query
from sweep.commands.results import load
from sweep.config import CLOSED_FORM, SweepConfig
from sweep.errors import NothingFound, UsageError
from sweep.folder import SweepFolder
from sweep.storage.place import Place


def export_point(
    path: Place,
    to: Place,
    trial_id: str | None,
    epoch: int | None,
    knee: bool,
    max_drop: float | None,
    min_sparsity: float | None,
) -> None:
    """Export the one point that the options name, into the new folder ``to``."""
    if sum([trial_id is not None, knee, max_drop is not None, min_sparsity is not None]) != 1:
        raise UsageError("name one point: --trial ID, --knee, --max-drop Y or --min-sparsity X")
    if epoch is not None and trial_id is None:
        raise UsageError("--epoch goes with --trial")
    if not isinstance(to, Path):
        raise UsageError(f"--to is a new folder on this machine; got {to}")
    if to.exists():
        raise UsageError(f"{to} exists already; name a new folder with --to")
    folder = SweepFolder(path)
    config = SweepConfig.model_validate(folder.saved_config())
    if config.task.dataset == CLOSED_FORM:
        raise UsageError(f"{path} swept a formula ({CLOSED_FORM}): there is no model to export")
    if trial_id is not None:
        row = _of_trial(path, trial_id, epoch)
    else:
        row = _of_query(path, knee, max_drop, min_sparsity)
    from sweep.export import export

    said = export(config, folder, _plain(row), to)
    print(f"{to}: {said}")


def _plain(row: pd.Series[Any]) -> dict[str, Any]:
    """The row as JSON has it: Python's own numbers, None where a value is missing."""
    values: dict[str, Any] = {str(name): value for name, value in row.items()}
    known = {name: None if pd.isna(value) else value for name, value in values.items()}
    return {name: v.item() if isinstance(v, np.generic) else v for name, v in known.items()}


def _of_trial(path: Place, trial_id: str, epoch: int | None) -> pd.Series[Any]:
    records = load(path).records
    mine = records[(records["trial_id"] == trial_id) & (records["stage"] != "baseline")]
    if mine.empty:
        raise NothingFound(f"{path} has no record of a trial {trial_id!r}")
    chosen = mine.nlargest(1, "accuracy") if epoch is None else mine[mine["epoch"] == epoch]
    if chosen.empty:
        epochs = ", ".join(map(str, mine["epoch"]))
        raise NothingFound(f"trial {trial_id} has no record of epoch {epoch}; it has: {epochs}")
    return chosen.iloc[0]


def _of_query(
    path: Place, knee: bool, max_drop: float | None, min_sparsity: float | None
) -> pd.Series[Any]:
    """The sparsest point within a drop, the most accurate from a sparsity up, or the knee."""
    try:
        points = query.points(load(path), min_sparsity, max_drop, knee)
    except ValueError as error:
        raise UsageError(str(error)) from error
    row = query.most(points, "sparsity" if min_sparsity is None else "accuracy")
    if row is None:
        raise NothingFound(f"no point of the front of {path} answers that")
    return row
