"""Events to tables: one row an evaluation, one row a trial, one row a decision of the scheduler."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from analysis.tables.columns import CONTRACT, DECISIONS, EXTRA, Kinds, frame, param_kinds
from sweep.ledger.events import ReadEvent

BASELINE = "baseline"

# What a row takes from its trial; the rest comes from the evaluation.
_OF_TRIAL = ("status", "seed", "error")


@dataclass
class Trial:
    """What the ledger says of one trial."""

    trial_id: str
    params: dict[str, Any] = field(default_factory=dict)
    seed: int | None = None
    status: str = "running"
    error: str | None = None
    worker: str | None = None
    attempt: int | None = None
    records: list[ReadEvent] = field(default_factory=list)
    last: ReadEvent | None = None
    """The record of the latest epoch."""

    def add(self, record: ReadEvent) -> None:
        """Take a record, the first of its epoch."""
        self.records.append(record)
        if self.last is None or record["epoch"] > self.last["epoch"]:
            self.last = record

    @property
    def epochs(self) -> int:
        """Finetune epochs that were trained and recorded."""
        return int(self.last["epoch"]) if self.last else 0

    @property
    def asked(self) -> int:
        """Finetune epochs that the trial was to run; what it has run where that is not known."""
        asked = self.params.get("finetune_epochs")
        return asked if isinstance(asked, int) else self.epochs


@dataclass
class Story:
    """The ledger's events, told once: repeated ones are left out, the first one counts."""

    baseline: ReadEvent | None = None
    trials: dict[str, Trial] = field(default_factory=dict)
    records: list[ReadEvent] = field(default_factory=list)
    decisions: list[ReadEvent] = field(default_factory=list)
    lost: list[ReadEvent] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def trial(self, event: ReadEvent) -> Trial:
        """The trial that an event is about, made at its first mention."""
        name = str(event["trial_id"])
        return self.trials.setdefault(name, Trial(name))


def tell(events: Iterable[ReadEvent]) -> Story:
    """Sort the events by what they are about. Unknown events are passed over."""
    story = Story()
    seen: set[tuple[Any, ...] | None] = set()
    for event in events:
        kind = event["event"]
        if kind == "baseline" and story.baseline is None:
            story.baseline = event
        if kind not in _TOLD:
            continue
        if not isinstance(event.get("trial_id"), str):
            story.problems.append(f"a `{kind}` event names no trial; it is left out")
            continue
        key = _key(event)
        if key not in seen:
            _TOLD[kind](story, event)
        if key is not None:
            seen.add(key)
    return story


def _key(event: ReadEvent) -> tuple[Any, ...] | None:
    """What makes an event one and the same; None where it may repeat."""
    kind, name = event["event"], event["trial_id"]
    if kind == "trial":
        return kind, name
    if kind == "record":
        return kind, name, event.get("stage"), event.get("epoch")
    if kind == "decision":
        return kind, name, event.get("epoch"), event.get("rung")
    return None


def _trial(story: Story, event: ReadEvent) -> None:
    trial = story.trial(event)
    params = event.get("params")
    trial.params = params if isinstance(params, dict) else {}
    trial.seed = event.get("seed")


def _start(story: Story, event: ReadEvent) -> None:
    trial = story.trial(event)
    trial.status, trial.error = "running", None
    trial.worker, trial.attempt = event.get("worker"), event.get("attempt")


def _record(story: Story, event: ReadEvent) -> None:
    if not isinstance(event.get("epoch"), int):
        story.problems.append(f"a record of {event['trial_id']} has no epoch; it is left out")
        return
    story.trial(event).add(event)
    story.records.append(event)


def _end(story: Story, event: ReadEvent) -> None:
    trial = story.trial(event)
    trial.status, trial.error = str(event.get("status", "completed")), event.get("error")


def _decision(story: Story, event: ReadEvent) -> None:
    story.decisions.append(event)


def _lost(story: Story, event: ReadEvent) -> None:
    story.lost.append(event)


_TOLD = {
    "trial": _trial,
    "start": _start,
    "record": _record,
    "end": _end,
    "decision": _decision,
    "lost": _lost,
}


def records_table(
    story: Story, baseline_seed: int | None, objectives: Iterable[str]
) -> pd.DataFrame:
    """One row an evaluation, in the order of the ledger, the dense baseline first.

    ``status``, ``seed`` and ``error`` are the trial's; ``train_seconds`` and ``eval_seconds`` are
    of that evaluation, ``seconds`` of the trial so far.
    """
    trials = list(story.trials.values())
    about = [_about(trial) for trial in trials]
    rows = list(story.records)
    if story.baseline is not None:
        rows.insert(0, _baseline_row(story.baseline))
        about.append({"trial_id": BASELINE, "status": "completed", "seed": baseline_seed})
    params = param_kinds(trial.params for trial in trials)
    kinds = _kinds(objectives, params)
    theirs = {name: kind for name, kind in kinds.items() if name in _OF_TRIAL or name in params}
    own = {name: kind for name, kind in kinds.items() if name not in theirs}
    joined = frame(rows, own).join(
        frame(about, {"trial_id": "text", **theirs}).set_index("trial_id"), on="trial_id"
    )
    return joined[list(kinds)]


def trials_table(story: Story, objectives: Iterable[str]) -> pd.DataFrame:
    """One row a trial, in the order of their making: the figures of its last evaluation.

    ``train_seconds`` and ``eval_seconds`` are totals over the trial; ``stage``, ``epoch`` and the
    figures are missing for a trial that has no evaluation yet.
    """
    trials = list(story.trials.values())
    kinds = _kinds(objectives, param_kinds(trial.params for trial in trials))
    return frame([_trial_row(trial) for trial in trials], kinds)


def decisions_table(story: Story) -> pd.DataFrame:
    """One row a decision of the scheduler: stop or continue, at which rung, and why."""
    return frame(story.decisions, DECISIONS)


def _kinds(objectives: Iterable[str], params: Kinds) -> Kinds:
    known = CONTRACT | params | EXTRA
    # An objective that is no column of the contract would otherwise be lost.
    return known | {name: "float" for name in objectives if name not in known}


def _about(trial: Trial) -> dict[str, Any]:
    params = {f"param_{name}": value for name, value in trial.params.items()}
    own = {"status": trial.status, "seed": trial.seed, "error": trial.error}
    return {"trial_id": trial.trial_id, **own, **params}


def _trial_row(trial: Trial) -> dict[str, Any]:
    started = {"worker": trial.worker, "attempt": trial.attempt}
    totals = {
        name: sum(spent) if (spent := _numbers(trial.records, name)) else None
        for name in ("train_seconds", "eval_seconds")
    }
    return {**started, **(trial.last or {}), **totals, **_about(trial)}


def _numbers(records: list[ReadEvent], name: str) -> list[float]:
    values = (record.get(name) for record in records)
    return [float(value) for value in values if isinstance(value, int | float)]


def _baseline_row(event: ReadEvent) -> dict[str, Any]:
    own = {"trial_id": BASELINE, "stage": BASELINE, "epoch": None, "partial": False}
    accuracy = event.get("accuracy")
    return {**event, **own, "baseline_accuracy": accuracy, "accuracy_drop": 0.0}
