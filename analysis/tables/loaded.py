"""What a ledger says, sorted into tables: all that is read when a sweep is loaded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.history.cost import Cost
from analysis.tables.confirmation import Confirmation
from analysis.tables.frames import Story
from sweep.ledger.events import ReadEvent
from sweep.ledger.metric import PrimaryMetric

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plain_figures(event: ReadEvent | None) -> dict[str, Any] | None:
    """What a dense model's event says, without its kind and the answers to single examples."""
    if event is None:
        return None
    return {name: value for name, value in event.items() if name not in ("event", "correct_bits")}


STATUSES = ("completed", "stopped", "failed", "running")


@dataclass(frozen=True, eq=False, repr=False)
class Loaded:
    """A sweep as it stood when it was loaded. The tables' columns are the project's contract."""

    folder: Path | str
    """As it was given to ``load``: a ``Path``, or text where it is an address (s3://...)."""
    name: str
    trials: pd.DataFrame
    """One row a trial: its last state."""
    records: pd.DataFrame
    """One row an evaluation, with one for the dense baseline."""
    decisions: pd.DataFrame
    """One row a decision of the trial scheduler."""
    config: dict[str, Any]
    """The resolved config."""
    versions: dict[str, str]
    baseline: dict[str, Any] | None
    """The dense model's figures and ``warnings``, or None where it is not evaluated yet."""
    metric: PrimaryMetric
    """What the trials are judged by."""
    metrics: dict[str, PrimaryMetric]
    """All metrics that were measured, by name."""
    figures: list[str]
    """Columns beside the contract's: objectives, metrics and their standard errors."""
    directions: dict[str, str]
    """Objective -> "max" or "min", in the config's order."""
    reference_point: dict[str, float]
    """The fixed corner of the hypervolume: objective -> value."""
    cost: Cost
    state: str
    """finished | interrupted | running (which a sweep whose driver was killed looks like, too)."""
    events: list[ReadEvent]
    """The ledger, event by event."""
    story: Story
    """The events of the search, sorted by what they are about."""
    confirming: Confirmation
    """The events of the confirmation, likewise."""
    draw_front: Callable[[Any], Figure | None]
    """Draws the front of a sweep; given, because charts know tables and no table knows a chart."""
    lost: list[ReadEvent] = field(default_factory=list)
    """Workers that died: trial_id, attempt, reason."""
    problems: list[str] = field(default_factory=list)
    """What was wrong with the ledger, a sentence each."""

    @property
    def counts(self) -> dict[str, int]:
        """Number of trials by status; all four statuses are always there."""
        found = Counter(self.trials["status"])
        return {status: found[status] for status in STATUSES}

    @property
    def trials_planned(self) -> int | None:
        """Trials in all, once the sweep is finished."""
        planned = self._search.get("trials")
        return planned if isinstance(planned, int) else None

    @property
    def sampler(self) -> str | None:
        """What proposed the trials, as the config has it."""
        given = self._search.get("sampler")
        return given if isinstance(given, str) else None

    @property
    def constraints(self) -> dict[str, dict[str, float]]:
        """``search.constraints``: metric -> {"min": x, "max": y}, or one of the two."""
        given = self._search.get("constraints")
        asked = given.items() if isinstance(given, dict) else ()
        return {metric: bounds for metric, bounds in asked if isinstance(bounds, dict)}

    @property
    def test_baseline(self) -> dict[str, Any] | None:
        """The dense model's figures on test; None before a confirmation."""
        return plain_figures(self.confirming.baseline)

    @property
    def _reference(self) -> list[float] | None:
        if not self.directions.keys() <= self.reference_point.keys():
            return None
        return [self.reference_point[name] for name in self.directions]

    @property
    def _search(self) -> dict[str, Any]:
        given = self.config.get("search")
        return given if isinstance(given, dict) else {}

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
