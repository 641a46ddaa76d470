"""Sizes of a model against counts by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from sweep.compress.measure import Size, measure, stored_bytes
from sweep.compress.quantize.layers import set_scheme
from sweep.compress.quantize.scheme import Scheme


def small(values: Tensor) -> nn.Sequential:
    """A model with 8 prunable weights and 8 other, non-zero parameters."""
    model = nn.Sequential(nn.Linear(4, 2), nn.LayerNorm(2), nn.Linear(2, 1, bias=False))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(0.5)
        model[0].weight.copy_(values)
    return model


def test_sizes_equal_counts_by_hand() -> None:
    model = small(torch.tensor([[0.0, 0.0, 0.0, 1.0], [1.0, 1.0, 1.0, -1.0]]))
    with torch.no_grad():
        model[0].bias[0] = 0.0  # a zero that is not from pruning
        model[1].bias[0] = -0.0
    size = measure(model, {"0": model[0].weight})
    # a bitmap of one byte and five values, then eight dense parameters
    assert size == Size(3 / 8, 3 / 16, 16 - 5, (1 + 5 * 4) + 8 * 4, 8 / (8 + 2))
    model = small(torch.ones(2, 4))
    assert measure(model, {"0": model[0].weight}) == Size(0.0, 0.0, 16, 16 * 4, 0.8)


def test_sizes_on_a_grid_equal_counts_by_hand() -> None:
    """Of 8 weights 4 are pruned, 2 are rounded to zero (5 bits, 1 after the point), 2 are left."""
    model = small(torch.tensor([[0.0, 0.0, 0.1, 1.0], [0.0, 0.0, 0.2, -1.0]]))
    set_scheme(model, Scheme("fixed", 5, 1))
    bitmap_and_two, bias, norm, other = 1 + 2, math.ceil(2 * 5 / 8), 4 * 4, math.ceil(2 * 5 / 8)
    expected = Size(4 / 8, 4 / 16, 2 + 2 + 4 + 2, bitmap_and_two + bias + norm + other, 0.8, 2 / 8)
    assert measure(model, {"0": model[0].weight}) == expected
    set_scheme(model, Scheme("int8"))
    # two rows with a scale of two bytes each, and a bias of two floats
    bytes_ = (1 + 4 + 2 * 2) + 2 * 4 + norm + (2 + 2)
    expected = Size(4 / 8, 4 / 16, 4 + 2 + 4 + 2, bytes_, 0.8, 0.0)
    assert measure(model, {"0": model[0].weight}) == expected


@pytest.mark.parametrize(
    ("count", "filled", "item", "expected"),
    [
        (1000, 100, 4, 125 + 400),
        (1000, 1000, 4, 4000),  # a bitmap would not save space
        (9, 0, 4, 2),
        (1000, 100, 2, 125 + 200),
        (0, 0, 4, 0),
    ],
)
def test_stored_bytes_are_those_of_the_smaller_form(
    count: int, filled: int, item: int, expected: int
) -> None:
    assert stored_bytes(count, filled, item) == expected
