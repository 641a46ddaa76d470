"""The front with all that is known of how sure it is: test figures, probabilities, verdicts.

:class:`Evidence` is what the ledger holds of single evaluations, and compares them by example.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from analysis.certainty import bootstrap
from analysis.certainty.answers import BoolArray, Point, answers_of, stack
from analysis.certainty.paired import Paired, compare
from analysis.certainty.statistics import holm
from analysis.certainty.verdicts import ToDense, to_dense
from analysis.tables.columns import FRONT, TEST, series
from analysis.tables.confirmation import Confirmation, summary
from analysis.tables.frames import Trial
from analysis.tables.front import front_rows, objectives
from sweep.ledger.events import ReadEvent
from sweep.pareto import FloatArray, IntArray

Side = Point | Literal["dense"]
"""A point or the dense model."""


@dataclass(frozen=True)
class Evidence:
    """Records of the search, of its dense model and of the confirmation."""

    trials: Mapping[str, Trial]
    baseline: ReadEvent | None
    """The dense model on validation."""
    confirmation: Confirmation

    def record(self, point: Point) -> ReadEvent | None:
        """The search's record of a point; None where there is none."""
        trial = self.trials.get(point[0])
        mine = (r for r in trial.records if r["epoch"] == point[1]) if trial else iter(())
        return next(mine, None)

    def to_dense(self, point: Point) -> ToDense:
        """The point against dense: on test where it is confirmed, else on validation."""
        on_test = self.confirmation.of(point)
        if on_test:
            return to_dense(on_test, self.confirmation.baseline)
        record = self.record(point)
        return to_dense([] if record is None else [record], self.baseline)

    def answers(self, side: Side, seed: int | None = None) -> BoolArray | None:
        """Answers on validation, or on test by the model retrained under ``seed``."""
        if isinstance(side, str):
            return answers_of(self.baseline if seed is None else self.confirmation.baseline)
        if seed is None:
            return answers_of(self.record(side))
        return answers_of(self.confirmation.records.get((*side, seed)))

    def compare(self, a: Side, b: Side, seed: int | None, generator: np.random.Generator) -> Paired:
        """Compare two sides on the same examples; see ``Results.compare_points``."""
        split = "validation" if seed is None else "test"
        sides = []
        for side in (a, b):
            answers = self.answers(side, seed)
            if answers is None:
                raise ValueError(f"the ledger has no {split} answers of {_words(side, seed)}")
            sides.append((_words(side, seed), answers))
        return compare(sides[0], sides[1], split, generator)


def _words(side: Side, seed: int | None) -> str:
    if isinstance(side, str):
        return "dense"
    retrained = "" if seed is None else f", retrained under seed {seed}"
    return f"{side[0]} after epoch {side[1]}{retrained}"


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
    rows, records = _weighed(pool, places, directions, evidence, on_test)
    drawn, kept, paired = _drawn(records, len(front), generator)
    points = objectives(rows, directions)[kept]
    probability = bootstrap.front_probability(points, directions, drawn)
    against = [evidence.to_dense(point) for point in points_of(front)]
    added: dict[str, Any] = {
        "verdict": [one.verdict for one in against],
        "p_value": holm([one.p_value for one in against]),
        "front_probability": probability[: len(front)],
    }
    front = front.assign(**{name: series(new, FRONT[name]) for name, new in added.items()})
    seeds = max((len(some) for some in records), default=0)
    return front, Basis("test" if on_test else "validation", paired, len(points), seeds)


def points_of(table: pd.DataFrame) -> list[Point]:
    """(trial_id, epoch) of each row."""
    return list(zip(table["trial_id"].tolist(), table["epoch"].tolist(), strict=True))


def _with_test(front: pd.DataFrame, story: Confirmation) -> pd.DataFrame:
    rows = [summary(story.of(point), story.baseline) for point in points_of(front)]
    added = {name: series([row.get(name) for row in rows], FRONT[name]) for name in TEST}
    front = front.assign(**added)
    return front.assign(optimism=front["accuracy"] - front["test_accuracy"])


def _weighed(
    pool: pd.DataFrame,
    places: IntArray,
    directions: Mapping[str, str],
    evidence: Evidence,
    on_test: bool,
) -> tuple[pd.DataFrame, list[list[ReadEvent]]]:
    """The points that are weighed against each other, those of the front first.

    And the records of each, one a seed.
    """
    if on_test:
        story = evidence.confirmation
        others = set(story.points) - set(points_of(pool.iloc[places]))
        more = [place for place, point in enumerate(points_of(pool)) if point in others]
        rows = pool.iloc[[*places, *more]]
        return rows, [story.of(point) for point in points_of(rows)]
    most = max(NEAREST, POINTS - len(places))
    near = bootstrap.near(objectives(pool, directions), directions, places, most)
    rows = pool.iloc[[*places, *near]]
    return rows, [[evidence.record(point) or {}] for point in points_of(rows)]


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
    accuracies = (series([r.get("accuracy") for r in some], "float") for some in records)
    shares = np.array([one.mean(skipna=False) for one in accuracies])
    examples = series([some[0].get("examples") for some in records], "float").to_numpy()
    drawn = bootstrap.binomial(shares, examples, generator)
    return drawn, list(range(len(records))), False
