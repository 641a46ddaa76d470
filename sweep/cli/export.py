"""`sweep export`: choose a point, hand it over."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

import analysis
from analysis import questions as query
from analysis.tables.frames import Trial
from sweep.cli.results import load
from sweep.config import CLOSED_FORM
from sweep.errors import NothingFound, UsageError
from sweep.export.point import Point
from sweep.ledger.folder import SweepFolder
from sweep.ledger.store import Place


@dataclass(frozen=True)
class Question:
    """What names the point: a trial (and an epoch of it), or a question to the front."""

    trial_id: str | None = None
    epoch: int | None = None
    knee: bool = False
    max_drop: float | None = None
    min_sparsity: float | None = None

    def check(self) -> None:
        """Raises :class:`~sweep.errors.UsageError` unless it is exactly one."""
        given = [
            self.trial_id is not None,
            self.knee,
            self.max_drop is not None,
            self.min_sparsity is not None,
        ]
        if sum(given) != 1:
            raise UsageError("name one point: --trial ID, --knee, --max-drop Y or --min-sparsity X")
        if self.epoch is not None and self.trial_id is None:
            raise UsageError("--epoch goes with --trial")


def export_point(
    path: Place, to: Place, question: Question, may_differ: int = 0, onnx: bool = False
) -> None:
    """Export the one point that the options name, into the new folder ``to``."""
    question.check()
    if not isinstance(to, Path):
        raise UsageError(f"--to is a new folder on this machine; got {to}")
    if os.path.lexists(to):
        raise UsageError(f"{to} exists already; name a new folder with --to")
    folder = SweepFolder(path)
    config = folder.begun_with()
    if config.task.dataset == CLOSED_FORM:
        raise UsageError(f"{path} swept a formula ({CLOSED_FORM}): there is no model to export")
    results = load(path)
    point = chosen(results, question)
    from sweep.export.card import card
    from sweep.export.export import export

    command = shlex.join(["sweep", *sys.argv[1:]])
    with _ended_by_sigterm():
        done = export(
            config,
            folder,
            point,
            to,
            lambda made: card(results, config, made, command),
            command=command,
            may_differ=may_differ,
            onnx=onnx,
        )
    checked = done.checked
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


def chosen(results: analysis.Results, question: Question) -> Point:
    """The point that answers the question.

    Raises :class:`~sweep.errors.NothingFound` where there is none, and
    :class:`~sweep.errors.UsageError` for a failed trial of which no epoch is named.
    """
    if question.trial_id is not None:
        return _of_trial(results, question.trial_id, question.epoch)
    row = _of_front(results, question)
    if row is None:
        why = query.why_none(results, question.min_sparsity, question.max_drop, question.knee)
        raise NothingFound(f"{results.folder}: {why}")
    return _point(results, row["trial_id"], int(row["epoch"]))


def _of_front(results: analysis.Results, question: Question) -> pd.Series[Any] | None:
    if question.knee:
        return None if results.knee is None else results.front.iloc[results.knee]
    try:
        return results.best(question.min_sparsity, question.max_drop).point
    except ValueError as error:
        raise UsageError(str(error)) from error


def _of_trial(results: analysis.Results, trial_id: str, epoch: int | None) -> Point:
    """An epoch of a trial; its best finished one where none is named."""
    trial = results.story.trials.get(trial_id)
    if trial is None:
        raise NothingFound(f"{results.folder} has no trial {trial_id!r}")
    epochs = [record["epoch"] for record in trial.records]
    if not epochs:
        why = f": {trial.error}" if trial.error else ""
        raise UsageError(f"trial {trial_id} ({trial.status}{why}) has no record to export")
    if epoch is None:
        return _point(results, trial_id, _best(trial))
    if epoch not in epochs:
        has = ", ".join(map(str, epochs))
        raise NothingFound(f"trial {trial_id} has no record of epoch {epoch}; it has: {has}")
    return _point(results, trial_id, epoch)


def _best(trial: Trial) -> int:
    if trial.status == "failed":
        epochs = " or ".join(str(record["epoch"]) for record in trial.records)
        raise UsageError(
            f"trial {trial.trial_id} failed: {trial.error}; what it had before is named by its "
            f"epoch: --epoch {epochs}"
        )
    finished = [record for record in trial.records if record.get("partial") is False]
    best = max(finished or trial.records, key=lambda record: float(record["accuracy"]))
    return int(best["epoch"])


def _point(results: analysis.Results, trial_id: str, epoch: int) -> Point:
    trial = results.story.trials[trial_id]
    record = next(record for record in trial.records if record["epoch"] == epoch)
    assert trial.seed is not None  # every trial event has one
    answers = results.answers(trial_id, epoch)
    return Point(trial_id, epoch, trial.params, trial.seed, record, answers)
