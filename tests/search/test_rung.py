"""Large rungs: the ranks, and the records that beat others, follow the definition."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from sweep.search.rung import CAPACITY, Rung

N = 6 * CAPACITY + 1  # more than one doubling of the room
FIGURES = {
    "as by default": (1, 1),
    "three objectives": (2, 1),
    "none of them noisy": (2, 0),
    "one alone": (1, 0),
    "all of them noisy": (0, 2),
}


def drawn(exact: int, noisy: int) -> tuple[NDArray[np.float64], ...]:
    """Exact values, and the ends of the intervals, of ``N`` records; ties are common."""
    chance = np.random.default_rng(exact + 10 * noisy)
    values = chance.integers(0, 60, (N, exact)) / 60
    middle = chance.integers(0, 500, (N, noisy)) / 500
    half = 0.02 * chance.random((N, 1))
    return values, middle - half, middle + half


def beats(
    values: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Whether each row beats each column, by rule 1 of `sweep.search.moasha`."""
    as_good = (values[:, None] >= values[None]).all(axis=-1)
    if low.shape[1]:
        return np.asarray(as_good & (low[:, None] > high[None]).all(axis=-1))
    return np.asarray(as_good & (values[:, None] > values[None]).any(axis=-1))


def peel(matrix: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Nobody beats rank 0. Without those, nobody beats rank 1, and so on."""
    ranks = np.full(len(matrix), -1)
    rank = 0
    while (left := np.flatnonzero(ranks < 0)).size:
        ranks[left[~matrix[np.ix_(left, left)].any(axis=0)]] = rank
        rank += 1
    return ranks


@pytest.mark.parametrize("asked", ["each", "now and then", "at the end"])
@pytest.mark.parametrize("figures", FIGURES.values(), ids=FIGURES)
def test_every_standing_in_a_large_rung_is_that_of_the_rule(
    figures: tuple[int, int], asked: str
) -> None:
    """Whatever the number of records between two questions."""
    every = {"each": 1, "now and then": 100, "at the end": N}[asked]
    values, low, high = drawn(*figures)
    names = [f"t{number:05d}" for number in np.random.default_rng(0).permutation(N)]
    rung = Rung(*figures)
    for index, name in enumerate(names):
        rung.insert(name, values[index], low[index], high[index])
        rung.insert(name, values[0], low[0], high[0])  # again: not counted
        if index % every == 0:
            rung.standing(name, 5)
    matrix = beats(values, low, high)
    ranks = peel(matrix)
    assert rung.ids == names
    for index, name in enumerate(names):
        beaters = [(ranks[i], names[i]) for i in np.flatnonzero(matrix[:, index])]
        best_first = [name for _, name in sorted(beaters)]
        ahead = int((ranks < ranks[index]).sum())
        standing = (ranks[index], ahead, len(best_first))
        assert rung.standing(name, N) == (*standing, best_first)
        assert rung.standing(name, 5) == (*standing, best_first[:5])
