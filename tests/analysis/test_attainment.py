from __future__ import annotations

import numpy as np
import pytest

from analysis.comparison import attainment
from sweep.pareto import nondominated

LEVELS = (0.25, 0.5, 0.75)
WAYS = [["min", "min"], ["max", "max"], ["max", "min"]]


def fronts(seed: int, ways: list[str]) -> list[np.ndarray]:
    """Two to six non-dominated sets, with ties."""
    draw = np.random.default_rng(seed)
    clouds = [np.round(draw.random((int(draw.integers(1, 9)), 2)), 1) for _ in range(seed % 5 + 2)]
    return [cloud[nondominated(cloud, ways, keep_duplicates=False)] for cloud in clouds]


@pytest.mark.parametrize("ways", WAYS)
def test_a_corner_is_attained_by_as_many_and_nothing_better_is(ways: list[str]) -> None:
    signs = np.array([-1 if way == "max" else 1 for way in ways])

    def attained(goal: np.ndarray, given: list[np.ndarray]) -> float:
        return float(
            np.mean([(front * signs <= goal * signs).all(axis=1).any() for front in given])
        )

    for seed in range(20):
        given = fronts(seed, ways)
        for level in (*LEVELS, 1.0):
            for corner in attainment(given, level, ways):
                assert attained(corner, given) >= level
                for step in ([0.01, 0], [0, 0.01]):
                    assert attained(corner - signs * step, given) < level


def test_one_front_is_its_own_surface() -> None:
    front = [[0.9, 0.1], [0.5, 0.7]]
    assert attainment([front], 0.5, ["max", "max"]).tolist() == [[0.5, 0.7], [0.9, 0.1]]


def test_too_few_fronts_attain_nothing() -> None:
    empty: list[list[float]] = []
    assert attainment([[[1, 2]], empty, empty], 0.5, ["max", "max"]).shape == (0, 2)
    assert attainment([], 0.5, ["max", "max"]).shape == (0, 2)
    assert attainment([[[1, 2]], empty], 0.5, ["max", "max"]).tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("level", "ways"),
    [(0, ["max", "max"]), (50, ["max", "max"]), (0.5, ["max"]), (0.5, ["a", "b"])],
)
def test_bad_questions_are_refused(level: float, ways: list[str]) -> None:
    with pytest.raises(ValueError, match=r"level must be|two directions"):
        attainment([[[1, 2]]], level, ways)
