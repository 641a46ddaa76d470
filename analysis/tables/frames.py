"""Makes the tables of the search from its events: records, trials and scheduler decisions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from analysis.tables.columns import DECISIONS, EXTRA, Kinds, contract, frame, of, param_kinds
from sweep.ledger.events import ReadEvent
from sweep.ledger.fold import Fold
from sweep.ledger.metric import PrimaryMetric
from sweep.ledger.record import figure

BASELINE = "baseline"

# The columns of a record that come from its trial, besides the parameters.
_OF_TRIAL = ("status", "seed", "error")


@dataclass
class Trial:
    """A trial in the ledger."""

    trial_id: str
    params: dict[str, Any]
    seed: int
    status: str = "running"
    error: str | None = None
    worker: str | None = None
    attempt: int | None = None
    records: list[ReadEvent] = field(default_factory=list)
    last: ReadEvent | None = None
    """The record of the latest epoch."""

    def add(self, record: ReadEvent) -> None:
        """Add a record; the trial has no other record of the same epoch."""
        self.records.append(record)
        if self.last is None or record["epoch"] > self.last["epoch"]:
            self.last = record

    def total(self, name: str) -> float | None:
        """The sum of a figure over the records that have it; None if no record has it."""
        known = [value for r in self.records if (value := figure(r, name)) is not None]
        return float(sum(known)) if known else None

    @property
    def epochs(self) -> int:
        """The number of finetune epochs that were trained and recorded."""
        return int(self.last["epoch"]) if self.last else 0

    @property
    def asked(self) -> int:
        """The planned number of finetune epochs or, if unknown, the number of trained ones."""
        asked = self.params.get("finetune_epochs")
        return asked if isinstance(asked, int) else self.epochs


@dataclass
class Story(Fold):
    """The events of the search, grouped by kind and trial."""

    baseline: ReadEvent | None = None
    trials: dict[str, Trial] = field(default_factory=dict)
    records: list[ReadEvent] = field(default_factory=list)
    decisions: list[ReadEvent] = field(default_factory=list)
    lost: list[ReadEvent] = field(default_factory=list)

    def on_baseline(self, event: ReadEvent) -> None:
        self.baseline = event

    def on_trial(self, event: ReadEvent) -> None:
        trial_id = event["trial_id"]
        self.trials[trial_id] = Trial(trial_id, event["params"], event["seed"])

    def on_start(self, event: ReadEvent) -> None:
        trial = self.trials[event["trial_id"]]
        trial.status, trial.error = "running", None
        trial.worker, trial.attempt = event.get("worker"), event["attempt"]

    def on_record(self, event: ReadEvent) -> None:
        self.trials[event["trial_id"]].add(event)
        self.records.append(event)

    def on_decision(self, event: ReadEvent) -> None:
        self.decisions.append(event)

    def on_lost(self, event: ReadEvent) -> None:
        self.lost.append(event)

    def on_end(self, event: ReadEvent) -> None:
        trial = self.trials[event["trial_id"]]
        trial.status, trial.error = event["status"], event["error"]


def records_table(
    story: Story, metric: PrimaryMetric, figures: Iterable[str], baseline_seed: int | None
) -> pd.DataFrame:
    """One row per evaluation in the order of the ledger, starting with the dense baseline.

    ``status``, ``seed`` and ``error`` are those of the trial; ``train_seconds`` and
    ``eval_seconds`` are those of the evaluation; ``seconds`` is the time of the trial so far.
    ``figures`` are columns of numbers besides those of the contract.
    """
    trials = list(story.trials.values())
    about = [_about(trial) for trial in trials]
    rows = list(story.records)
    if story.baseline is not None:
        rows.insert(0, _baseline_row(story.baseline, metric))
        about.append({"trial_id": BASELINE, "status": "completed", "seed": baseline_seed})
    params = param_kinds(trial.params for trial in trials)
    kinds = _kinds(metric, params, figures)
    theirs = {name: kind for name, kind in kinds.items() if name in _OF_TRIAL or name in params}
    own = {name: kind for name, kind in kinds.items() if name not in theirs}
    joined = frame(rows, own).join(
        frame(about, of("text", "trial_id") | theirs).set_index("trial_id"), on="trial_id"
    )
    return joined[list(kinds)]


def trials_table(story: Story, metric: PrimaryMetric, figures: Iterable[str]) -> pd.DataFrame:
    """One row per trial in the order of creation, with the figures of its last evaluation.

    ``train_seconds`` and ``eval_seconds`` are totals over the trial. ``stage``, ``epoch`` and the
    figures of a trial without an evaluation are missing.
    """
    trials = list(story.trials.values())
    kinds = _kinds(metric, param_kinds(trial.params for trial in trials), figures)
    return frame([_trial_row(trial) for trial in trials], kinds)


def decisions_table(story: Story) -> pd.DataFrame:
    """One row per decision of the scheduler: stop or continue, the rung and the reason."""
    return frame(story.decisions, DECISIONS)


def _kinds(metric: PrimaryMetric, params: Kinds, figures: Iterable[str]) -> Kinds:
    known = contract(metric) | params | EXTRA
    return known | of("float", *(name for name in figures if name not in known))


def _about(trial: Trial) -> dict[str, Any]:
    params = {f"param_{name}": value for name, value in trial.params.items()}
    own = {"status": trial.status, "seed": trial.seed, "error": trial.error}
    return {"trial_id": trial.trial_id, **own, **params}


def _trial_row(trial: Trial) -> dict[str, Any]:
    started = {"worker": trial.worker, "attempt": trial.attempt}
    totals = {name: trial.total(name) for name in ("train_seconds", "eval_seconds")}
    return {**started, **(trial.last or {}), **totals, **_about(trial)}


def _baseline_row(event: ReadEvent, metric: PrimaryMetric) -> dict[str, Any]:
    own = {"trial_id": BASELINE, "stage": BASELINE, "epoch": None, "partial": False}
    return {**event, **own, metric.baseline: event.get(metric.name), metric.drop: 0.0}
