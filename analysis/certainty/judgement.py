"""The front with all that is known of how sure it is: test figures, probabilities, verdicts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from analysis.certainty import bootstrap
from analysis.certainty.answers import Point, answers_of, stack
from analysis.certainty.evidence import Evidence
from analysis.certainty.statistics import holm
from analysis.tables.columns import FRONT, TEST, series
from analysis.tables.confirmation import Confirmation, summary
from analysis.tables.front import front_rows, objectives
from sweep.ledger.events import ReadEvent
from sweep.pareto import FloatArray, IntArray

# With this many points in all, the nearest of those off the front are weighed with it, too.
POINTS = 60
NEAREST = 20


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
            f"{bootstrap.RESAMPLES:,} bootstrap resamples of the {self.split} examples, the same "
            f"for all {self.points} points that were weighed"
            if self.paired
            else f"{bootstrap.RESAMPLES:,} binomial draws of each accuracy on {self.split} by "
            f"itself, for the ledger holds no answers of single examples"
        )
        seeds = f", and of {self.seeds} seeds" if self.paired and self.seeds > 1 else ""
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
    on_test = len(front) > 0 and bool(front["test_accuracy"].notna().all())
    weighed = _weighed(pool, places, directions, evidence, on_test)
    drawn, kept, paired = _drawn(weighed.records, len(front), generator)
    points = objectives(weighed.rows, directions)[kept]
    probability = bootstrap.front_probability(points, directions, drawn)
    against = [evidence.to_dense(point) for point in points_of(front)]
    added: dict[str, Any] = {
        "verdict": [one.verdict for one in against],
        "p_value": holm([one.p_value for one in against]),
        "front_probability": probability[: len(front)],
    }
    front = front.assign(**{name: series(new, FRONT[name]) for name, new in added.items()})
    seeds = max((len(some) for some in weighed.records), default=0)
    return front, Basis("test" if on_test else "validation", paired, len(points), seeds)


def points_of(table: pd.DataFrame) -> list[Point]:
    """(trial_id, epoch) of each row."""
    return list(zip(table["trial_id"].tolist(), table["epoch"].tolist(), strict=True))


def _with_test(front: pd.DataFrame, story: Confirmation) -> pd.DataFrame:
    rows = [summary(story.of(point), story.baseline) for point in points_of(front)]
    added = {name: series([row.get(name) for row in rows], FRONT[name]) for name in TEST}
    front = front.assign(**added)
    return front.assign(optimism=front["accuracy"] - front["test_accuracy"])


class _Weighed(NamedTuple):
    """The points that are weighed against each other, those of the front first."""

    rows: pd.DataFrame
    records: list[list[ReadEvent]]
    """Of each row, one a seed."""


def _weighed(
    pool: pd.DataFrame,
    places: IntArray,
    directions: Mapping[str, str],
    evidence: Evidence,
    on_test: bool,
) -> _Weighed:
    if on_test:
        story = evidence.confirmation
        others = set(story.points) - set(points_of(pool.iloc[places]))
        more = [place for place, point in enumerate(points_of(pool)) if point in others]
        rows = pool.iloc[[*places, *more]]
        return _Weighed(rows, [story.of(point) for point in points_of(rows)])
    most = max(NEAREST, POINTS - len(places))
    near = bootstrap.near(objectives(pool, directions), directions, places, most)
    rows = pool.iloc[[*places, *near]]
    return _Weighed(rows, [[evidence.record(point) or {}] for point in points_of(rows)])


def _drawn(
    records: list[list[ReadEvent]], front: int, generator: np.random.Generator
) -> tuple[FloatArray, list[int], bool]:
    """Drawn accuracies (resamples, kept), the points that were kept, and whether in pairs.

    Points beside the ``front`` (the first so many) whose answers are not known are left out, where
    those of the front are.
    """
    answers = {n: stack(map(answers_of, some)) for n, some in enumerate(records)}
    known = {n: rows for n, rows in answers.items() if rows is not None}
    examples_of = {rows.shape[1] for rows in known.values()}
    if front and known.keys() >= set(range(front)) and len(examples_of) == 1:
        return bootstrap.resampled_means(list(known.values()), generator), list(known), True
    shares = [float(np.mean([_number(r.get("accuracy")) for r in some])) for some in records]
    examples = [_number(some[0].get("examples")) for some in records]
    drawn = bootstrap.binomial(np.array(shares), np.array(examples), generator)
    return drawn, list(range(len(records))), False


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else math.nan
