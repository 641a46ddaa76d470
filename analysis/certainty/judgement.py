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
from analysis.certainty.measured import mean_of, measured, values_of
from analysis.certainty.paired import Paired, compare
from analysis.certainty.statistics import holm
from analysis.certainty.verdicts import ToDense, to_dense
from analysis.tables.columns import Split, front_columns, series, tested_columns
from analysis.tables.confirmation import Confirmation, summary
from analysis.tables.frames import Trial
from analysis.tables.front import front_rows, objectives
from sweep.ledger.events import ReadEvent
from sweep.ledger.metric import PrimaryMetric
from sweep.pareto import FloatArray, IntArray

Side = Point | Literal["dense"]
"""A point or the dense model."""


@dataclass(frozen=True)
class Evidence:
    """Records of the search, of its dense model and of the confirmation."""

    metric: PrimaryMetric
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
            return to_dense(on_test, self.confirmation.baseline, self.metric)
        record = self.record(point)
        return to_dense([] if record is None else [record], self.baseline, self.metric)

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


Drawn = Literal["examples", "shares", "values"]


@dataclass(frozen=True)
class Basis:
    """What the front's probabilities rest on."""

    metric: PrimaryMetric
    split: Split
    drawn: Drawn
    """What was drawn: the same examples for all points; else each point's share of right answers,
    or its value by its standard error."""
    points: int
    """Points that were weighed against each other."""
    seeds: int

    @property
    def text(self) -> str:
        """It in a sentence."""
        each = f"draws of each {self.metric.name} on {self.split} by"
        missing = "for the ledger holds no answers of single examples"
        how = {
            "examples": f"bootstrap resamples of the {self.split} examples, the same for all "
            f"{self.points} points that were weighed",
            "shares": f"binomial {each} itself, {missing}",
            "values": f"normal {each} its standard error, {missing}; for the same reason verdicts "
            "compare a point with dense as if they had been given different examples",
        }[self.drawn]
        seeds = f", and of {self.seeds} seeds" if self.paired and self.seeds > 1 else ""
        return (
            f"Probabilities of being on the front come from {bootstrap.RESAMPLES:,} {how}{seeds}."
        )

    @property
    def paired(self) -> bool:
        """Whether all points were scored on the same drawn examples."""
        return self.drawn == "examples"


def judged(
    pool: pd.DataFrame,
    places: IntArray,
    directions: Mapping[str, str],
    evidence: Evidence,
    generator: np.random.Generator,
) -> tuple[pd.DataFrame, Basis]:
    """The front with all its columns filled as far as is known, and what that rests on.

    ``pool`` are the candidates, ``places`` the rows of it that are on the front, in their order.
    Probabilities are on test where the whole front is confirmed (among all confirmed points), else
    on validation (among the front and points near it).
    """
    metric = evidence.metric
    front = _with_test(front_rows(pool.iloc[places], metric), evidence)
    on_test = len(front) > 0 and bool(front[metric.test].notna().all())
    noisy = _noisy(directions, metric)
    rows, records = _weighed(pool, places, directions, evidence, on_test, noisy)
    drawn, kept, how = _drawn(records, len(front), metric, generator)
    points = objectives(rows, directions)[kept]
    probability = bootstrap.front_probability(points, directions, drawn, noisy)
    against = [evidence.to_dense(point) for point in points_of(front)]
    added: dict[str, Any] = {
        "verdict": [one.verdict for one in against],
        "p_value": holm([one.p_value for one in against]),
        "front_probability": probability[: len(front)],
    }
    kinds = front_columns(metric)
    front = front.assign(**{name: series(new, kinds[name]) for name, new in added.items()})
    seeds = max((len(some) for some in records), default=0)
    return front, Basis(metric, "test" if on_test else "validation", how, len(points), seeds)


def _noisy(directions: Mapping[str, str], metric: PrimaryMetric) -> list[str]:
    """The objectives that go with the metric: it, and how much worse than dense a point is."""
    ways = {metric.name: metric.direction, metric.drop: "min"}
    return [name for name, way in directions.items() if ways.get(name) == way]


def points_of(table: pd.DataFrame) -> list[Point]:
    """(trial_id, epoch) of each row."""
    return list(zip(table["trial_id"].tolist(), table["epoch"].tolist(), strict=True))


def _with_test(front: pd.DataFrame, evidence: Evidence) -> pd.DataFrame:
    story, metric = evidence.confirmation, evidence.metric
    rows = [summary(story.of(point), story.baseline, metric) for point in points_of(front)]
    kinds = tested_columns(metric)
    added = {name: series([row.get(name) for row in rows], kind) for name, kind in kinds.items()}
    front = front.assign(**added)
    return front.assign(optimism=metric.worsening(front[metric.test], front[metric.name]))


def _weighed(
    pool: pd.DataFrame,
    places: IntArray,
    directions: Mapping[str, str],
    evidence: Evidence,
    on_test: bool,
    noisy: list[str],
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
    near = bootstrap.near(objectives(pool, directions), directions, places, most, noisy)
    rows = pool.iloc[[*places, *near]]
    return rows, [[evidence.record(point) or {}] for point in points_of(rows)]


def _drawn(
    records: list[list[ReadEvent]],
    front: int,
    metric: PrimaryMetric,
    generator: np.random.Generator,
) -> tuple[FloatArray, list[int], Drawn]:
    """Drawn values (resamples, kept), more being better; the points that were kept; what was drawn.

    Points beside the ``front`` (the first so many) whose answers are not known are left out, where
    those of the front are.
    """
    seeds = [[measured(record, metric) for record in some] for some in records]
    counted = {n for n, some in enumerate(seeds) if not np.isnan([s.examples for s in some]).any()}
    answers = {n: stack(map(answers_of, records[n])) for n in sorted(counted)}
    known = {n: rows for n, rows in answers.items() if rows is not None}
    examples_of = {rows.shape[1] for rows in known.values()}
    if front and known.keys() >= set(range(front)) and len(examples_of) == 1:
        drawn = bootstrap.resampled_means(list(known.values()), generator)
        return drawn, list(known), "examples"
    everyone = list(range(len(records)))
    means = [mean_of(some) for some in seeds]
    values, errors, examples = np.array(means, dtype=np.float64).reshape(-1, 3).T
    is_known = np.isfinite(values)
    if np.isfinite(examples[is_known]).all():
        return bootstrap.binomial(values, examples, generator), everyone, "shares"
    spreads = [np.std(values_of(some), ddof=1) if len(some) > 1 else 0.0 for some in seeds]
    # The error over examples is the same for all seeds; the spread over seeds shrinks with them.
    errors = np.hypot(errors, spreads / np.sqrt([len(some) for some in seeds]))
    sign = 1.0 if metric.direction == "max" else -1.0
    return sign * bootstrap.normal(values, errors, generator), everyone, "values"
