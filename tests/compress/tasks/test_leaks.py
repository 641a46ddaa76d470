"""Shared rows are counted as a double loop over the rows counts them."""

from __future__ import annotations

import numpy as np
import pytest

from sweep.compress.tasks.leaks import sentence, shared_rows
from sweep.compress.tasks.split import Split


def random_split(count: int, seed: int) -> Split:
    """Short rows of few words, so that many are equal, and one is the start of another."""
    rng = np.random.default_rng(seed)
    rows = [rng.integers(0, 3, size=rng.integers(1, 4)).tolist() for _ in range(count)]
    return Split.of(rows, rng.integers(0, 2, size=count))


@pytest.mark.parametrize("seed", range(4))
def test_shared_rows_are_counted(seed: int) -> None:
    train, other = random_split(12, seed), random_split(30, seed + 100)

    def listed(split: Split) -> list[tuple[tuple[int, ...], int]]:
        cuts = zip(split.offsets[:-1], split.offsets[1:], split.labels, strict=True)
        return [(tuple(split.tokens[a:b].tolist()), int(label)) for a, b, label in cuts]

    known = listed(train)
    both = [(row, label) for row, label in listed(other) if any(row == one for one, _ in known)]
    assert shared_rows(train, other) == {
        "rows": len(both),
        "different": len({row for row, _ in both}),
        "other_label": sum((row, label) not in known for row, label in both),
        "examples": 30,
    }
    assert 0 < len(both) < 30


def test_the_sentence_has_the_counts() -> None:
    found = {"rows": 3, "different": 2, "other_label": 1, "examples": 40}
    told = sentence("validation", "train", found)
    assert told.startswith("3 of 40 validation examples (7.5%; 2 different)")
    assert "1 with another label" in told
    assert "label" not in sentence("test", "train", {**found, "other_label": 0})
