"""Splits: flat arrays that return the rows they were made of, in any batches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.compress.tasks.split import Padding, Split, shared_rows, stratified
from sweep.errors import UsageError

token_rows = st.lists(st.lists(st.integers(1, 99), min_size=1, max_size=9), min_size=1, max_size=40)
label_lists = st.lists(st.integers(0, 4), min_size=1, max_size=80)

PAD = 0


def make(rows: list[list[int]]) -> Split:
    """Make a split in which row i has label i and the parity of its tokens as segments."""
    return Split.of(rows, np.arange(len(rows)), [[t % 2 for t in row] for row in rows])


def many(count: int = 300, seed: int = 0) -> Split:
    rng = np.random.default_rng(seed)
    return make([rng.integers(1, 99, size=rng.integers(1, 20)).tolist() for _ in range(count)])


def rows_of(split: Split) -> list[list[int]]:
    cuts = zip(split.offsets[:-1], split.offsets[1:], strict=True)
    return [split.tokens[start:end].tolist() for start, end in cuts]


@given(token_rows, st.data())
def test_a_split_returns_its_rows_and_subsets_in_order(
    rows: list[list[int]], data: st.DataObject
) -> None:
    chosen = data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=1))
    whole = list(range(len(rows)))
    for split, places in ((make(rows), whole), (make(rows).subset(np.array(chosen)), chosen)):
        assert rows_of(split) == [rows[i] for i in places]
        assert split.lengths.tolist() == [len(rows[i]) for i in places]
        assert split.labels.tolist() == places and len(split) == len(places)
        assert split.segments is not None
        assert split.segments.tolist() == [t % 2 for i in places for t in rows[i]]
    assert Split.of(rows, np.array(whole)).subset(np.array(chosen)).segments is None


@given(token_rows, st.data())
def test_a_batch_is_padded_to_its_longest_row(rows: list[list[int]], data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=1, max_size=8))
    batch = replace(make(rows), padding=Padding(PAD)).batch(np.array(chosen))
    longest = max(len(rows[i]) for i in chosen)
    assert {part.dtype for part in batch.values()} == {np.dtype(np.int64)}
    for line, i in enumerate(chosen):
        rest = longest - len(rows[i])
        assert batch["input_ids"][line].tolist() == rows[i] + [PAD] * rest
        assert batch["attention_mask"][line].tolist() == [1] * len(rows[i]) + [0] * rest
        assert batch["token_type_ids"][line].tolist() == [t % 2 for t in rows[i]] + [0] * rest
    assert batch["labels"].tolist() == chosen


@given(token_rows, st.integers(1, 7), st.integers(0, 9))
def test_batches_have_every_example_once(rows: list[list[int]], size: int, seed: int) -> None:
    split = make(rows)
    for batches in (list(split.in_order(size)), split.shuffled(size, np.random.default_rng(seed))):
        assert sorted(np.concatenate(batches).tolist()) == list(range(len(rows)))
        assert all(1 <= len(batch) <= size for batch in batches)
        assert len(batches) == -(-len(rows) // size)


def padding(split: Split, batches: list[np.ndarray]) -> int:
    return sum(int((split.lengths[b].max() - split.lengths[b]).sum()) for b in batches)


def test_batches_are_grouped_by_length() -> None:
    split = many()
    order = np.random.default_rng(0).permutation(len(split))
    plain = padding(split, [order[i : i + 10] for i in range(0, len(order), 10)])
    assert padding(split, split.shuffled(10, np.random.default_rng(0))) < plain / 5
    in_order = list(split.in_order(10))
    assert padding(split, in_order) < plain / 5
    longest = [int(split.lengths[batch].max()) for batch in in_order]
    assert longest == sorted(split.lengths, reverse=True)[::10]  # the largest batch first


def test_shuffling_depends_on_the_generator() -> None:
    split = many()
    one, same, other = (
        [batch.tolist() for batch in split.shuffled(16, np.random.default_rng(seed))]
        for seed in (1, 1, 2)
    )
    assert one == same != other
    lengths = [int(split.lengths[batch].max()) for batch in one]
    assert lengths != sorted(lengths)


def test_a_split_is_memory_mapped_from_disk(tmp_path: Path) -> None:
    split = many(20)
    split.save(tmp_path / "split")
    found = Split.open(tmp_path / "split")
    for name in ("tokens", "offsets", "labels", "segments"):
        array = getattr(found, name)
        assert isinstance(array, np.memmap)
        assert array.dtype == getattr(split, name).dtype
        assert np.array_equal(array, getattr(split, name))
    batch = replace(found, padding=Padding(PAD)).batch(np.array([3, 5]))
    assert all(part.flags.writeable for part in batch.values())


@given(label_lists, st.integers(1, 100), st.integers(0, 9))
def test_a_stratified_subset_keeps_the_shares_of_the_labels(
    labels: list[int], count: int, seed: int
) -> None:
    array = np.array(labels)
    chosen = stratified(array, count, np.random.default_rng(seed))
    taken = min(count, len(labels))
    assert len(set(chosen.tolist())) == len(chosen) == taken
    assert chosen.tolist() == sorted(chosen.tolist())
    for label in set(labels):
        ideal = labels.count(label) * taken / len(labels)
        assert abs(int((array[chosen] == label).sum()) - ideal) < 1


@pytest.mark.parametrize("count", [0, -1])
def test_an_empty_subset_is_refused(count: int) -> None:
    with pytest.raises(UsageError, match="at least one example"):
        stratified(np.arange(4), count, np.random.default_rng(0))


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
