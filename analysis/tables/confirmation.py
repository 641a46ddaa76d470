"""The confirmation of a front: chosen points, retrained under fresh seeds and read on test.

In its tables ``accuracy`` is on test; ``validation_accuracy`` is that of the retrained model, not
the one by which the search chose the point.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from analysis.certainty.answers import Point
from analysis.certainty.statistics import over_seeds
from analysis.tables.columns import CONFIRMATION, CONFIRMED, frame
from sweep.ledger.events import Fold, ReadEvent
from sweep.ledger.record import figure
from sweep.pareto import knee, nondominated


@dataclass
class Confirmation(Fold):
    """What the ledger says of it, told once: of repeated records the first counts."""

    baseline: ReadEvent | None = None
    """The dense model on test."""
    why: dict[Point, str] = field(default_factory=dict)
    """The points that were chosen: "front" or "runner-up", by the latest round that says so."""
    newest: list[Point] = field(default_factory=list)
    """Those of the latest round, in its order."""
    records: dict[tuple[str, int, int], ReadEvent] = field(default_factory=dict)
    """By (trial_id, epoch, seed)."""
    failed: list[ReadEvent] = field(default_factory=list)
    """Retrainings that failed: trial_id, seed, error."""
    begun: bool = False
    running: bool = False
    problems: list[str] = field(default_factory=list)

    def of(self, point: Point) -> list[ReadEvent]:
        """The records of a point by rising seed."""
        mine = {key[2]: event for key, event in self.records.items() if key[:2] == point}
        return [mine[seed] for seed in sorted(mine)]

    @property
    def points(self) -> list[Point]:
        """Points that have a record, in the order of their first."""
        return list(dict.fromkeys((trial, epoch) for trial, epoch, _ in self.records))

    # The fold.

    def on_confirm(self, event: ReadEvent) -> None:
        """A round begins."""
        self.begun = self.running = True
        points = event.get("points")
        self.newest = []
        for point in points if isinstance(points, list) else []:
            if isinstance(point, dict) and isinstance(point.get("epoch"), int):
                self.newest.append((str(point.get("trial_id")), point["epoch"]))
                self.why[self.newest[-1]] = str(point.get("why"))

    def on_confirm_baseline(self, event: ReadEvent) -> None:
        """The dense model is read on test."""
        self.baseline = self.baseline or event

    def on_confirm_record(self, event: ReadEvent) -> None:
        """A point has figures under a seed."""
        key = (event.get("trial_id"), event.get("epoch"), event.get("seed"))
        if not isinstance(key[0], str) or not all(type(part) is int for part in key[1:]):
            self.problems.append(
                f"a confirmation record of {key[0]} lacks its epoch or its seed; it is left out"
            )
            return
        self.records.setdefault(key, event)  # type: ignore[arg-type]

    def on_confirm_end(self, event: ReadEvent) -> None:
        """A retraining ends."""
        if event.get("status") == "failed":
            self.failed.append(event)

    def on_confirm_finish(self, event: ReadEvent) -> None:
        """The round has ended."""
        self.running = False


def confirmation_table(story: Confirmation, more: Iterable[str] = ()) -> pd.DataFrame:
    """One row a retrained model at a wanted epoch; ``more`` are further columns of numbers."""
    rows = [
        {**event, "why": story.why.get((trial, epoch))}
        for (trial, epoch, _), event in story.records.items()
    ]
    new = {name: "float" for name in more if name not in CONFIRMATION}
    return frame(rows, {**CONFIRMATION, **new})  # type: ignore[dict-item]


def confirmed_table(story: Confirmation) -> pd.DataFrame:
    """One row a point that has figures on test: mean, interval and spread over seeds."""
    rows = []
    for trial, epoch in story.points:
        figures = summary(story.of((trial, epoch)), story.baseline)
        why = story.why.get((trial, epoch))
        rows.append({"trial_id": trial, "epoch": epoch, "why": why, **figures})
    return frame(rows, CONFIRMED)


def summary(records: Iterable[ReadEvent], dense: Mapping[str, Any] | None) -> dict[str, Any]:
    """What one point's retrainings say of it on test, by the columns of ``CONFIRMED``.

    ``test_accuracy`` is the mean over seeds with a 95 % interval (``statistics.over_seeds``),
    ``test_accuracy_spread`` the standard deviation over seeds (ddof 1; missing for one),
    ``test_drop`` the dense model's accuracy on test minus the mean.
    """
    known = [record for record in records if figure(record, "accuracy") is not None]
    if not known:
        return {}
    shares = np.array([record["accuracy"] for record in known], dtype=np.float64)
    examples = figure(known[0], "examples")
    mean, low, high = over_seeds(shares, math.nan if examples is None else examples)
    baseline = figure(dense or {}, "accuracy")
    fresh = [value for r in known if (value := figure(r, "validation_accuracy")) is not None]
    return {
        "test_accuracy": mean,
        "test_accuracy_low": low,
        "test_accuracy_high": high,
        "test_accuracy_spread": float(shares.std(ddof=1)) if len(shares) > 1 else None,
        "seeds": len(shares),
        "test_drop": None if baseline is None else baseline - mean,
        "validation_accuracy": sum(fresh) / len(fresh) if fresh else None,
    }


def state_of(story: Confirmation, front: pd.DataFrame) -> str:
    """none | running (which a killed one looks like, too) | partial | finished.

    Partial: a round has ended, but points of the front have no figures on test, because their
    retraining failed or because the front has moved since.
    """
    if not story.begun:
        return "none"
    if story.running:
        return "running"
    return "finished" if front["test_accuracy"].notna().all() else "partial"


def optimism_of(front: pd.DataFrame, confirmed: pd.DataFrame) -> dict[str, float] | None:
    """How much the search flattered the front: means over its confirmed points, as shares.

    ``optimism``: the validation accuracy that chose a point minus its mean on test. It is the sum
    of ``selection`` (minus the validation accuracy under fresh seeds: the luck that was picked) and
    ``split`` (fresh validation minus test: how much harder test is). ``points`` says of how many.
    The parts are NaN where the fresh validation figures are not known. None without a confirmed
    point.
    """
    joined = front[["trial_id", "epoch", "accuracy"]].merge(confirmed, on=["trial_id", "epoch"])
    joined = joined[joined["test_accuracy"].notna() & joined["accuracy"].notna()]
    if joined.empty:
        return None
    chosen, fresh = joined["accuracy"], joined["validation_accuracy"]
    # Means that skip gaps would no longer add up.
    selection, split = (chosen - fresh), (fresh - joined["test_accuracy"])
    return {
        "optimism": float((chosen - joined["test_accuracy"]).mean()),
        "selection": float(selection.mean(skipna=False)),
        "split": float(split.mean(skipna=False)),
        "points": len(joined),
    }


def front_on_test(table: pd.DataFrame, directions: Mapping[str, str]) -> pd.DataFrame:
    """The confirmed points that none beats by its means on test; those means, one row a point.

    ``table`` is that of :func:`confirmation_table`. By rising sparsity, as the front is.
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
    """Row of ``front`` at which its points bend most on test, as :func:`front_on_test` has them."""
    keys = ["trial_id", "epoch"]
    best = front_on_test(table.merge(front[keys], on=keys), directions)
    at = knee(best[list(directions)].to_numpy(dtype=np.float64), list(directions.values()))
    if at is None:
        return None
    rows = front[keys].eq(best.loc[at, keys]).all(axis=1)
    return int(np.flatnonzero(rows)[0])
