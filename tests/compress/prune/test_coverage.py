"""Coverage: the share of the weights in matrices that is prunable, and names for the rest."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from sweep.compress.conv1d import as_linears
from sweep.compress.prune.coverage import narrow, reach
from sweep.compress.prune.targets import prunable_modules, prunable_weights
from sweep.config.sections import PruningConfig
from sweep.errors import UsageError
from tests.harness import tiny

SHAPE = {
    "vocab_size": 60,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
}
XLNET = {"vocab_size": 60, "d_model": 32, "n_layer": 2, "n_head": 2, "d_inner": 48}


def classifier(kind: str, **settings: Any) -> nn.Module:
    import transformers

    config = getattr(transformers, f"{kind}Config")(**settings)
    found: nn.Module = transformers.AutoModelForSequenceClassification.from_config(config)
    return as_linears(found)


def share(model: nn.Module, **pruning: Any) -> float:
    found: float = reach(model, PruningConfig(**pruning))["coverage"]
    return found


def left_out(model: nn.Module, **pruning: Any) -> list[list[Any]]:
    found: list[list[Any]] = reach(model, PruningConfig(**pruning))["left_out"]
    return found


MODELS: dict[str, tuple[Any, set[str]]] = {
    "gpt2": (tiny.gpt2, set()),
    "bert": (tiny.bert, set()),
    "mixtral": (
        lambda: classifier("Mixtral", **SHAPE, num_key_value_heads=1, num_local_experts=4),
        {"mlp.gate.weight", "experts.gate_up_proj", "experts.down_proj"},
    ),
    "xlnet": (
        lambda: classifier("XLNet", **XLNET, pad_token_id=5),
        {f"rel_attn.{name}" for name in ("q", "k", "v", "o", "r")},
    ),
    "ibert": (
        lambda: classifier("IBert", **SHAPE),
        {"self.query.weight", "intermediate.dense.weight", "output.dense.weight"},
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_coverage_of_families(name: str) -> None:
    make, names = MODELS[name]
    model = as_linears(make())
    rows = left_out(model)
    for left in names:
        assert any(row[0].endswith(left) for row in rows), left
    layers = [m for m in model.modules() if isinstance(m, nn.Linear)]
    prunable = sum(layer.weight.numel() for layer in layers)
    others = sum(count for _, count, _ in rows)
    assert share(model) == pytest.approx(prunable / (prunable + others))
    assert {reason for *_, reason in rows} <= {"kind"} and bool(rows) == bool(names)
    matrices = {name: p.numel() for name, p in model.named_parameters() if p.dim() > 1}
    for at, module in model.named_modules():
        matrices.pop(f"{at}.weight" if isinstance(module, nn.Embedding) else "", None)
    assert prunable + others == sum(matrices.values())
    assert bool(narrow(model, PruningConfig())) == (share(model) < 0.5)


class Odd(nn.Module):
    """Layers of other kinds than Linear and Conv, and a Linear of a kind that is computed."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(7, 4)
        self.bags = nn.EmbeddingBag(7, 4)
        self.attention = nn.MultiheadAttention(4, 2)
        self.pairs = nn.Bilinear(4, 4, 3)
        self.normed = nn.Linear(4, 4)
        parametrize.register_parametrization(self.normed, "weight", nn.Tanh())
        self.steps = nn.GRU(4, 4, bias=False)
        self.bare = nn.Parameter(torch.ones(2, 3))
        self.head = nn.Linear(4, 3)
        self.conv = nn.Conv1d(4, 4, 2)


def test_other_kinds_of_layers_are_left_out_by_name() -> None:
    model = Odd()
    assert list(prunable_modules(model, PruningConfig())) == ["attention.out_proj", "head", "conv"]
    sizes = {name: count for name, count, _ in left_out(model)}
    assert sizes == {
        "bare": 6,
        "attention.in_proj_weight": 48,
        "pairs.weight": 48,
        "normed.parametrizations.weight.original": 16,
        "steps.weight_ih_l0": 48,
        "steps.weight_hh_l0": 48,
    }
    prunable = 16 + 12 + 32
    assert share(model) == prunable / (prunable + sum(sizes.values()))


class Tied(nn.Module):
    """Two Linear layers with one weight, and one that shares the weight of an embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.decoder = nn.Embedding(9, 6), nn.Linear(6, 9)
        self.one, self.two = nn.Linear(6, 6), nn.Linear(6, 6)
        self.decoder.weight, self.two.weight = self.words.weight, self.one.weight

    def forward(self, ids: Tensor) -> Tensor:
        found: Tensor = self.decoder(self.two(torch.tanh(self.one(self.words(ids)))))
        return found


def test_a_layer_that_shares_the_weight_of_an_embedding_counts_as_embedding() -> None:
    model = Tied()
    assert list(prunable_weights(model, PruningConfig())) == ["one"]
    assert share(model) == 1.0
    both = PruningConfig(embeddings=True)
    assert list(prunable_weights(model, both)) == ["words", "one"]
    assert share(model, embeddings=True) == 1.0
    with pytest.raises(UsageError, match="names look like one"):
        prunable_weights(model, PruningConfig(include=["decoder"]))


def test_a_shared_weight_appears_once_or_for_each_of_its_layers() -> None:
    model = Tied()
    assert list(prunable_modules(model, PruningConfig(), shared=True)) == ["one", "two"]
    assert list(prunable_modules(model, PruningConfig(include=["two"]), shared=True)) == [
        "two",
        "one",
    ]
    with pytest.raises(UsageError, match="nothing to prune"):
        prunable_modules(model, PruningConfig(exclude=["two", "one"]))


def test_patterns_lower_the_coverage_and_are_named_as_the_reason() -> None:
    model = tiny.bert()
    patterns = {"include": ["classifier"]}
    rows = left_out(model, **patterns)
    assert {reason for *_, reason in rows} == {"patterns"}
    assert share(model, **patterns) == pytest.approx(2 * 32 / (2 * 32 + sum(n for _, n, _ in rows)))
    [sentence] = narrow(model, PruningConfig(**patterns))
    assert "pruning.include" in sentence and "attention.self.query.weight" in sentence


def test_activations_and_grids_have_their_own_warnings_and_must_reach_something() -> None:
    class Convolved(nn.Sequential):
        pass

    model = Convolved(nn.Conv1d(8, 8, 3), nn.Linear(4, 4))
    assert narrow(model, PruningConfig()) == []
    sentences = narrow(model, PruningConfig(), activations=True, grid=True)
    assert [text.split()[0] for text in sentences] == ["activation_sparsity", "quantization"]
    assert all("0.weight (192 weights)" in text for text in sentences)
    with pytest.raises(UsageError, match="activation_sparsity acts on prunable Linear layers"):
        narrow(model, PruningConfig(exclude=["1"]), activations=True)
