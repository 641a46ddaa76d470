"""Fronts and volumes against moocore, and against what they mean."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from sweep import pareto
from sweep.pareto import hypervolume, knee, nondominated, nondominated_rank

CASES = range(500)


def case(seed: int) -> tuple[np.ndarray, list[str], list[bool]]:
    """A cloud of 0 to 30 points, 2 to 4 objectives, with ties and duplicates in most."""
    draw = np.random.default_rng(seed)
    count, objectives = int(draw.integers(0, 31)), int(draw.integers(2, 5))
    points = draw.random((count, objectives))
    if seed % 3:
        points = np.round(points * draw.integers(2, 6)) / 4 - 0.5
    if count and seed % 2:
        points = points[draw.integers(0, count, count)]
    maximise = [bool(flag) for flag in draw.integers(0, 2, objectives)]
    return points, ["max" if flag else "min" for flag in maximise], maximise


@pytest.mark.parametrize("keep", [True, False])
def test_nondominated_is_that_of_moocore(keep: bool) -> None:
    moocore = pytest.importorskip("moocore")
    for seed in CASES:
        points, directions, maximise = case(seed)
        if not len(points):
            continue
        expected = moocore.is_nondominated(points, maximise=maximise, keep_weakly=keep)
        got = nondominated(points, directions, keep_duplicates=keep)
        assert np.array_equal(got, expected), seed


def test_ranks_are_those_of_moocore() -> None:
    moocore = pytest.importorskip("moocore")
    for seed in CASES:
        points, directions, maximise = case(seed)
        if len(points):
            expected = moocore.pareto_rank(points, maximise=maximise)
            assert np.array_equal(nondominated_rank(points, directions), expected), seed


@pytest.mark.parametrize("ours", [True, False])
def test_hypervolume_is_that_of_moocore(ours: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """With and without it: our own slices are what a machine without moocore has."""
    moocore = pytest.importorskip("moocore")
    if ours:
        monkeypatch.setattr(pareto, "_moocore", lambda: None)
    for seed in CASES:
        points, directions, maximise = case(seed)
        if not len(points):
            continue
        # Some points are outside the reference point, some on its border.
        reference = np.where(maximise, -0.25, 0.25)
        expected = moocore.hypervolume(points, ref=reference, maximise=maximise)
        assert hypervolume(points, reference, directions) == pytest.approx(expected), seed


def test_nondominated_is_what_no_other_point_beats() -> None:
    for seed in range(50):
        points, directions, maximise = case(seed)
        better = points * np.where(maximise, 1, -1)
        beaten = [any((q >= p).all() and (q > p).any() for q in better) for p in better]
        got = nondominated(points, directions, keep_duplicates=True)
        assert got.tolist() == [not flag for flag in beaten]


def test_a_duplicate_is_stood_for_by_its_first() -> None:
    points = [[0, 0], [1, 2], [2, 1], [1, 2]]
    first = nondominated(points, ["max", "max"], keep_duplicates=False)
    assert first.tolist() == [False, True, True, False]


def test_minus_zero_equals_zero() -> None:
    assert nondominated([[0.0, 1], [-0.0, 1]], ["max", "max"], keep_duplicates=False).sum() == 1


def test_one_objective_and_no_points() -> None:
    mask = nondominated([[1], [3], [3]], ["max"], keep_duplicates=True)
    assert mask.tolist() == [False, True, True]
    assert hypervolume([[1], [3]], [0], ["max"]) == 3
    assert nondominated([], ["max", "min"], keep_duplicates=True).tolist() == []
    assert nondominated_rank([], ["max", "min"]).tolist() == []
    assert hypervolume([], [0, 0], ["max", "max"]) == 0


def test_hypervolume_counts_the_cells_of_a_grid() -> None:
    cells = np.array(list(product(range(5), repeat=3)))
    points = np.array([[1, 4, 2], [3, 2, 2], [2, 2, 5], [4, 1, 1]])
    below = (cells[:, None, :] < points[None, :, :]).all(axis=2).any(axis=1)
    assert hypervolume(points, [0, 0, 0], ["max"] * 3) == below.sum()


def test_hypervolume_does_not_change_with_dominated_points_or_order() -> None:
    draw = np.random.default_rng(5)
    points = draw.random((25, 4))
    directions = ["max"] * 4
    front = points[nondominated(points, directions, keep_duplicates=False)]
    whole = hypervolume(points, np.zeros(4), directions)
    assert hypervolume(front[::-1], np.zeros(4), directions) == pytest.approx(whole)


def test_knee_is_where_it_was_put() -> None:
    sparsity = np.linspace(0.2, 0.95, 16)
    accuracy = np.where(sparsity <= 0.8, 0.9 - 0.02 * sparsity, 0.9 - 3 * (sparsity - 0.8))
    at = knee(np.column_stack([accuracy, sparsity]), ["max", "max"])
    assert at is not None
    assert sparsity[at] == pytest.approx(0.8)


def test_knee_does_not_see_dominated_points_or_units() -> None:
    points = np.array([[0.5, 0.05], [0.9, 0.1], [0.89, 0.8], [0.6, 0.9]])
    assert knee(points, ["max", "max"]) == 2
    assert knee(points * [1000, 0.001], ["max", "max"]) == 2
    assert knee(-points, ["min", "min"]) == 2


@pytest.mark.parametrize(
    "points",
    [
        [],
        [[0.9, 0.1]],
        [[0.9, 0.1], [0.8, 0.9]],
        [[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]],  # straight
        [[0.9, 0.1], [0.3, 0.2], [0.1, 0.9]],  # bent the other way
        [[0.9, 0.1], [0.9, 0.1], [0.8, 0.9]],  # two distinct points
    ],
)
def test_no_clear_knee(points: list[list[float]]) -> None:
    assert knee(points, ["max", "max"]) is None


def test_knee_of_three_objectives() -> None:
    points = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.8, 0.8, 0.8], [0.1, 0.2, 0.9]]
    assert knee(points, ["max"] * 3) == 3


@pytest.mark.parametrize(
    ("points", "directions", "say"),
    [
        ([[1, 2]], ["max"], "1 directions"),
        ([[1, 2]], ["max", "up"], "'max' or 'min'"),
        ([[1, 2]], [], "'max' or 'min'"),
        ([1, 2], ["max", "max"], "shape"),
        ([[1, np.nan]], ["max", "max"], "NaN"),
    ],
)
def test_bad_points_are_refused(points: list[object], directions: list[str], say: str) -> None:
    with pytest.raises(ValueError, match=say):
        nondominated(points, directions, keep_duplicates=True)


def test_an_infinite_reference_point_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        hypervolume([[1, 1]], [np.inf, 0], ["min", "max"])
