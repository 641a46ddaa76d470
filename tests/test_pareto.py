"""Dominance and hypervolume against their definitions, over all pairs of points and all cells."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sweep.pareto import Front, hypervolume, knee, nondominated

values = st.sampled_from([-np.inf, -1.5, -0.0, 0.0, 0.25, 0.5, 2.0, np.inf])
directions = st.lists(st.sampled_from(["max", "min"]), min_size=1, max_size=4)


@st.composite
def clouds(draw: st.DrawFn) -> tuple[np.ndarray, list[str]]:
    """Up to 25 points of one to four objectives, with ties, duplicates and infinite values."""
    ways = draw(directions)
    return draw(arrays(float, (draw(st.integers(0, 25)), len(ways)), elements=values)), ways


def dominated(points: np.ndarray, ways: list[str]) -> np.ndarray:
    """For each row, whether another row dominates it."""
    better = points * np.where(np.array(ways) == "max", 1.0, -1.0)
    return np.array([any((q >= p).all() and (q > p).any() for q in better) for p in better], bool)


@given(clouds())
def test_nondominated_is_what_no_other_point_dominates(cloud: tuple[np.ndarray, list[str]]) -> None:
    points, ways = cloud
    best = ~dominated(points, ways)
    first = [not (points[:i] == point).all(axis=1).any() for i, point in enumerate(points)]
    assert nondominated(points, ways, keep_duplicates=True).tolist() == best.tolist()
    one_each = nondominated(points, ways, keep_duplicates=False)
    assert one_each.tolist() == (best & np.array(first, bool)).tolist()


@given(clouds())
def test_a_growing_front_equals_the_nondominated_set_after_each_point(
    cloud: tuple[np.ndarray, list[str]],
) -> None:
    points, ways = cloud
    front: Front[int] = Front(ways)
    for count, point in enumerate(points):
        before = list(front.items)
        out = front.add(count, point.tolist())
        mask = nondominated(points[: count + 1], ways, keep_duplicates=False)
        assert front.items == np.flatnonzero(mask).tolist()
        assert out == ([item for item in before if not mask[item]] if mask[count] else None)
    assert np.array_equal(front.points, points[front.items])


def test_spread_keeps_both_ends_and_even_distances() -> None:
    front: Front[int] = Front(["max", "max"])
    for index in range(101):
        front.add(index, (index / 100, 1 - index / 100))
    assert front.spread(5) == [100, 75, 50, 25, 0]
    assert front.spread(101) == list(range(100, -1, -1))


@given(st.integers(0, 2**32), st.integers(1, 4), st.integers(0, 12))
def test_hypervolume_counts_the_cells_of_a_grid(seed: int, objectives: int, count: int) -> None:
    """Cells of different sizes; some points lie outside the reference point, some on its border."""
    draw = np.random.default_rng(seed)
    ways = draw.choice(["max", "min"], objectives).tolist()
    edges = np.cumsum(draw.random((objectives, 6)), axis=1)  # from the reference point on
    places = draw.integers(-1, 6, (count, objectives))
    cells = np.array(list(product(range(5), repeat=objectives)))
    sizes = np.prod([np.diff(edges[i])[cells[:, i]] for i in range(objectives)], axis=0)
    covered = (cells[:, None, :] < places[None, :, :]).all(axis=2).any(axis=1)
    signs = np.where(np.array(ways) == "max", 1, -1)
    lengths = np.column_stack([edges[i][places[:, i]] for i in range(objectives)])
    lengths[places < 0] = edges[:, 0].min() - 1
    got = hypervolume(signs * lengths, signs * edges[:, 0], ways)
    assert got == pytest.approx(sizes[covered].sum(), rel=1e-9, abs=1e-12)


def test_knee_is_found_at_the_bend() -> None:
    sparsity = np.linspace(0.2, 0.95, 16)
    accuracy = np.where(sparsity <= 0.8, 0.9 - 0.02 * sparsity, 0.9 - 3 * (sparsity - 0.8))
    at = knee(np.column_stack([accuracy, sparsity]), ["max", "max"])
    assert sparsity[at] == pytest.approx(0.8)


def test_knee_ignores_dominated_points_and_units() -> None:
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
def test_fronts_without_a_clear_knee_have_none(points: list[list[float]]) -> None:
    assert knee(points, ["max", "max"]) is None


def test_knee_is_found_for_three_objectives() -> None:
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
def test_bad_points_raise_an_error(points: list[object], directions: list[str], say: str) -> None:
    with pytest.raises(ValueError, match=say):
        nondominated(points, directions, keep_duplicates=True)


def test_an_infinite_reference_point_raises_an_error() -> None:
    with pytest.raises(ValueError, match="finite"):
        hypervolume([[1, 1]], [np.inf, 0], ["min", "max"])
