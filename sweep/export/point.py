"""Select a point of a sweep (one epoch of one trial), and restore the trial at this point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis import Results, questions
from analysis.tables.frames import Trial as Story
from sweep.compress.dense.bench import Workbench
from sweep.compress.trial import ModelTrial
from sweep.errors import NothingFound, UsageError
from sweep.ledger import checkpoint
from sweep.ledger.folder import SweepFolder
from sweep.ledger.metric import PrimaryMetric
from sweep.space.params import Params


@dataclass(frozen=True, eq=False)
class Point:
    """One evaluation in the ledger: ``record`` is its event, ``params`` are those of the trial.

    ``answers``, shape (examples,): whether each validation example was answered correctly; None if
    the ledger does not have it.
    """

    trial_id: str
    epoch: int
    params: Mapping[str, Any]
    seed: int
    record: Mapping[str, Any]
    answers: NDArray[np.bool_] | None = None
    note: str = ""
    """What its choice by figures on test means (`analysis.questions.Answer.note`), or ""."""

    def __str__(self) -> str:
        return f"{self.trial_id} after epoch {self.epoch}"


def on_front(
    results: Results, knee: bool, max_drop: float | None, min_sparsity: float | None
) -> Point:
    """The knee of the front, or the front point that meets one of the two conditions.

    Raises :class:`~sweep.errors.NothingFound` if there is none.
    """
    note = ""
    if knee:
        row = None if results.knee is None else results.front.iloc[results.knee]
        note = questions.CHOSEN if results.confirmed else ""
    else:
        try:
            answer = results.best(min_sparsity, max_drop)
        except ValueError as error:
            raise UsageError(str(error)) from error
        row, note = answer.point, answer.note
    if row is None:
        why = questions.why_none(results, min_sparsity, max_drop, knee)
        raise NothingFound(f"{results.folder}: {why}")
    return replace(_point(results, row["trial_id"], int(row["epoch"])), note=note)


def of_trial(results: Results, trial_id: str, epoch: int | None) -> Point:
    """An epoch of a trial; by default its best epoch that is not partial.

    Raises :class:`~sweep.errors.NothingFound` if there is none, and
    :class:`~sweep.errors.UsageError` for a failed trial without an epoch.
    """
    trial = results.story.trials.get(trial_id)
    if trial is None:
        raise NothingFound(f"{results.folder} has no trial {trial_id!r}")
    epochs = [record["epoch"] for record in trial.records]
    if not epochs:
        why = f": {trial.error}" if trial.error else ""
        raise UsageError(f"trial {trial_id} ({trial.status}{why}) has no record to export")
    if epoch is None:
        return _point(results, trial_id, _best(trial, results.metric))
    if epoch not in epochs:
        found = ", ".join(map(str, epochs))
        raise NothingFound(f"trial {trial_id} has no record of epoch {epoch}; epochs: {found}")
    return _point(results, trial_id, epoch)


def _best(trial: Story, metric: PrimaryMetric) -> int:
    if trial.status == "failed":
        epochs = " or ".join(str(record["epoch"]) for record in trial.records)
        raise UsageError(
            f"trial {trial.trial_id} failed: {trial.error}; to export a record from before the "
            f"failure, name its epoch: --epoch {epochs}"
        )
    finished = [record for record in trial.records if record.get("partial") is False]
    best = min(
        finished or trial.records, key=lambda record: metric.worsening(record[metric.name], 0.0)
    )
    return int(best["epoch"])


def _point(results: Results, trial_id: str, epoch: int) -> Point:
    trial = results.story.trials[trial_id]
    record = next(record for record in trial.records if record["epoch"] == epoch)
    assert trial.seed is not None  # every trial event has one
    if "correct" not in record:
        raise UsageError(
            f"{results.folder}: only classifiers can be exported, because an export is checked by "
            f"the number of right answers, which records of {results.metric.name} do not have"
        )
    answers = results.answers(trial_id, epoch)
    return Point(trial_id, epoch, trial.params, trial.seed, record, answers)


def rebuilt(bench: Workbench, folder: SweepFolder, point: Point) -> ModelTrial:
    """Restore the trial at a point: from its checkpoint, or by pruning again for epoch 0.

    Raises :class:`~sweep.errors.UsageError` if there is no complete checkpoint, and
    :class:`~sweep.errors.StorageError` if it does not fit the trial.
    """
    trial = bench.trial(Params.of(point.params), point.seed)
    if point.epoch == 0:
        trial.prune()
        return trial
    where = checkpoint.epoch_folder(folder.checkpoints, point.trial_id, point.epoch)
    found = checkpoint.load(where, moments=False)
    if found is None:
        raise UsageError(
            f"trial {point.trial_id} has no complete checkpoint of epoch {point.epoch}: only front "
            "points keep their checkpoints; epoch 0 needs no checkpoint (--epoch 0)"
        )
    state, note = found
    identity = dict(point.params), point.seed, point.epoch
    if (note.get("params"), note.get("seed"), note["epoch"]) != identity:
        raise UsageError(
            f"checkpoint {where} does not belong to trial {point.trial_id} of the ledger"
        )
    checkpoint.restore(trial, state, where)
    return trial
