"""The points that are confirmed: the front as others see it, and the nearest runners-up."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import moocore
import numpy as np
import pytest

import analysis
from sweep.config import SweepConfig
from sweep.search.to_confirm import choose
from tests.analysis.ledgers import big_sweep

EXAMPLES = 400


def config(**sections: Any) -> SweepConfig:
    return SweepConfig.model_validate({"name": "c", "task": {"dataset": "digits"}, **sections})


def record(name: str, accuracy: float, sparsity: float, **fields: Any) -> dict[str, Any]:
    own = {"epoch": 1, "partial": False, "examples": EXAMPLES, "accuracy": accuracy}
    own["stage"] = "recovered"
    return {"event": "record", "trial_id": name, "sparsity": sparsity, **own, **fields}


def names(points: list[Any], why: str) -> list[str]:
    return [point.trial_id for point in points if point.why == why]


@pytest.mark.parametrize("seed", range(4))
def test_the_front_is_that_of_the_analysis(seed: int, tmp_path: Path) -> None:
    ledger = big_sweep(30, seed)
    front = analysis.load(ledger.write(tmp_path)).front
    points = choose(config(), ledger.events, 0)
    assert {point.why for point in points} == {"front"}
    expected = set(zip(front["trial_id"], front["epoch"].astype(int), strict=True))
    assert {(point.trial_id, point.epoch) for point in points} == expected


@pytest.mark.parametrize("seed", range(4))
def test_runners_up_are_the_front_of_the_rest(seed: int) -> None:
    events = big_sweep(30, seed).events
    points = choose(config(), events, 10**6)
    found = {(e["trial_id"], e["epoch"]): e for e in events if e["event"] == "record"}
    front = {(p.trial_id, p.epoch) for p in points if p.why == "front"}
    rest = [key for key in found if key not in front]
    values = np.array([[found[key]["accuracy"], found[key]["sparsity"]] for key in rest])
    kept = moocore.is_nondominated(values, maximise=[True, True], keep_weakly=False)
    expected = {key for key, is_kept in zip(rest, kept, strict=True) if is_kept}
    assert {(p.trial_id, p.epoch) for p in points if p.why == "runner-up"} == expected != set()
    assert points[: len(front) + 2] == choose(config(), events, 2)


def test_the_nearest_come_first_in_standard_errors_below_the_front() -> None:
    events = [
        record("a", 0.95, 0.5),
        record("b", 0.60, 0.9),
        record("near", 0.93, 0.4),  # 0.02 below a: 1.2 errors
        record("far", 0.54, 0.85),  # 0.06 below b: 1.7 errors
        record("deep", 0.2, 0.2),  # of the third front
    ]
    assert names(choose(config(), events, 9), "front") == ["a", "b"]
    assert names(choose(config(), events, 9), "runner-up") == ["near", "far"]
    events[2]["examples"] = 10**6
    order = names(choose(config(), events, 9), "runner-up")
    gaps = {"near": gap(0.95, 400, 0.93, 10**6), "far": gap(0.60, 400, 0.54, 400)}
    assert order == sorted(gaps, key=lambda name: gaps[name]) == ["far", "near"]
    assert names(choose(config(), events, 1), "runner-up") == ["far"]


def gap(best: float, best_examples: int, accuracy: float, examples: int) -> float:
    """Without the correction that keeps an error above 0, which these are far from."""
    of = [(best, best_examples), (accuracy, examples)]
    return (best - accuracy) / math.sqrt(sum(a * (1 - a) / n for a, n in of))


def test_the_distance_is_to_points_that_are_at_least_as_good_in_all_else() -> None:
    """``dense`` is far below the front at its own sparsity, though near to a sparser point."""
    events = [record("top", 0.95, 0.5), record("sparse", 0.70, 0.9)]
    events += [record("dense", 0.75, 0.4), record("other", 0.66, 0.85)]
    assert names(choose(config(), events, 9), "runner-up") == ["other", "dense"]


def test_what_is_partial_incomplete_or_told_twice_is_no_candidate() -> None:
    events = [
        record("a", 0.9, 0.5),
        record("a", 0.99, 0.5),  # told again: the first counts
        record("b", 0.95, 0.6, partial=True),
        record("c", math.nan, 0.7),
        {"event": "confirm_record", **{k: v for k, v in record("d", 1, 1).items() if k != "event"}},
    ]
    assert [(p.trial_id, p.epoch) for p in choose(config(), events, 9)] == [("a", 1)]
    assert choose(config(), events[2:], 9) == []


def test_a_front_keeps_to_the_constraints_where_any_point_does() -> None:
    bound = config(search={"constraints": {"accuracy": {"min": 0.8}}})
    events = [record("a", 0.9, 0.5), record("b", 0.85, 0.4), record("beyond", 0.7, 0.9)]
    assert names(choose(bound, events, 9), "front") == ["a"]
    assert names(choose(bound, events, 9), "runner-up") == ["b"]
    assert names(choose(bound, events[2:], 9), "front") == ["beyond"]
    assert names(choose(config(), events, 0), "front") == ["a", "beyond"]
