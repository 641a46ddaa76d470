"""Layer profiles: shares by formula, totals to one weight."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sweep.compress.prune.structures import PROFILES, erk, pruned_count, uniform

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


def test_erk_by_its_formula() -> None:
    """No matrix is whole here: densities are epsilon (n_in + n_out [+ kernel]) / size, and epsilon
    follows from the total: epsilon x (70 + 60 + 15 + 12) = kept."""
    sparsity = 0.95
    total = sum(shape.numel() for shape in SHAPES.values())
    epsilon = (total - round(sparsity * total)) / 157
    assert epsilon * 12 / 20 < 1
    for name, density in densities(sparsity).items():
        shape = SHAPES[name]
        assert density == pytest.approx(epsilon * sum(shape) / shape.numel(), abs=1 / shape.numel())


def test_erk_leaves_small_matrices_whole_and_shares_out_the_rest() -> None:
    found = densities(0.6)
    assert found["head"] == 1 and found["conv"] < 1
    rest = {name: shape for name, shape in SHAPES.items() if name != "head"}
    scale = {n: found[n] * shape.numel() / sum(shape) for n, shape in rest.items()}
    assert max(scale.values()) - min(scale.values()) < 0.1


@given(sizes, st.floats(0, 1, exclude_max=True))
def test_erk_meets_the_total_and_leaves_a_weight_in_each(
    given_sizes: list[tuple[int, int]], sparsity: float
) -> None:
    shapes = {str(index): torch.Size(size) for index, size in enumerate(given_sizes)}
    total = sum(shape.numel() for shape in shapes.values())
    counts = erk(shapes, sparsity)
    assert all(0 <= counts[name] < shape.numel() for name, shape in shapes.items())
    wanted = min(pruned_count(sparsity, total), total - len(shapes))
    assert sum(counts.values()) == wanted


@pytest.mark.parametrize("profile", PROFILES)
def test_matrices_of_one_shape_lose_alike(profile: str) -> None:
    shapes = {str(index): torch.Size([16, 16]) for index in range(5)}
    counts = PROFILES[profile](shapes, 0.7).values()
    assert max(counts) - min(counts) <= 1


def test_uniform_is_the_same_share_of_each() -> None:
    assert uniform(SHAPES, 0.5) == {"wide": 500, "square": 450, "conv": 48, "head": 10}
