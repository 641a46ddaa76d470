"""The front with all that is known of how sure it is: test figures, probabilities, verdicts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis import certainty
from analysis.answers import Point, answers_of, stack
from analysis.columns import FRONT, series
from analysis.confirmation import Confirmation, summary
from analysis.front import front_rows, objectives
from analysis.pareto import FloatArray, IntArray
from analysis.statistics import holm
from analysis.verdicts import ToDense, to_dense

# With this many points in all, the nearest of those off the front are weighed with it, too.
POINTS = 60
NEAREST = 20

# What the confirmation says of a point.
_OF_TEST = (
    "test_accuracy",
    "test_accuracy_low",
    "test_accuracy_high",
    "test_accuracy_spread",
    "seeds",
    "test_drop",
)


@dataclass(frozen=True)
class Evidence:
    """What the ledger holds of single evaluations."""

    records: Mapping[Point, Mapping[str, Any]]
    baseline: Mapping[str, Any] | None
    """The dense model on validation."""
    confirmation: Confirmation

    def to_dense(self, point: Point) -> ToDense:
        """The point against dense: on test where it is confirmed, else on validation."""
        on_test = self.confirmation.of(point)
        if on_test:
            return to_dense(on_test, self.confirmation.baseline)
        return to_dense([dict(self.records[point])], self.baseline)


@dataclass(frozen=True)
class Basis:
    """What the front's probabilities rest on."""

    split: str
    """validation | test."""
    paired: bool
    """Whether all points were scored on the same drawn examples."""
    points: int
    """Points that were weighed against each other."""
    seeds: int

    @property
    def text(self) -> str:
        """It in a sentence."""
        how = (
            f"{certainty.RESAMPLES:,} bootstrap resamples of the {self.split} examples, the same "
            f"for all {self.points} points that were weighed"
            if self.paired
            else f"{certainty.RESAMPLES:,} binomial draws of each accuracy on {self.split} by "
            f"itself, for the ledger holds no answers of single examples"
        )
        seeds = f", and of {self.seeds} seeds" if self.seeds > 1 else ""
        return f"Probabilities of being on the front come from {how}{seeds}."


def judged(
    pool: pd.DataFrame,
    places: IntArray,
    directions: Mapping[str, str],
    evidence: Evidence,
    generator: np.random.Generator,
) -> tuple[pd.DataFrame, Basis]:
    """The front with the columns ``FRONT`` filled as far as is known, and what that rests on.

    ``pool`` are the candidates, ``places`` the rows of it that are on the front, in their order.
    Probabilities are on test where the whole front is confirmed (among all confirmed points), else
    on validation (among the front and points near it).
    """
    front = _with_test(front_rows(pool.iloc[places]), evidence.confirmation)
    against = [evidence.to_dense(point) for point in points_of(front)]
    weighed, records = _weighed(pool, places, directions, evidence)
    drawn, paired = _drawn(records, generator)
    points = objectives(weighed, directions)
    probability = certainty.front_probability(points, directions, drawn)
    added: dict[str, Any] = {
        "verdict": [one.verdict for one in against],
        "p_value": holm([one.p_value for one in against]),
        "front_probability": probability[: len(front)],
    }
    split = "test" if _is_confirmed(front) else "validation"
    seeds = max((len(some) for some in records), default=0)
    front = front.assign(**{name: series(new, FRONT[name]) for name, new in added.items()})
    return front, Basis(split, paired, len(points), seeds)


def points_of(table: pd.DataFrame) -> list[Point]:
    """(trial_id, epoch) of each row."""
    pairs = zip(table["trial_id"], table["epoch"], strict=True)
    return [(str(trial), int(epoch)) for trial, epoch in pairs]


def _is_confirmed(front: pd.DataFrame) -> bool:
    return len(front) > 0 and bool(front["test_accuracy"].notna().all())


def _with_test(front: pd.DataFrame, story: Confirmation) -> pd.DataFrame:
    rows = [summary(story.of(point), story.baseline) for point in points_of(front)]
    added = {name: series([row.get(name) for row in rows], FRONT[name]) for name in _OF_TEST}
    front = front.assign(**added)
    return front.assign(optimism=front["accuracy"] - front["test_accuracy"])


def _weighed(
    pool: pd.DataFrame, places: IntArray, directions: Mapping[str, str], evidence: Evidence
) -> tuple[pd.DataFrame, list[list[Mapping[str, Any]]]]:
    """The points that are weighed, those of the front first, and the records of each by seed."""
    story = evidence.confirmation
    mine = points_of(pool.iloc[places])
    tested = set(story.points)
    if mine and tested.issuperset(mine):
        others = [n for n, p in enumerate(points_of(pool)) if p in tested and p not in mine]
        rows = pool.iloc[[*places, *others]]
        return rows, [list(story.of(point)) for point in points_of(rows)]
    most = max(NEAREST, POINTS - len(places))
    close = certainty.near(objectives(pool, directions), directions, places, most)
    rows = pool.iloc[[*places, *close]]
    return rows, [[evidence.records[point]] for point in points_of(rows)]


def _drawn(
    records: list[list[Mapping[str, Any]]], generator: np.random.Generator
) -> tuple[FloatArray, bool]:
    """Drawn accuracies, shape (resamples, points), and whether they are of the same examples."""
    if not records:
        return np.empty((certainty.RESAMPLES, 0)), True
    answers = [stack(answers_of(record) for record in some) for some in records]
    known = [rows for rows in answers if rows is not None]
    if len(known) == len(answers) and len({rows.shape[1] for rows in known}) == 1:
        return certainty.over_seeds(known, generator), True
    shares = np.array([np.mean([_share(record) for record in some]) for some in records])
    examples = np.array([_number(some[0].get("examples")) for some in records])
    return certainty.binomial(shares, examples, generator), False


def _share(record: Mapping[str, Any]) -> float:
    return _number(record.get("accuracy"))


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else math.nan
