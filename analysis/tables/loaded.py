"""The part of the results that is read when a sweep is loaded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.certainty.answers import Point
from analysis.history.cost import Cost
from analysis.tables.confirmation import Confirmation
from analysis.tables.frames import Story
from sweep.ledger.events import ReadEvent
from sweep.ledger.metric import PrimaryMetric

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def mapping(value: Any) -> dict[str, Any]:
    """A copy of a mapping in a ledger; an empty one for any other value."""
    return dict(value) if isinstance(value, dict) else {}


def plain_figures(event: ReadEvent | None) -> dict[str, Any] | None:
    """The figures in the event of a dense model, without the answers to single examples."""
    if event is None:
        return None
    return {name: value for name, value in event.items() if name not in ("event", "correct_bits")}


STATUSES = ("completed", "stopped", "failed", "running")


@dataclass(frozen=True, eq=False, repr=False)
class Loaded:
    """A sweep at the time of loading. The columns of its tables are a public contract."""

    folder: Path | str
    """The folder as a ``Path``, or its address (s3://...) as text."""
    name: str
    trials: pd.DataFrame
    """One row per trial, with its last evaluation."""
    records: pd.DataFrame
    """One row per evaluation, including that of the dense baseline."""
    decisions: pd.DataFrame
    """One row per decision of the trial scheduler."""
    config: dict[str, Any]
    """The resolved config."""
    versions: dict[str, str]
    baseline: dict[str, Any] | None
    """The figures and ``warnings`` of the dense model, or None if it is not evaluated yet."""
    metric: PrimaryMetric
    """The primary metric."""
    metrics: dict[str, PrimaryMetric]
    """All measured metrics by name."""
    figures: list[str]
    """Columns besides those of the contract: objectives, metrics and their standard errors."""
    directions: dict[str, str]
    """Objective -> "max" or "min", in the order of the config."""
    reference_point: dict[str, float]
    """The fixed reference point of the hypervolume: objective -> value."""
    cost: Cost
    state: str
    """finished | interrupted | running (or its driver was killed, which looks the same)."""
    events: Sequence[ReadEvent]
    """The ledger, event by event."""
    story: Story
    """The events of the search, grouped by kind and trial."""
    confirming: Confirmation
    """The events of the confirmation."""
    draw_front: Callable[[Any], Figure | None]
    """Draws the front; passed in, because charts import tables and no table imports a chart."""
    lost: list[ReadEvent] = field(default_factory=list)
    """Workers that were lost: trial_id, attempt, reason."""

    @property
    def counts(self) -> dict[str, int]:
        """The number of trials by status, for all four statuses."""
        found = Counter(self.trials["status"])
        return {status: found[status] for status in STATUSES}

    @property
    def trials_planned(self) -> int | None:
        """The planned number of trials."""
        planned = self._search.get("trials")
        return planned if isinstance(planned, int) else None

    @property
    def sampler(self) -> str | None:
        """The name of the sampler in the config."""
        given = self._search.get("sampler")
        return given if isinstance(given, str) else None

    @property
    def constraints(self) -> dict[str, dict[str, float]]:
        """``search.constraints``: metric -> {"min": x, "max": y}, or one of the two."""
        asked = mapping(self._search.get("constraints"))
        return {metric: bounds for metric, bounds in asked.items() if isinstance(bounds, dict)}

    def record(self, point: Point) -> ReadEvent | None:
        """The search's record of a point (trial_id, epoch); None if there is none."""
        trial = self.story.trials.get(point[0])
        mine = (r for r in trial.records if r["epoch"] == point[1]) if trial else iter(())
        return next(mine, None)

    @property
    def test_baseline(self) -> dict[str, Any] | None:
        """The figures of the dense model on test; None before a confirmation."""
        return plain_figures(self.confirming.baseline)

    @property
    def warnings(self) -> list[str]:
        """What a reader of the figures must know: about validation, then about test."""
        figures = (self.baseline or {}, self.test_baseline or {})
        told = [text for each in figures for text in each.get("warnings") or []]
        return list(dict.fromkeys(map(str, told)))

    @property
    def _reference(self) -> list[float] | None:
        if not self.directions.keys() <= self.reference_point.keys():
            return None
        return [self.reference_point[name] for name in self.directions]

    @property
    def _search(self) -> dict[str, Any]:
        return mapping(self.config.get("search"))
