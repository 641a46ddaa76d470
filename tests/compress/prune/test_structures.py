"""Layer profiles (shares by formula, exact totals), and exact masks in rows and N:M groups."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from sweep.compress.prune.selection import (
    GONE,
    PROFILES,
    erk,
    ordered_keys,
    pruned_count,
    row_masks,
    uniform,
)
from sweep.compress.prune.structures import NofM
from sweep.errors import UsageError
from tests.compress.prune.known import generator, masks

shapes = st.tuples(st.integers(1, 6), st.integers(1, 7))


def keys_of(rows: int, width: int, seed: int) -> Tensor:
    """Keys with few distinct values, so that there are ties."""
    values = torch.randint(-3, 4, (rows, width), generator=generator(seed))
    return ordered_keys(values.float())


@given(shapes, st.data(), st.integers(0, 40), st.integers(0, 99))
def test_row_masks_drop_the_lowest_keys_evenly(
    shape: tuple[int, int], data: st.DataObject, count: int, seed: int
) -> None:
    """The counts equal those of a slow reference: drop one key at a time from the fullest row."""
    rows, width = shape
    gone = data.draw(st.lists(st.integers(0, width - 1), min_size=rows, max_size=rows))
    keys = keys_of(rows, width, seed)
    for row, lost in zip(keys, gone, strict=True):
        row[torch.randperm(width, generator=generator(seed))[:lost]] = GONE
    slow = list(gone)
    while sum(slow) < count and min(slow) < width - 1:
        slow[slow.index(min(slow))] += 1
    mask = row_masks(keys, count, generator(seed))
    assert sorted((~mask).sum(1).tolist()) == sorted(slow)
    for row, kept in zip(keys, mask, strict=True):
        assert kept.all() or row[~kept].max() <= row[kept].min()


def test_rows_with_more_start_zeros_stay_and_other_rows_compensate() -> None:
    start = {"a": torch.tensor([[False, False, False, True], [True] * 4])}
    weights = {"a": torch.tensor([[0.0, 0.0, 0.0, 4.0], [5.0, 6.0, 7.0, 8.0]])}
    for sparsity, kept in ((0.5, [0, 1, 1, 1]), (0.625, [0, 0, 1, 1])):
        found = masks(weights, sparsity, scope="row", start=start)["a"]
        assert found.int().tolist() == [[0, 0, 0, 1], kept]
    # the remainder is taken from the rows with the lowest next key
    odd = {"a": torch.tensor([[10.0, 20.0, 30.0], [1.0, 2.0, 3.0], [5.0, 6.0, 7.0]])}
    found = masks(odd, 5 / 9, scope="row")["a"]
    assert found.int().tolist() == [[0, 1, 1], [0, 0, 1], [0, 0, 1]]


@given(st.integers(1, 5), st.integers(0, 99), st.sampled_from([(2, 4), (4, 8), (1, 2)]))
def test_each_group_keeps_its_highest_keys(rows: int, seed: int, ratio: tuple[int, int]) -> None:
    kept, group = ratio
    keys = keys_of(rows, 3 * group, seed)
    mask = NofM(kept, group).mask(keys, 0, generator(seed))
    for values, flags in zip(keys.view(-1, group), mask.view(-1, group), strict=True):
        assert int(flags.sum()) == kept
        assert values[~flags].max() <= values[flags].min()


@pytest.mark.parametrize("granularity", ["2:4", "4:8"])
def test_a_row_of_a_conv_is_an_output_channel(granularity: str) -> None:
    weight = torch.randn(3, 4, 2, generator=generator(0))
    conv = masks({"c": weight}, 0, granularity=granularity)["c"]
    rows = masks({"c": weight.view(3, 8)}, 0, granularity=granularity)["c"]
    assert torch.equal(conv.view(3, 8), rows)


def test_a_matrix_whose_rows_m_does_not_divide_is_refused() -> None:
    weights = {"fine": torch.ones(3, 8), "odd": torch.ones(4, 6)}
    message = r"granularity 2:4 .* odd, of shape \(4, 6\), has rows of 6.*pruning.exclude: \[odd\]"
    with pytest.raises(UsageError, match=message):
        masks(weights, 0.5, granularity="2:4")


def test_start_masks_are_pruned_first_in_their_groups_or_refused() -> None:
    weights = {"a": torch.tensor([[4.0, 0.0, 2.0, 1.0]])}
    start = {"a": torch.tensor([[True, False, True, True]])}
    found = masks(weights, 0, "random", start=start, granularity="2:4")["a"]
    assert not found[0, 1] and int(found.sum()) == 2
    poor = {"a": torch.tensor([[True, False, False, False]])}
    with pytest.raises(UsageError, match="leave fewer in 1 groups of a: use granularity element"):
        masks(weights, 0, "random", start=poor, granularity="2:4")


SHAPES = {
    "wide": torch.Size([20, 50]),
    "square": torch.Size([30, 30]),
    "conv": torch.Size([8, 4, 3]),
    "head": torch.Size([2, 10]),
}
sizes = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=1, max_size=6)


def densities(sparsity: float) -> dict[str, float]:
    counts = erk(SHAPES, sparsity)
    return {name: 1 - counts[name] / shape.numel() for name, shape in SHAPES.items()}


def test_erk_equals_its_formula() -> None:
    """All matrices are pruned here. Densities are epsilon (n_in + n_out [+ kernel]) / size, and
    epsilon follows from the total: epsilon x (70 + 60 + 15 + 12) = kept."""
    sparsity = 0.95
    total = sum(shape.numel() for shape in SHAPES.values())
    epsilon = (total - round(sparsity * total)) / 157
    assert epsilon * 12 / 20 < 1
    for name, density in densities(sparsity).items():
        shape = SHAPES[name]
        assert density == pytest.approx(epsilon * sum(shape) / shape.numel(), abs=1 / shape.numel())


def test_erk_keeps_small_matrices_dense_and_prunes_the_others() -> None:
    found = densities(0.6)
    assert found["head"] == 1 and found["conv"] < 1
    rest = {name: shape for name, shape in SHAPES.items() if name != "head"}
    scale = {n: found[n] * shape.numel() / sum(shape) for n, shape in rest.items()}
    assert max(scale.values()) - min(scale.values()) < 0.1


@given(sizes, st.floats(0, 1, exclude_max=True))
def test_erk_has_an_exact_total_and_keeps_a_weight_in_each_matrix(
    given_sizes: list[tuple[int, int]], sparsity: float
) -> None:
    shapes = {str(index): torch.Size(size) for index, size in enumerate(given_sizes)}
    total = sum(shape.numel() for shape in shapes.values())
    counts = erk(shapes, sparsity)
    assert all(0 <= counts[name] < shape.numel() for name, shape in shapes.items())
    wanted = min(pruned_count(sparsity, total), total - len(shapes))
    assert sum(counts.values()) == wanted


@pytest.mark.parametrize("profile", PROFILES)
def test_matrices_of_the_same_shape_are_pruned_equally(profile: str) -> None:
    shapes = {str(index): torch.Size([16, 16]) for index in range(5)}
    counts = PROFILES[profile](shapes, 0.7).values()
    assert max(counts) - min(counts) <= 1
    assert uniform(SHAPES, 0.5) == {"wide": 500, "square": 450, "conv": 48, "head": 10}
