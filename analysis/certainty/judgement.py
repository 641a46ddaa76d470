"""The front with its uncertainty: values on test, probabilities, verdicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from analysis.certainty import bootstrap
from analysis.certainty.answers import Point, answers_of, stack
from analysis.certainty.measured import mean_of, measured, values_of
from analysis.certainty.statistics import holm
from analysis.certainty.verdicts import ToDense, certain, margin, to_dense
from analysis.tables.columns import MOST_DROP, Split, front_columns, series
from analysis.tables.confirmation import summary
from analysis.tables.front import front_rows, objectives
from analysis.tables.loaded import Loaded
from sweep.ledger.events import ReadEvent
from sweep.ledger.metric import PrimaryMetric
from sweep.pareto import BoolArray, FloatArray, IntArray

Side = Point | Literal["dense"]
"""A point or the dense model."""


def side_of(results: Loaded, side: Side, seed: int | None) -> tuple[str, BoolArray]:
    """The name of a side, and its answers on validation or, with a ``seed``, those on test of the
    model retrained with it. Raises ``ValueError`` if the ledger does not have the answers."""
    tested, split = results.confirming, "validation" if seed is None else "test"
    if isinstance(side, str):
        name, event = "dense", results.story.baseline if seed is None else tested.baseline
    else:
        retrained = "" if seed is None else f", retrained under seed {seed}"
        name = f"{side[0]} after epoch {side[1]}{retrained}"
        event = results.record(side) if seed is None else tested.records.get((*side, seed))
    answers = answers_of(event)
    if answers is None:
        raise ValueError(f"the ledger has no {split} answers of {name}")
    return name, answers


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
    pool: pd.DataFrame, places: IntArray, results: Loaded, generator: np.random.Generator
) -> tuple[pd.DataFrame, Basis]:
    """The front with all known values of its columns, and how its probabilities were computed.

    ``pool`` has the candidates; ``places`` are the positions of the front's points in it, in order.
    Probabilities are on test if the whole front is confirmed (among all confirmed points), else on
    validation (among the front and the points nearest to it).
    """
    metric, directions, story = results.metric, results.directions, results.confirming
    found = points_of(pool.iloc[places])
    tested = [summary(story.of(point), story.baseline, metric) for point in found]
    front = front_rows(pool.iloc[places], metric, tested)
    on_test = len(front) > 0 and bool(front[metric.test].notna().all())
    # The objectives that depend on the primary metric: the metric and its drop.
    ways = {metric.name: metric.direction, metric.drop: "min"}
    noisy = [name for name, way in directions.items() if ways.get(name) == way]
    rows, records = _weighed(pool, places, results, on_test, noisy)
    drawn, kept, paired = _drawn(records, len(front), metric, generator)
    points = objectives(rows, directions)[kept]
    probability = bootstrap.front_probability(points, directions, drawn, noisy)
    against = [_to_dense(results, point) for point in found]
    # While a round is running nothing has a bound: who looks again and again finds a lucky moment.
    is_final = [not (story.running or not story.of(p) or story.has_failed(p)) for p in found]
    most_drop = np.where(is_final, [-one.low for one in against], np.nan)
    near = margin(metric, measured(story.baseline or {}, metric).value)
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


def _to_dense(results: Loaded, point: Point) -> ToDense:
    """Compare the point with the dense model, on test if it is confirmed."""
    on_test = results.confirming.of(point)
    if on_test:
        return to_dense(on_test, results.confirming.baseline, results.metric)
    return to_dense([results.record(point) or {}], results.story.baseline, results.metric)


def points_of(table: pd.DataFrame) -> list[Point]:
    """(trial_id, epoch) of each row."""
    return list(zip(table["trial_id"].tolist(), table["epoch"].tolist(), strict=True))


def _weighed(
    pool: pd.DataFrame,
    places: IntArray,
    results: Loaded,
    on_test: bool,
    noisy: list[str],
) -> tuple[pd.DataFrame, list[list[ReadEvent]]]:
    """The points that are compared with each other, those of the front first, and the records of
    each, one per seed."""
    if on_test:
        story = results.confirming
        others = set(story.points) - set(points_of(pool.iloc[places]))
        more = [place for place, point in enumerate(points_of(pool)) if point in others]
        rows = pool.iloc[[*places, *more]]
        return rows, [story.of(point) for point in points_of(rows)]
    most = max(NEAREST, POINTS - len(places))
    ways = results.directions
    near = bootstrap.near(objectives(pool, ways), ways, places, most, noisy)
    rows = pool.iloc[[*places, *near]]
    return rows, [[results.record(point) or {}] for point in points_of(rows)]


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
