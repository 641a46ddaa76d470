from __future__ import annotations

import numpy as np
import pytest

from analysis.tables.thin import evenly, note, spread


def test_at_most_the_given_number_is_kept_once_each_and_in_order() -> None:
    # Seeds, not hypothesis: these tests also run without packages that analysis/ does not need.
    for seed in range(60):
        draw = np.random.default_rng(seed)
        n, most = draw.integers([0, 1], [3 if seed % 4 == 0 else 3001, 5 if seed % 3 == 0 else 401])
        x, y = draw.normal(size=(2, n))
        kept = spread(x, y, most)
        assert len(kept) <= max(most, 1) and (np.diff(kept) > 0).all(), seed
        assert len(kept) == n or n > most, seed


def test_outliers_and_the_shape_are_kept() -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 5000))
    x[1234], y[4321], y[17] = 40.0, -40.0, np.nan
    kept = set(spread(x, y, 900).tolist())
    assert {1234, 4321} <= kept and 17 not in kept


def test_equal_points_share_a_cell() -> None:
    same = np.ones(5000)
    assert spread(same, same, 100).tolist() == [0]


@pytest.mark.parametrize("most", [2, 3, 4, 5, 9, 10, 99, 299, 300])
def test_evenly_spaced_indices_include_both_ends(most: int) -> None:
    for count in (1, 2, 3, 4, 5, 10, 299, 300, 301, 1000, 4999, 5000):
        kept = evenly(count, most)
        assert kept[0] == 0 and kept[-1] == count - 1
        assert len(set(kept.tolist())) == len(kept) == min(count, most)


@pytest.mark.parametrize(("shown", "of", "says"), [(5, 5, False), (5, 6, True), (0, 0, False)])
def test_a_note_says_how_many_are_drawn(shown: int, of: int, says: bool) -> None:
    assert bool(note(shown, of, "trials")) == says
