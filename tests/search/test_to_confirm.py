"""The points to confirm: the front of the analysis, and the nearest runners-up."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import analysis
from sweep.config import SweepConfig
from sweep.ledger.events import Point
from sweep.ledger.metric import PrimaryMetric
from sweep.search.replay import Search
from sweep.search.rounds import choose
from tests.analysis.ledgers import LedgerBuilder, big_sweep
from tests.search.studies import config, record


def choose_points(
    settings: SweepConfig,
    records: Any,
    runners_up: int,
    metric: PrimaryMetric | None = None,
    **params: dict[str, Any],
) -> list[Point]:
    """``params`` of some trials by name; the others all differ."""
    differ = {r["trial_id"]: {"learning_rate": 1e-5 * n} for n, r in enumerate(records, 1)}
    return choose(settings, records, differ | params, runners_up, metric or PrimaryMetric())


def names(points: list[Any], why: str) -> list[str]:
    return [point["trial_id"] for point in points if point["why"] == why]


@pytest.mark.parametrize("seed", range(4))
def test_the_front_is_that_of_the_analysis(seed: int, tmp_path: Path) -> None:
    ledger = big_sweep(30, seed)
    front = analysis.load(ledger.write(tmp_path)).front
    points = choose_points(config(), Search(config()).replay(ledger.events).records, 0)
    assert {point["why"] for point in points} == {"front"}
    expected = set(zip(front["trial_id"], front["epoch"].astype(int), strict=True))
    assert {(point["trial_id"], point["epoch"]) for point in points} == expected


def random_records(seed: int) -> list[Any]:
    """Records with ties and duplicates; some are partial, and some lack a figure."""
    draw = np.random.default_rng(seed)
    found = [
        record(f"t{n}", float(a) / 8, float(s) / 8, partial=bool(p < 0.1))
        for n, (a, s, p) in enumerate(
            zip(draw.integers(1, 9, 25), draw.integers(0, 8, 25), draw.random(25), strict=True)
        )
    ]
    for place in draw.integers(0, 25, 3):
        found[place]["accuracy"] = draw.choice([math.nan, math.inf, None])
    return found


def undominated(records: list[Any]) -> list[Any]:
    """The nondominated records by the definition; of equal ones, the first."""
    figures = [(one["accuracy"], one["sparsity"]) for one in records]

    def is_in(place: int) -> bool:
        own = figures[place]
        dominated = any(a >= own[0] and s >= own[1] and (a, s) != own for a, s in figures)
        return not dominated and own not in figures[:place]

    return [one for place, one in enumerate(records) if is_in(place)]


@pytest.mark.parametrize("lowest", [None, 0.5, 2.0])
def test_the_front_and_the_front_of_the_rest_by_their_definition(lowest: float | None) -> None:
    """Under a bound that all records satisfy, that some satisfy, and that none satisfies."""
    bounds = {} if lowest is None else {"accuracy": {"min": lowest}}
    settings = config(search={"constraints": bounds})
    for seed in range(60):
        records = random_records(seed)
        whole = [
            one
            for one in records
            if not one["partial"] and one["accuracy"] is not None and math.isfinite(one["accuracy"])
        ]
        pool = [one for one in whole if one["accuracy"] >= (lowest or 0)] or whole
        front = undominated(pool)
        taken = [(one["accuracy"], one["sparsity"]) for one in front]
        others = [one for one in pool if (one["accuracy"], one["sparsity"]) not in taken]
        second = undominated(others)
        points = choose_points(settings, records, 10**6)
        assert names(points, "front") == [one["trial_id"] for one in front]
        runners_up = names(points, "runner-up")
        assert sorted(runners_up) == sorted(one["trial_id"] for one in second)
        assert points[: len(front) + 2] == choose_points(settings, records, 2)


def test_the_nearest_come_first_in_standard_errors_below_the_front() -> None:
    events = [
        record("a", 0.95, 0.5),
        record("b", 0.60, 0.9),
        record("near", 0.93, 0.4),  # 0.02 below a: 1.2 errors
        record("far", 0.54, 0.85),  # 0.06 below b: 1.7 errors
        record("deep", 0.2, 0.2),  # of the third front
    ]
    assert names(choose_points(config(), events, 9), "front") == ["a", "b"]
    assert names(choose_points(config(), events, 9), "runner-up") == ["near", "far"]
    events[2]["examples"] = 10**6
    order = names(choose_points(config(), events, 9), "runner-up")
    gaps = {"near": gap(0.95, 400, 0.93, 10**6), "far": gap(0.60, 400, 0.54, 400)}
    assert order == sorted(gaps, key=lambda name: gaps[name]) == ["far", "near"]
    assert names(choose_points(config(), events, 1), "runner-up") == ["far"]


def test_copies_of_front_points_give_way_to_real_runners_up() -> None:
    """Equal values, or params that make the same model under a fresh seed."""
    same = {"sparsity": 0.5, "finetune_epochs": 3, "learning_rate": 1e-3}
    events = [
        record("front", 0.95, 0.5),
        record("values", 0.95, 0.5),
        record("seed", 0.949, 0.5),  # as many epochs in all, but after as many it is the same
        record("real", 0.93, 0.49),
        record("again", 0.92, 0.495),
        record("pruned", 0.91, 0.499, epoch=0),
        record("rate", 0.91, 0.499, epoch=0),
    ]
    params = {
        "front": {**same, "seed": 1},
        "seed": {**same, "seed": 2, "finetune_epochs": 5},
        "real": {"sparsity": 0.49, "seed": 1},
        "again": {"sparsity": 0.49, "seed": 2},
        "pruned": {"sparsity": 0.499, "learning_rate": 1e-3},
        "rate": {"sparsity": 0.499, "learning_rate": 1e-4},
    }
    points = choose_points(config(), events, 9, **params)
    assert names(points, "front") == ["front"]
    assert names(points, "runner-up") == ["real", "pruned"]
    assert names(choose_points(config(), events, 1, **params), "runner-up") == ["real"]
    other = {**params, "seed": {**same, "learning_rate": 1e-2}}
    assert names(choose_points(config(), events, 1, **other), "runner-up") == ["seed"]


def gap(best: float, best_examples: int, accuracy: float, examples: int) -> float:
    """Without the correction that keeps an error above 0, which these are far from."""
    of = [(best, best_examples), (accuracy, examples)]
    return (best - accuracy) / math.sqrt(sum(a * (1 - a) / n for a, n in of))


def test_the_distance_is_to_points_that_are_at_least_as_good_in_all_else() -> None:
    """``dense`` is far below the front at its own sparsity, though near to a sparser point."""
    events = [record("top", 0.95, 0.5), record("sparse", 0.70, 0.9)]
    events += [record("dense", 0.75, 0.4), record("other", 0.66, 0.85)]
    assert names(choose_points(config(), events, 9), "runner-up") == ["other", "dense"]


def test_the_distance_is_that_of_the_primary_metric_in_its_direction() -> None:
    """Errors as in the records; a record without one comes last."""
    events = [
        record("best", 0.9, 0.9, rmse=2.0, rmse_se=0.3),
        record("far", 0.6, 0.8, rmse=2.6, rmse_se=0.4),  # 1.2 errors
        record("near", 0.7, 0.7, rmse=3.0, rmse_se=1.5),  # 0.7 errors
        record("unknown", 0.8, 0.6, rmse=2.1, rmse_se=None),
    ]
    points = choose_points(config(), events, 9, PrimaryMetric("rmse", "min"))
    assert names(points, "runner-up") == ["near", "far", "unknown"]


def test_records_that_do_not_count_are_no_candidates() -> None:
    """Repeated, of a trial that has ended, of an attempt that is over, of a confirmation."""
    events = LedgerBuilder().trial("a").trial("b").events
    events += [
        record("a", 0.9, 0.5),
        record("a", 0.99, 0.5),
        {"event": "end", "trial_id": "a", "status": "failed", "error": "out of memory"},
        record("a", 0.99, 0.6, epoch=2),
        {"event": "lost", "trial_id": "b", "attempt": 1, "reason": "killed"},
        record("b", 0.99, 0.99),
        {**record("b", 1, 1, attempt=2), "event": "confirm_record"},
    ]
    assert [
        (p["trial_id"], p["epoch"])
        for p in choose_points(config(), Search(config()).replay(events).records, 9)
    ] == [("a", 1)]
    assert choose_points(config(), Search(config()).replay(events[:5]).records, 9) == []
