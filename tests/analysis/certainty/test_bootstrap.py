"""The bootstrap compared with its definition, computed slowly."""

from __future__ import annotations

from bisect import bisect_left

import numpy as np
import pytest

from analysis.certainty.bootstrap import (
    front_probability,
    near,
    resampled,
    resampled_means,
)
from sweep.pareto import nondominated

MANY = 20_000


def alike(models: int, examples: int, seed: int) -> np.ndarray:
    """The answers of models that make the same errors, shape (models, examples)."""
    draw = np.random.default_rng(seed)
    ease = draw.normal(size=examples)
    return (
        ease + 0.5 * draw.normal(size=(models, examples)) < np.linspace(0.2, 1.2, models)[:, None]
    )


def test_resampled_answers_have_the_moments_of_drawn_examples() -> None:
    answers = alike(4, 300, 0)
    right = resampled(answers, np.random.default_rng(1), MANY)
    assert right.shape == (MANY, 4)
    assert np.array_equal(right, np.round(right))
    shares = right.astype(np.float64) / 300
    assert shares.mean(axis=0) == pytest.approx(answers.mean(axis=1), abs=1e-3)
    # This includes the correlations of models, because all are scored on the same examples.
    expected = np.cov(answers, ddof=0) / 300
    assert np.cov(shares.T) == pytest.approx(expected, rel=0.05, abs=2e-6)


def test_models_with_the_same_answers_have_the_same_draws() -> None:
    answers = np.repeat(alike(1, 50, 0), 3, axis=0)
    right = resampled(answers, np.random.default_rng(1))
    assert (right == right[:, [0]]).all()


def test_one_seed_is_the_bootstrap_of_examples() -> None:
    answers = alike(3, 100, 2)
    means = resampled_means([rows[None] for rows in answers], np.random.default_rng(3))
    assert means == pytest.approx(resampled(answers, np.random.default_rng(3)) / 100)


def test_several_seeds_vary_as_their_mean_does() -> None:
    """The variance is that over examples plus that over seeds."""
    draw = np.random.default_rng(4)
    answers = draw.random((5, 2000)) < draw.normal(0.8, 0.05, (5, 1))
    means = resampled_means([answers], np.random.default_rng(5), MANY)[:, 0]
    over_examples = answers.mean(axis=0).var() / 2000
    over_seeds = answers.mean(axis=1).var(ddof=1) / 5
    assert means.mean() == pytest.approx(answers.mean(), abs=1e-3)
    # The accuracies of the seeds are over resampled examples themselves, which adds a little.
    assert over_examples + over_seeds <= means.var() * 1.05
    assert means.var() <= 1.2 * (over_examples + over_seeds)


NOISY = {"accuracy", "accuracy_drop"}
DIRECTIONS = [
    {"accuracy": "max", "sparsity": "max"},
    {"size_bytes": "min", "accuracy": "max"},
    {"accuracy_drop": "min", "sparsity": "max", "epoch": "min"},
    {"accuracy": "max", "accuracy_drop": "min", "sparsity": "max"},
    {"accuracy": "max"},
]


@pytest.mark.parametrize("directions", DIRECTIONS)
def test_probabilities_are_shares_of_fronts(directions: dict[str, str]) -> None:
    """Compared with the fronts of all draws, with ties in all objectives."""
    draw = np.random.default_rng(6)
    for _ in range(10):
        points = draw.integers(0, 4, (12, len(directions))) / 4
        accuracies = draw.integers(0, 6, (40, 12)) / 6
        counts = np.zeros(12)
        for row in accuracies:
            stood_in = {"accuracy": row, "accuracy_drop": -row}
            columns = [stood_in.get(name, points[:, n]) for n, name in enumerate(directions)]
            ways = list(directions.values())
            counts += nondominated(np.column_stack(columns), ways, keep_duplicates=True)
        found = front_probability(points, directions, accuracies, NOISY & directions.keys())
        assert found == pytest.approx(counts / 40)


def test_unknown_values_have_no_probability() -> None:
    points, drawn = np.array([[0.5, 1.0], [0.4, 2.0]]), np.array([[0.5, np.nan]])
    both = {"accuracy": "max", "sparsity": "max"}
    assert np.isnan(front_probability(points, both, drawn, NOISY & both.keys())).tolist() == [
        False,
        True,
    ]
    assert np.isnan(front_probability(points, {"loss": "min"}, drawn, [])).all()
    assert front_probability(np.empty((0, 2)), both, np.empty((9, 0)), ["accuracy"]).tolist() == []


@pytest.mark.parametrize("directions", DIRECTIONS[:3])
def test_the_nearest_miss_the_front_by_the_least(directions: dict[str, str]) -> None:
    draw = np.random.default_rng(7)
    points = draw.random((40, len(directions)))
    ways = list(directions.values())
    (front,) = np.nonzero(nondominated(points, ways, keep_duplicates=False))
    signs = np.array([1 if way == "max" else -1 for way in ways])
    place = [name.startswith("accuracy") for name in directions].index(True)

    def gain_needed(point: int) -> int:
        """Tried out: the least gain in accuracy, in 2000ths, that puts the point on the front."""

        def is_on_front(gain: int) -> bool:
            moved = points[point].copy()
            moved[place] += signs[place] * gain / 2000
            return bool(nondominated([moved, *points[front]], ways, keep_duplicates=True)[0])

        return bisect_left(range(2001), True, key=is_on_front)

    others = sorted(set(range(40)) - set(front.tolist()), key=gain_needed)
    found = near(points, directions, front, 8, NOISY)
    assert len(found) == 8 and not set(found) & set(front)
    assert [gain_needed(n) for n in found] == [gain_needed(n) for n in others[:8]]


def test_there_may_be_no_near_point() -> None:
    both = {"accuracy": "max", "sparsity": "max"}
    points = np.array([[0.9, 0.1], [0.8, 0.2]])
    assert near(points, both, np.array([0, 1]), 5, NOISY).tolist() == []
    assert near(points, {"sparsity": "max"}, np.array([1]), 5, NOISY).tolist() == []
    assert near(np.empty((0, 2)), both, np.array([], dtype=np.intp), 5, NOISY).tolist() == []
