"""The front with its uncertainty: values on test, probabilities, verdicts.

:class:`Evidence` has the single evaluations of the ledger and compares two of them.
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
from analysis.certainty.verdicts import ToDense, certain, margin, to_dense
from analysis.tables.columns import MOST_DROP, Split, front_columns, series, tested_columns
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
    """The records of the search, of the dense model and of the confirmation."""

    metric: PrimaryMetric
    trials: Mapping[str, Trial]
    baseline: ReadEvent | None
    """The dense model on validation."""
    confirmation: Confirmation

    def record(self, point: Point) -> ReadEvent | None:
        """The search's record of a point; None if there is none."""
        trial = self.trials.get(point[0])
        mine = (r for r in trial.records if r["epoch"] == point[1]) if trial else iter(())
        return next(mine, None)

    def to_dense(self, point: Point) -> ToDense:
        """Compare the point with the dense model, on test if it is confirmed."""
        on_test = self.confirmation.of(point)
        if on_test:
            return to_dense(on_test, self.confirmation.baseline, self.metric)
        record = self.record(point)
        return to_dense([] if record is None else [record], self.baseline, self.metric)

    def answers(self, side: Side, seed: int | None = None) -> BoolArray | None:
        """The answers on validation or, with a ``seed``, those on test of the retrained model."""
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


# The front is compared with the nearest points off it: up to POINTS in all, but at least NEAREST.
POINTS = 60
NEAREST = 20


@dataclass(frozen=True)
class Basis:
    """How the probabilities of a front were computed."""

    metric: PrimaryMetric
    split: Split
    paired: bool
    """Whether all points were scored on the same drawn examples; else a value was drawn for each
    point independently, from its standard error."""
    points: int
    """The number of points that were compared with each other."""
    seeds: int

    @property
    def text(self) -> str:
        """The same in a sentence."""
        how = (
            f"bootstrap resamples of the {self.split} examples, the same for all {self.points} "
            "points that were compared"
            if self.paired
            else f"independent normal draws of each {self.metric.name} on {self.split} with its "
            "standard error, because the ledger has no answers to single examples; for the same "
            "reason, verdicts compare a point with dense as if they had been evaluated on "
            "different examples"
        )
        seeds = f", and of {self.seeds} seeds" if self.paired and self.seeds > 1 else ""
        return (
            f"Probabilities of being on the front come from {bootstrap.RESAMPLES:,} {how}{seeds}."
        )


def judged(
    pool: pd.DataFrame,
    places: IntArray,
    directions: Mapping[str, str],
    evidence: Evidence,
    generator: np.random.Generator,
) -> tuple[pd.DataFrame, Basis]:
    """The front with all known values of its columns, and how its probabilities were computed.

    ``pool`` has the candidates; ``places`` are the positions of the front's points in it, in order.
    Probabilities are on test if the whole front is confirmed (among all confirmed points), else on
    validation (among the front and the points nearest to it).
    """
    metric = evidence.metric
    front = _with_test(front_rows(pool.iloc[places], metric), evidence)
    on_test = len(front) > 0 and bool(front[metric.test].notna().all())
    noisy = _noisy(directions, metric)
    rows, records = _weighed(pool, places, directions, evidence, on_test, noisy)
    drawn, kept, paired = _drawn(records, len(front), metric, generator)
    points = objectives(rows, directions)[kept]
    probability = bootstrap.front_probability(points, directions, drawn, noisy)
    against = [evidence.to_dense(point) for point in points_of(front)]
    most_drop = _most_drop(front, against, evidence)
    near = margin(metric, measured(evidence.confirmation.baseline or {}, metric).value)
    is_tested = front[metric.test].notna().to_numpy(dtype=bool)
    sure = certain(most_drop, front["sparsity"].to_numpy(np.float64), is_tested, near)
    added: dict[str, Any] = {
        "verdict": [one.verdict(is_sure) for one, is_sure in zip(against, sure, strict=True)],
        "p_value": holm([one.p_value for one in against]),
        "front_probability": probability[: len(front)],
        MOST_DROP: most_drop,
    }
    kinds = front_columns(metric)
    front = front.assign(**{name: series(new, kinds[name]) for name, new in added.items()})
    seeds = max((len(some) for some in records), default=0)
    return front, Basis(metric, "test" if on_test else "validation", paired, len(points), seeds)


def _most_drop(front: pd.DataFrame, against: list[ToDense], evidence: Evidence) -> FloatArray:
    """The column ``MOST_DROP``, shape (n,).

    While a round is running nothing has a bound: who looks again and again finds a lucky moment.
    """
    story = evidence.confirmation
    pairs = zip(points_of(front), against, strict=True)
    known = [not (story.running or not story.of(p) or story.has_failed(p)) for p, _ in pairs]
    return np.where(known, [-one.low for one in against], np.nan)


def _noisy(directions: Mapping[str, str], metric: PrimaryMetric) -> list[str]:
    """The objectives that depend on the primary metric: the metric and its drop."""
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
    """The points that are compared with each other, those of the front first, and their records.

    A point has one record per seed.
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
) -> tuple[FloatArray, list[int], bool]:
    """Drawn values (resamples, kept), where more is better; the kept points; ``Basis.paired``.

    ``front`` is the number of points on the front, which come first. If their answers are known,
    other points without answers are left out.
    """
    seeds = [[measured(record, metric) for record in some] for some in records]
    counted = {n for n, some in enumerate(seeds) if not np.isnan([s.examples for s in some]).any()}
    answers = {n: stack(map(answers_of, records[n])) for n in sorted(counted)}
    known = {n: rows for n, rows in answers.items() if rows is not None}
    examples_of = {rows.shape[1] for rows in known.values()}
    if front and known.keys() >= set(range(front)) and len(examples_of) == 1:
        drawn = bootstrap.resampled_means(list(known.values()), generator)
        return drawn, list(known), True
    means = [mean_of(some) for some in seeds]
    values, errors, _ = np.array(means, dtype=np.float64).reshape(-1, 3).T
    spreads = [np.std(values_of(some), ddof=1) if len(some) > 1 else 0.0 for some in seeds]
    # More seeds reduce the error of the mean over seeds, but not the error over examples.
    errors = np.hypot(errors, spreads / np.sqrt([len(some) for some in seeds]))
    sign = 1.0 if metric.direction == "max" else -1.0
    noise = generator.standard_normal((bootstrap.RESAMPLES, len(values)))
    return sign * (values + errors * noise), list(range(len(records))), False
