"""A sweep's results as tables: ``load`` a folder, look at ``trials``, ``records``, ``front``."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from analysis import front as fronts
from analysis.cost import Cost, cost_of
from analysis.events import Event, read_ledger
from analysis.frames import decisions_table, records_table, tell, trials_table
from analysis.pareto import hypervolume, knee
from analysis.timeline import timeline

STATUSES = ("completed", "stopped", "failed", "running")

# What a config that names no objectives means.
_DIRECTIONS = {"accuracy": "max", "sparsity": "max"}


@dataclass(frozen=True, eq=False, repr=False)
class Results:
    """A sweep as it stood when it was loaded. The tables' columns are the project's contract."""

    folder: Path
    """As it was given to ``load``."""
    name: str
    trials: pd.DataFrame
    """One row a trial: its last state."""
    records: pd.DataFrame
    """One row an evaluation, with one for the dense baseline."""
    front: pd.DataFrame
    """The Pareto front on validation, by rising sparsity, with 95 % Wilson intervals."""
    decisions: pd.DataFrame
    """One row a decision of the trial scheduler."""
    config: dict[str, Any]
    """The resolved config."""
    versions: dict[str, str]
    baseline: dict[str, Any] | None
    """The dense model's figures and ``warnings``, or None where it is not evaluated yet."""
    directions: dict[str, str]
    """Objective -> "max" or "min", in the config's order."""
    reference_point: dict[str, float]
    """The fixed corner of the hypervolume: objective -> value."""
    cost: Cost
    state: str
    """finished | interrupted | running (which a sweep whose driver was killed looks like, too)."""
    lost: list[Event] = field(default_factory=list)
    """Workers that died: trial_id, attempt, reason."""
    problems: list[str] = field(default_factory=list)
    """What was wrong with the ledger, a sentence each."""
    timeline: pd.DataFrame = field(default_factory=lambda: timeline(()))
    """One row an attempt at a trial: on which worker, from when to when, and how it ended."""

    def __repr__(self) -> str:
        parts = f"{len(self.trials)} trials, {len(self.records)} records, {len(self.front)} on the"
        return f"<Results of {self.name}: {parts} front>"

    @property
    def counts(self) -> dict[str, int]:
        """Number of trials by status; all four statuses are always there."""
        found = Counter(self.trials["status"])
        return {status: found[status] for status in STATUSES}

    @property
    def trials_planned(self) -> int | None:
        """Trials in all, once the sweep is finished."""
        planned = _mapping(self.config.get("search")).get("trials")
        return planned if isinstance(planned, int) else None

    @property
    def candidates(self) -> pd.DataFrame:
        """The records that may be on the front: finished ones with all objectives."""
        return fronts.candidates(self.records, self.directions)

    @property
    def confirmed(self) -> bool:
        """Whether the front has figures on the test set."""
        return bool(self.front["test_accuracy"].notna().any())

    @property
    def hypervolume(self) -> float | None:
        """Hypervolume of the front against ``reference_point``; None where that is not known."""
        if not self.directions.keys() <= self.reference_point.keys():
            return None
        reference = [self.reference_point[name] for name in self.directions]
        points = fronts.objectives(self.front, self.directions)
        return hypervolume(points, reference, list(self.directions.values()))

    @property
    def knee(self) -> int | None:
        """Row of ``front`` at which it bends most; None where there is no clear knee."""
        points = fronts.objectives(self.front, self.directions)
        return knee(points, list(self.directions.values()))

    @property
    def epochs_spent(self) -> int:
        """Finetune epochs trained so far."""
        return self.cost.epochs_spent

    @property
    def epochs_saved(self) -> int:
        """Finetune epochs that stopped trials were spared."""
        return self.cost.epochs_saved

    @property
    def utilisation(self) -> float | None:
        """Share of worker time spent in training and evaluation."""
        return self.cost.utilisation


def load(path: str | Path) -> Results:
    """Read the sweep in folder ``path``, finished or running; nothing is written.

    Raises ``NotASweep`` (a ValueError) for a folder that is none, ``NewerLedger`` for a sweep of
    a newer version, ``OSError`` for files that cannot be read.
    """
    path = Path(path)
    ledger = read_ledger(path)
    folder = path.parent if path.is_file() else path
    head: Event = ledger.events[0] if ledger.events else {}
    config = _with_trials(_mapping(head.get("config")), ledger.events)
    story = tell(ledger.events)
    directions = _directions(head, config)
    seed = _mapping(config.get("baseline")).get("seed")
    records = records_table(story, seed, directions)
    return Results(
        folder=folder,
        name=str(head.get("name") or config.get("name") or folder.resolve().name),
        trials=trials_table(story, directions),
        records=records,
        front=fronts.front_table(records, directions),
        decisions=decisions_table(story),
        config=config,
        versions=_mapping(head.get("versions")),
        baseline=_figures(story.baseline),
        directions=directions,
        reference_point=_reference_point(head, story.baseline),
        cost=cost_of(ledger.events, story.trials.values()),
        state=_state(ledger.events),
        lost=story.lost,
        problems=ledger.problems + story.problems,
        timeline=timeline(ledger.events),
    )


def _mapping(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}


def _directions(head: Event, config: dict[str, Any]) -> dict[str, str]:
    return _mapping(head.get("directions")) or _mapping(config.get("objectives")) or _DIRECTIONS


def _with_trials(config: dict[str, Any], events: list[Event]) -> dict[str, Any]:
    """The config with the number of trials that the last extension asked for."""
    resumed = (event.get("trials") for event in events if event["event"] == "resume")
    asked = [number for number in resumed if isinstance(number, int)]
    if not asked:
        return config
    return {**config, "search": {**_mapping(config.get("search")), "trials": asked[-1]}}


def _reference_point(head: Event, baseline: Event | None) -> dict[str, float]:
    point = _mapping(head.get("reference_point"))
    point.update(_mapping((baseline or {}).get("reference_point")))
    return {name: float(v) for name, v in point.items() if isinstance(v, int | float)}


def _figures(baseline: Event | None) -> dict[str, Any] | None:
    if baseline is None:
        return None
    return {name: value for name, value in baseline.items() if name != "event"}


def _state(events: list[Event]) -> str:
    states = {"finish": "finished", "interrupt": "interrupted", "resume": "running"}
    told = [states[event["event"]] for event in events if event["event"] in states]
    return told[-1] if told else "running"
