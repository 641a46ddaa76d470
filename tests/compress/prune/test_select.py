"""Selection of the k-th smallest score against a plain sort, for all float32 values."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sweep.compress.prune.selection import kth_smallest, ordered_keys
from sweep.compress.prune.targets import dropped
from tests.compress.prune.known import generator, masks

finite = st.floats(width=32, allow_nan=False)
# Few distinct values, so that ties are common, and all special values.
awkward = st.sampled_from(
    [0.0, -0.0, 1.0, -1.0, 1.5, float("inf"), -float("inf"), 2**-149, -(2**-149)]
)
scores = st.lists(finite | awkward, min_size=1, max_size=60)


def floats(values: list[float]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32)


def by_sorting(values: list[float], k: int) -> tuple[float, int, int]:
    """Return the k-th smallest value, how many are smaller, and how many are equal."""
    kth = sorted(values)[k - 1]
    return kth, sum(v < kth for v in values), sum(v == kth for v in values)


def value_of(key: int, values: torch.Tensor) -> float:
    return float(values[ordered_keys(values) == key][0])


@given(finite | awkward, finite | awkward)
def test_keys_have_the_order_of_the_scores(one: float, other: float) -> None:
    a, b = ordered_keys(floats([one, other])).tolist()
    assert (a < b, a == b) == (one < other, one == other)
    half = floats([one, other]).bfloat16()
    a, b = ordered_keys(half).tolist()
    assert (a < b, a == b) == ((half[0] < half[1]).item(), (half[0] == half[1]).item())


@given(scores, st.data())
def test_kth_smallest_equals_the_kth_of_a_sort(values: list[float], data: st.DataObject) -> None:
    """The scores may be in several tensors, and they are not changed."""
    k = data.draw(st.integers(1, len(values)))
    cut = data.draw(st.integers(0, len(values)))
    given_floats = floats(values)
    keys = ordered_keys(given_floats)
    assert torch.equal(given_floats.view(torch.int32), floats(values).view(torch.int32))
    key, *counts = kth_smallest([keys[:cut], keys[cut:]], k)
    assert (value_of(key, given_floats), *counts) == by_sorting(values, k)


@pytest.mark.parametrize("decimals", [7, 1])
def test_many_scores_agree_with_kthvalue(decimals: int) -> None:
    """Rounding to one decimal makes thousands of ties."""
    values = torch.randn(600, 1000, generator=generator(0)).round(decimals=decimals)
    keys = ordered_keys(values)
    for k in (1, 2, 1000, 300_000, 599_999, 600_000):
        key, *counts = kth_smallest([keys[:100], keys[100:]], k)
        expected = values.reshape(-1).kthvalue(k).values
        assert value_of(key, values) == expected
        assert counts == [int((values < expected).sum()), int((values == expected).sum())]


BEYOND = 2**24 + 1000  # torch.quantile refuses more than 2^24, and float32 cannot count them


def test_global_pruning_is_exact_beyond_2_to_the_24_weights() -> None:
    """The check uses the definition of a selection and needs no second copy of the weights."""
    g = generator(0)
    weights = {"huge": torch.rand(BEYOND, generator=g), "small": torch.rand(100, 10, generator=g)}
    found = masks(weights, 0.75, "l1-norm", "global")
    assert dropped(found, found) == round(0.75 * (BEYOND + 1000))
    largest = max(float((weights[n] * ~mask).max()) for n, mask in found.items())
    for name, mask in found.items():
        # nothing below the largest dropped weight is kept
        assert float(weights[name].masked_fill_(~mask, 2.0).min()) >= largest
