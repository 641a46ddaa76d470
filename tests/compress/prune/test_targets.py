"""Selection of prunable weights by module kind and by patterns over module names."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from sweep.compress.prune.targets import prunable_modules, prunable_weights
from sweep.config.sections import PruningConfig
from sweep.errors import UsageError
from tests.harness import tiny


class Mixed(nn.Module):
    """One module of each kind, and a Linear that shares its weight with another."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(5, 4)
        self.norm = nn.LayerNorm(4)
        self.encoder = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 3, bias=False))
        self.conv = nn.Conv2d(1, 2, 3)
        self.tied = nn.Linear(4, 4)
        self.tied.weight = self.encoder[0].weight


def names(model: nn.Module, **targets: object) -> set[str]:
    return set(prunable_modules(model, PruningConfig(**targets)))  # type: ignore[arg-type]


def test_linear_and_conv_are_prunable_and_embeddings_only_on_request() -> None:
    usual = {"encoder.0", "encoder.2", "conv"}
    assert names(Mixed()) == usual
    assert names(Mixed(), embeddings=True) == usual | {"words"}


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        ((), ("CONV",), {"encoder.0", "encoder.2", "conv"}),
        (("encoder.*",), (), {"encoder.0", "encoder.2"}),
        (("encoder.*", "conv"), ("*.2",), {"encoder.0", "conv"}),
        ((), ("encoder.*",), {"conv", "tied"}),
        (("[ct]*",), (), {"conv", "tied"}),
    ],
)
def test_include_and_exclude_patterns_select_modules(
    include: tuple[str, ...], exclude: tuple[str, ...], expected: set[str]
) -> None:
    assert names(Mixed(), include=include, exclude=exclude) == expected


def test_prunable_weights_are_the_models_parameters() -> None:
    model = Mixed()
    found = prunable_weights(model, PruningConfig())
    assert found["conv"] is model.conv.weight
    assert found["encoder.0"] is model.tied.weight


@pytest.mark.parametrize(
    "targets", [PruningConfig(include=["decoder.*"]), PruningConfig(exclude=["*"])]
)
def test_an_empty_selection_is_an_error_that_shows_module_names(targets: PruningConfig) -> None:
    with pytest.raises(UsageError, match=r"nothing to prune.*encoder\.0"):
        prunable_modules(Mixed(), targets)
    with pytest.raises(UsageError, match="no Linear or Conv"):
        prunable_modules(nn.Sequential(nn.LayerNorm(3)), targets)


def test_the_prunable_weights_of_bert_are_those_of_the_tutorial() -> None:
    """Six Linear weights per layer, pooler and classifier; no bias, LayerNorm or embedding."""
    weights = prunable_weights(tiny.bert(), PruningConfig())
    assert len(weights) == 2 * 6 + 2
    assert {"bert.pooler.dense", "classifier"} < set(weights)
    assert {weight.dim() for weight in weights.values()} == {2}
    assert not any("embeddings" in name or "Norm" in name for name in weights)
    assert all(isinstance(weight, torch.Tensor) for weight in weights.values())
