"""Activation pruning: an example's output does not depend on the rest of its batch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sweep.compress.dense.make import Dense
from sweep.compress.prune.activations import (
    ActivationPruner,
    keep_above,
    keep_features,
    keep_per_token,
    real_rows,
)
from sweep.compress.prune.targets import prunable_modules
from sweep.compress.tasks import Split
from sweep.compress.tasks.split import Padding
from sweep.config.sections import PruningConfig
from sweep.errors import UsageError
from sweep.space.params import ACTIVATION_METHODS, ACTIVATION_SCOPES
from tests.harness import tiny
from tests.harness.rounding import assert_near
from tests.harness.trials import same as is_same

PAIRS = [(method, scope) for method in ACTIVATION_METHODS for scope in ACTIVATION_SCOPES]
every_pair = pytest.mark.parametrize(("method", "scope"), PAIRS)

Batch = dict[str, Tensor]


def sentences(count: int = 12, seed: int = 0) -> Split:
    """Rows of 2 to 12 tokens without padding."""
    rng = np.random.default_rng(seed)
    words = len(tiny.VOCABULARY)
    ids = [rng.integers(1, words, size=rng.integers(2, 13)).tolist() for _ in range(count)]
    return Split.of(ids, np.arange(count) % 2)


def batch_of(split: Split, indices: list[int], extra: int = 0, filler: int = 0) -> Batch:
    """A padded batch, with ``extra`` more columns of padding, all padding made of ``filler``."""
    arrays = replace(split, padding=Padding(filler)).batch(np.array(indices))
    arrays.pop("labels")
    widened = {
        key: np.pad(part, ((0, 0), (0, extra)), constant_values=filler if key == "input_ids" else 0)
        for key, part in arrays.items()
    }
    return {key: torch.from_numpy(part) for key, part in widened.items()}


def logits(model: nn.Module, batch: Batch) -> Tensor:
    with torch.no_grad():
        return model.eval()(**batch).logits


def prepared(
    model: nn.Module, method: str, scope: str, sparsity: float = 0.5, seed: int = 0
) -> ActivationPruner:
    pruner = ActivationPruner(prunable_modules(model, PruningConfig()), sparsity, method, scope)
    pruner.draw(torch.Generator().manual_seed(seed))
    if sparsity > 0 and (method, scope) == ("l1-norm", "global"):
        pruner = calibrated(model, sparsity, batch_of(sentences(seed=9), list(range(12))))
    pruner.attach()
    return pruner


@contextmanager
def inputs_of(modules: dict[str, nn.Linear]) -> Iterator[dict[str, Tensor]]:
    """Record each module's last input, before hooks that are registered later change it."""
    seen: dict[str, Tensor] = {}

    def look(name: str) -> object:
        return lambda module, inputs: seen.__setitem__(name, inputs[0].detach().clone())

    handles = [m.register_forward_pre_hook(look(n)) for n, m in modules.items()]
    yield seen
    for handle in handles:
        handle.remove()


def hooks(model: nn.Module) -> int:
    return sum(len(module._forward_pre_hooks) for module in model.modules())


@every_pair
def test_an_output_does_not_depend_on_its_batch_or_on_padding(method: str, scope: str) -> None:
    """Double precision, so that rounding does not move a feature across its threshold."""
    model, split = tiny.bert().double(), sentences()
    prepared(model, method, scope)
    together = logits(model, batch_of(split, list(range(len(split)))))
    for index in range(len(split)):
        alone = logits(model, batch_of(split, [index]))[0]
        padded = logits(model, batch_of(split, [index], extra=9, filler=5))[0]
        assert_near(alone, together[index])
        assert_near(alone, padded)


@every_pair
def test_pruning_is_deterministic_restorable_and_removable(method: str, scope: str) -> None:
    """Other evaluations in between, and a second ``attach``, change nothing."""
    model, batch = tiny.bert(), batch_of(sentences(), list(range(12)))
    dense = logits(model, batch)
    pruner = prepared(model, method, scope)
    pruned = logits(model, batch)
    assert (pruned - dense).abs().max() > 0.01
    assert not torch.equal(logits(model, batch_of(sentences(seed=4), list(range(12)))), pruned)
    pruner.attach()
    assert hooks(model) == 14
    assert torch.equal(logits(model, batch), pruned)
    other = Dense.of(tiny.bert())
    again = ActivationPruner(prunable_modules(other.model, PruningConfig()), 0.5, method, scope)
    again.state = dict(pruner.state)
    again.attach()
    assert torch.equal(logits(other.model, batch), pruned)
    other.undo.append(again.remove)
    pruner.remove()
    for clean in (model, other.reset()):
        assert hooks(clean) == 0
        assert torch.equal(logits(clean, batch), dense)
    nothing = prepared(model, method, scope, sparsity=0.0)
    assert hooks(model) == 0 and nothing.state == {}


def test_only_linear_layers_have_features() -> None:
    modules = {"conv": nn.Conv2d(1, 1, 3), "words": nn.Embedding(3, 2), "linear": nn.Linear(2, 2)}
    assert set(ActivationPruner(modules, 0.5, "l1-norm", "local").modules) == {"linear"}


# l1-norm, local: each token keeps its own largest features


def test_keep_per_token_gives_hand_computed_values() -> None:
    x = torch.tensor([[[3.0, -1.0, 0.5, -4.0], [0.1, 0.2, -0.3, 0.4]]])
    kept = [[[3.0, 0, 0, -4.0], [0, 0, -0.3, 0.4]]]
    assert torch.equal(keep_per_token(x, 0.5), torch.tensor(kept))
    equal = torch.full((2, 8), -0.5)
    assert torch.equal(keep_per_token(equal, 0.5), equal)
    assert keep_per_token(x, 0.01) is x  # a share too small to count


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("sparsity", [0.1, 0.5, 0.9, 0.99, 0.9999])
def test_each_token_loses_exactly_its_share(sparsity: float, dtype: torch.dtype) -> None:
    # distinct magnitudes, so that there are no ties and the count is exact
    order = [torch.randperm(20, generator=torch.Generator().manual_seed(i)) for i in range(6)]
    x = (torch.stack(order) + 1).to(dtype).view(2, 3, 20) * -1
    zeros = (keep_per_token(x, sparsity) == 0).sum(-1)
    assert torch.equal(zeros, torch.full((2, 3), min(round(sparsity * 20), 19)))


def test_gradients_flow_only_through_kept_features() -> None:
    x = torch.tensor([[1.0, -2.0, 3.0, -4.0]], requires_grad=True)
    keep_per_token(x, 0.5).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[0.0, 0.0, 1.0, 1.0]]


# l1-norm, global: one threshold per layer, from real tokens of train data


def calibrated(model: nn.Module, sparsity: float, batch: Batch) -> ActivationPruner:
    pruner = ActivationPruner(
        prunable_modules(model, PruningConfig()), sparsity, "l1-norm", "global"
    )
    model.eval()
    pruner.calibrate(lambda: model(**batch), batch["attention_mask"].bool())
    return pruner


@pytest.mark.parametrize("sparsity", [0.05, 0.6, 0.93])
def test_thresholds_are_quantiles_over_real_tokens_layer_by_layer(sparsity: float) -> None:
    """Each threshold is the quantile of the layer's inputs when all earlier layers are pruned."""
    model, batch = tiny.bert(), batch_of(sentences(), list(range(12)))
    pruner, valid = calibrated(model, sparsity, batch), batch["attention_mask"].bool()
    assert hooks(model) == 0
    with inputs_of(pruner.modules) as seen:
        pruner.attach()
        logits(model, batch)
    assert set(seen) == set(pruner.state)
    for name, x in seen.items():
        real = x[valid] if x.dim() == 3 else x
        magnitudes = real.abs().flatten().sort().values
        count = round(sparsity * len(magnitudes))
        assert pruner.state[name] == magnitudes[count - 1]
        assert int((keep_above(real, pruner.state[name]) == 0).sum()) == count
    whole = seen["bert.encoder.layer.0.attention.self.query"].abs().flatten().sort().values
    padding_too = whole[round(sparsity * len(whole)) - 1]
    assert pruner.state["bert.encoder.layer.0.attention.self.query"] != padding_too


def test_thresholds_do_not_depend_on_padding() -> None:
    """Double precision, as above; the thresholds are stored in single precision."""
    states = []
    for extra, filler in ((0, 0), (10, 0), (10, 6)):
        batch = batch_of(sentences(), list(range(12)), extra, filler)
        state = calibrated(tiny.bert().double(), 0.6, batch).state
        states.append(torch.stack([state[name] for name in sorted(state)]))
    assert_near(states[1], states[0], steps=2)
    assert_near(states[2], states[0], steps=2)


# random: a feature mask that is fixed for the trial


def test_a_layer_that_never_runs_has_no_threshold_and_is_refused() -> None:
    layers = {"used": nn.Linear(4, 4), "idle": nn.Linear(4, 4)}
    pruner = ActivationPruner(layers, 0.5, "l1-norm", "global")
    with pytest.raises(UsageError, match="module idle was never run"):
        pruner.calibrate(lambda: layers["used"](torch.ones(2, 3, 4)), torch.ones(2, 3).bool())


def random_state(scope: str, sparsity: float = 0.5, seed: int = 0) -> dict[str, Tensor]:
    return prepared(tiny.bert(), "random", scope, sparsity, seed).state


@pytest.mark.parametrize("sparsity", [0.1, 0.5, 0.9, 0.999])
def test_random_masks_drop_the_exact_share_of_features(sparsity: float) -> None:
    whole = torch.cat(list(random_state("global", sparsity).values()))
    for mask in (whole, *random_state("local", sparsity).values()):
        dropped = int((~mask).sum())
        assert abs(dropped - sparsity * mask.numel()) < 1
        assert dropped < mask.numel()


@pytest.mark.parametrize("scope", ACTIVATION_SCOPES)
def test_random_masks_depend_only_on_the_seed(scope: str) -> None:
    one, same, other = (random_state(scope, seed=seed) for seed in (1, 1, 2))
    assert is_same(one, same) and not is_same(one, other)


def test_a_layer_receives_only_the_features_of_its_random_mask() -> None:
    layer = nn.Linear(6, 6)
    pruner = ActivationPruner({"layer": layer}, 0.5, "random", "local")
    pruner.draw(torch.Generator().manual_seed(0))
    pruner.attach()
    mask = pruner.state["layer"]
    assert int(mask.sum()) == 3
    for mode in (True, False):
        layer.train(mode)
        x = torch.randn(5, 2, 6)
        expected = nn.functional.linear(torch.where(mask, x, 0.0), layer.weight, layer.bias)
        assert torch.equal(layer(x), expected)
    assert keep_features(torch.ones(2, 6, dtype=torch.bfloat16), mask).dtype == torch.bfloat16


def plainly_pruned(model: nn.Module, sparsity: float) -> nn.Module:
    for module in prunable_modules(model, PruningConfig()).values():
        module.register_forward_pre_hook(lambda m, inputs: keep_per_token(inputs[0], sparsity))
    return model


def gradients(model: nn.Module) -> Tensor:
    """All gradients as one vector: some, such as those of key biases, are zero up to rounding."""
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def test_the_cached_threshold_changes_neither_outputs_nor_gradients() -> None:
    plain, memo = plainly_pruned(tiny.bert().double(), 0.5), tiny.bert().double()
    prepared(memo, "l1-norm", "local", 0.5)
    split = sentences()
    for indices in ([0, 1, 2, 3], [4, 5, 6, 7], [0, 1, 2, 3]):
        batch = batch_of(split, indices)
        assert torch.equal(logits(plain, batch), logits(memo, batch))
        for model in (plain, memo):
            model.zero_grad()
            model(**batch).logits.square().sum().backward()
        for one, other in zip(plain.parameters(), memo.parameters(), strict=True):
            assert (one.grad is None) == (other.grad is None)
        assert_near(gradients(memo), gradients(plain))


@pytest.mark.parametrize("left", [True, False])
def test_rows_of_padding_are_left_out_in_every_layout(left: bool) -> None:
    """A row holds the number of its example and token; padding is negative."""
    lengths, tokens = torch.tensor([2, 5, 3]), 5
    places = torch.arange(tokens) - (tokens - lengths[:, None] if left else 0)
    valid = (places >= 0) & (places < lengths[:, None])
    numbers = torch.arange(3)[:, None] * 10 + places
    x = torch.where(valid, numbers, -1)[..., None].float()
    expected = x[valid].flatten().sort().values
    more = torch.cat([x, torch.full((3, 3, 1), -1.0)], 1)
    for layout in (x, x.transpose(0, 1), x.reshape(-1, 1), more):
        assert torch.equal(real_rows(layout, valid).flatten().sort().values, expected)
    pooled = real_rows(x[:, ::2], valid)  # every other token stands for two
    assert len(pooled) == int(valid[:, [0, 1, 3]].sum())
    heads = torch.ones(3, 4)
    assert real_rows(heads, valid) is heads


def test_a_layer_that_runs_twice_has_the_mean_of_its_thresholds() -> None:
    layer = nn.Linear(4, 4)
    pruner = ActivationPruner({"layer": layer}, 0.5, "l1-norm", "global")
    one, two = (torch.arange(4.0)[None] + start for start in (1, 3))
    pruner.calibrate(lambda: (layer(one), layer(two)), torch.ones(1, 1, dtype=torch.bool))
    assert pruner.state["layer"] == 3.0  # of 2 and 4
