"""What a model measures, against counts by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from sweep.compress.measure import measure, stored_bytes
from sweep.compress.prune import Targets, apply_masks, make_masks, prunable_weights
from sweep.compress.prune.targets import dropped
from sweep.space.params import Params
from tests.harness import tiny


def small() -> nn.Sequential:
    """8 + 2 prunable-or-not parameters and a LayerNorm of 4, none of them zero."""
    model = nn.Sequential(nn.Linear(4, 2), nn.LayerNorm(2))
    for parameter in model.parameters():
        nn.init.constant_(parameter, 0.5)
    return model


def test_by_hand() -> None:
    model = small()
    with torch.no_grad():
        model[0].weight[0, :3] = 0.0  # 3 of 8 prunable weights
        model[0].bias[0] = 0.0  # a zero that no pruning made
        model[1].bias[0] = -0.0
    size = measure(model, {"0": model[0].weight})
    assert size.sparsity == 3 / 8
    assert size.model_sparsity == 3 / 14
    assert size.nonzero_params == 14 - 5
    # a bitmap of one byte and five values, then six parameters as they are
    assert size.size_bytes == (1 + 5 * 4) + 6 * 4


def test_a_dense_model_takes_its_own_bytes() -> None:
    model = small()
    size = measure(model, {"0": model[0].weight})
    assert (size.sparsity, size.model_sparsity) == (0.0, 0.0)
    assert size.nonzero_params == 14
    assert size.size_bytes == 14 * 4


@pytest.mark.parametrize("sparsity", [0.0, 0.3, 0.9])
def test_a_pruned_bert(sparsity: float) -> None:
    model = tiny.bert()
    weights = prunable_weights(model, Targets())
    masks = make_masks(weights, Params(sparsity, scope="global"), torch.Generator())
    before = measure(model, weights)
    apply_masks(weights, masks)
    pruned = dropped(masks, masks)
    size = measure(model, weights)
    prunable = sum(weight.numel() for weight in weights.values())
    total = sum(parameter.numel() for parameter in model.parameters())
    assert size.sparsity == pruned / prunable
    assert size.model_sparsity == pruned / total
    assert before.nonzero_params - size.nonzero_params == pruned
    assert (size.size_bytes < before.size_bytes) == (sparsity > 0)


@pytest.mark.parametrize(
    ("count", "filled", "item", "expected"),
    [
        (1000, 100, 4, 125 + 400),
        (1000, 1000, 4, 4000),  # a bitmap would be in vain
        (9, 0, 4, 2),
        (1000, 100, 2, 125 + 200),
        (0, 0, 4, 0),
    ],
)
def test_stored_bytes(count: int, filled: int, item: int, expected: int) -> None:
    assert stored_bytes(count, filled, item) == expected
