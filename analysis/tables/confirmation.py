"""The confirmation of a front: selected points, retrained with fresh seeds and evaluated on test.

In its tables the primary metric is measured on test. ``validation_<metric>`` is the value of the
retrained model on validation, not the value by which the search selected the point.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from analysis.certainty.answers import Point
from analysis.certainty.measured import measured, over_seeds
from analysis.tables.columns import confirmation_columns, confirmed_columns, frame, of, on_split
from sweep.ledger.events import ReadEvent
from sweep.ledger.fold import Fold
from sweep.ledger.metric import PrimaryMetric
from sweep.ledger.record import figure
from sweep.pareto import knee, nondominated


@dataclass
class Confirmation(Fold):
    """The events of a confirmation."""

    baseline: ReadEvent | None = None
    """The dense model on test."""
    why: dict[Point, str] = field(default_factory=dict)
    """Why each point was selected ("front" or "runner-up"), by its latest round."""
    newest: list[Point] = field(default_factory=list)
    """The points of the latest round, in its order."""
    records: dict[tuple[str, int, int], ReadEvent] = field(default_factory=dict)
    """By (trial_id, epoch, seed)."""
    failed: list[ReadEvent] = field(default_factory=list)
    """Retrainings that failed: trial_id, seed, error."""
    begun: bool = False
    running: bool = False

    def of(self, point: Point) -> list[ReadEvent]:
        """The records of a point, ordered by seed."""
        mine = {key[2]: event for key, event in self.records.items() if key[:2] == point}
        return [mine[seed] for seed in sorted(mine)]

    @property
    def points(self) -> list[Point]:
        """The points that have a record, in the order of their first records."""
        return list(dict.fromkeys((trial, epoch) for trial, epoch, _ in self.records))

    def has_failed(self, point: Point) -> bool:
        """Whether a retraining of a point failed before its epoch, so that its mean is too good."""
        seeds = [event["seed"] for event in self.failed if event["trial_id"] == point[0]]
        return any((*point, seed) not in self.records for seed in seeds)

    def on_confirm(self, event: ReadEvent) -> None:
        self.begun = self.running = True
        why = {(point["trial_id"], point["epoch"]): point["why"] for point in event["points"]}
        self.newest = list(why)
        self.why |= why

    def on_confirm_baseline(self, event: ReadEvent) -> None:
        self.baseline = event

    def on_confirm_record(self, event: ReadEvent) -> None:
        self.records[event["trial_id"], event["epoch"], event["seed"]] = event

    def on_confirm_end(self, event: ReadEvent) -> None:
        if event["status"] == "failed":
            self.failed.append(event)

    def on_confirm_finish(self, event: ReadEvent) -> None:
        self.running = False


def confirmation_table(
    story: Confirmation, metric: PrimaryMetric, figures: Iterable[str] = ()
) -> pd.DataFrame:
    """One row per retrained model and epoch; ``figures`` are more columns of numbers."""
    rows = [
        {**event, "why": story.why.get((trial, epoch))}
        for (trial, epoch, _), event in story.records.items()
    ]
    known = confirmation_columns(metric)
    return frame(rows, known | of("float", *(name for name in figures if name not in known)))


def confirmed_table(story: Confirmation, metric: PrimaryMetric) -> pd.DataFrame:
    """One row per point with values on test: their mean, interval and spread over seeds."""
    rows = []
    for trial, epoch in story.points:
        figures = summary(story.of((trial, epoch)), story.baseline, metric)
        why = story.why.get((trial, epoch))
        rows.append({"trial_id": trial, "epoch": epoch, "why": why, **figures})
    return frame(rows, confirmed_columns(metric))


def summary(
    records: Iterable[ReadEvent], dense: Mapping[str, Any] | None, metric: PrimaryMetric
) -> dict[str, Any]:
    """The results of one point's retrainings on test, by the columns of ``confirmed_columns``.

    ``test_<metric>`` is the mean over seeds with a 95 % interval (``measured.over_seeds``),
    ``test_<metric>_spread`` the standard deviation over seeds (ddof 1; missing for one seed),
    ``test_drop`` how much worse the mean is than the dense model on test.
    """
    known = [record for record in records if figure(record, metric.name) is not None]
    if not known:
        return {}
    values = np.array([record[metric.name] for record in known], dtype=np.float64)
    mean, low, high = over_seeds([measured(record, metric) for record in known], metric)
    baseline, test = figure(dense or {}, metric.name), on_split(metric, "test")
    fresh = [value for r in known if (value := figure(r, metric.validation)) is not None]
    return {
        test.value: mean,
        test.low: low,
        test.high: high,
        f"{metric.test}_spread": float(values.std(ddof=1)) if len(values) > 1 else None,
        "seeds": len(values),
        test.drop: None if baseline is None else metric.worsening(mean, baseline),
        metric.validation: sum(fresh) / len(fresh) if fresh else None,
    }


def optimism_of(
    front: pd.DataFrame, confirmed: pd.DataFrame, metric: PrimaryMetric
) -> dict[str, float] | None:
    """How much better the front looked in the search than on test: means over confirmed points.

    ``optimism`` is how much better the validation value that selected a point is than its mean on
    test. It is the sum of ``selection`` (compared with validation under fresh seeds, so the luck
    that was selected) and ``split`` (validation under fresh seeds compared with test, so how much
    harder test is). ``points`` is the number of points. The two parts are NaN if the validation
    values under fresh seeds are unknown. None without a confirmed point.
    """
    joined = front[["trial_id", "epoch", metric.name]].merge(confirmed, on=["trial_id", "epoch"])
    joined = joined[joined[metric.test].notna() & joined[metric.name].notna()]
    if joined.empty:
        return None
    chosen, fresh, test = (joined[name] for name in (metric.name, metric.validation, metric.test))
    # Means that skip missing values would not add up.
    return {
        "optimism": float(metric.worsening(test, chosen).mean()),
        "selection": float(metric.worsening(fresh, chosen).mean(skipna=False)),
        "split": float(metric.worsening(test, fresh).mean(skipna=False)),
        "points": len(joined),
    }


def front_on_test(table: pd.DataFrame, directions: Mapping[str, str]) -> pd.DataFrame:
    """The confirmed points that are non-dominated on test, with their means over seeds.

    ``table`` is the result of :func:`confirmation_table`. The points are ordered by sparsity.
    """
    names = list(dict.fromkeys([*directions, "sparsity"]))
    means = table.groupby(["trial_id", "epoch"], sort=False)[names].mean().reset_index()
    means = means.dropna(subset=list(directions), ignore_index=True)
    points = means[list(directions)].to_numpy(dtype=np.float64)
    best = nondominated(points, list(directions.values()), keep_duplicates=False)
    return means[best].sort_values("sparsity", kind="stable", ignore_index=True)


def knee_on_test(
    front: pd.DataFrame, table: pd.DataFrame, directions: Mapping[str, str]
) -> int | None:
    """The row of ``front`` at which its points bend most on test (see :func:`front_on_test`)."""
    keys = ["trial_id", "epoch"]
    best = front_on_test(table.merge(front[keys], on=keys), directions)
    at = knee(best[list(directions)].to_numpy(dtype=np.float64), list(directions.values()))
    if at is None:
        return None
    rows = front[keys].eq(best.loc[at, keys]).all(axis=1)
    return int(np.flatnonzero(rows)[0])
