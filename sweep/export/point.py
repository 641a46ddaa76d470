"""Select a point of a sweep (one epoch of one trial), and restore the trial at this point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis import Results, questions
from analysis.tables.frames import Trial as Story
from sweep.errors import NothingFound, UsageError
from sweep.ledger import checkpoint
from sweep.ledger.metric import PrimaryMetric
from sweep.ledger.record import DETAILS
from sweep.space.params import Params

if TYPE_CHECKING:
    from sweep.compress.dense.bench import Workbench
    from sweep.compress.trial import ModelTrial
    from sweep.ledger.folder import SweepFolder


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

    @property
    def lineage(self) -> dict[str, Any]:
        """The identity of the point, and its record without large details."""
        figures = {name: value for name, value in self.record.items() if name not in DETAILS}
        return {
            "trial_id": self.trial_id,
            "epoch": self.epoch,
            "seed": self.seed,
            "params": dict(self.params),
            "record": figures,
        }

    def __str__(self) -> str:
        return f"{self.trial_id} after epoch {self.epoch}"


@dataclass(frozen=True)
class Question:
    """The request for a point: a trial (and an epoch of it), or a condition on front points."""

    trial_id: str | None = None
    epoch: int | None = None
    knee: bool = False
    max_drop: float | None = None
    min_sparsity: float | None = None

    def check(self) -> None:
        """Raise :class:`~sweep.errors.UsageError` unless exactly one of them is given."""
        given = (self.trial_id, self.knee or None, self.max_drop, self.min_sparsity)
        if sum(each is not None for each in given) != 1:
            what = "--trial ID, --knee, --max-drop Y or --min-sparsity X"
            raise UsageError(f"name one point with exactly one of {what}")
        if self.epoch is not None and self.trial_id is None:
            raise UsageError("--epoch can only be used with --trial")


def chosen(results: Results, question: Question) -> Point:
    """The requested point.

    Raises :class:`~sweep.errors.NothingFound` if there is none, and
    :class:`~sweep.errors.UsageError` for a failed trial without an epoch.
    """
    if question.trial_id is not None:
        return _of_trial(results, question.trial_id, question.epoch)
    row = _of_front(results, question)
    if row is None:
        why = questions.why_none(results, question.min_sparsity, question.max_drop, question.knee)
        raise NothingFound(f"{results.folder}: {why}")
    return _point(results, row["trial_id"], int(row["epoch"]))


def _of_front(results: Results, question: Question) -> pd.Series[Any] | None:
    if question.knee:
        return None if results.knee is None else results.front.iloc[results.knee]
    try:
        return results.best(question.min_sparsity, question.max_drop).point
    except ValueError as error:
        raise UsageError(str(error)) from error


def _of_trial(results: Results, trial_id: str, epoch: int | None) -> Point:
    """An epoch of a trial; by default its best epoch that is not partial."""
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

    Raises :class:`~sweep.errors.UsageError` if there is no complete checkpoint.
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
    if (note.get("params"), note.get("seed")) != (dict(point.params), point.seed):
        raise UsageError(
            f"checkpoint {where} does not belong to trial {point.trial_id} of the ledger"
        )
    trial.load_state_dict(state)
    return trial
