"""Masks drop an exact number of weights, which stay exactly zero under momentum and decay."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from sweep.compress.prune.masks import apply_masks, forget, hold, keep_largest, pairs
from sweep.compress.prune.selection import ordered_keys
from sweep.compress.prune.targets import dropped, prunable_weights
from sweep.compress.train import Recipe, make_optimizer
from sweep.config.sections import PruningConfig
from tests.compress.prune.known import Weights, generator, masks
from tests.harness.rounding import assert_near
from tests.harness.tiny import Net, bags
from tests.harness.trials import finetune, same

Optimizers = Callable[[nn.Module, Recipe], torch.optim.Optimizer]


def pruned_net(sparsity: float = 0.6) -> tuple[Net, Weights, Weights]:
    net = Net()
    weights = prunable_weights(net, PruningConfig(embeddings=True))
    found = masks(weights, sparsity)
    apply_masks(weights, found)
    return net, weights, found


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=40), st.data())
def test_exactly_the_smallest_keys_are_dropped(values: list[int], data: st.DataObject) -> None:
    count = data.draw(st.integers(0, len(values)))
    cut = data.draw(st.integers(0, len(values)))
    scores = torch.tensor(values, dtype=torch.float32)
    parts = [ordered_keys(scores[:cut]), ordered_keys(scores[cut:])]
    kept = torch.cat(keep_largest(parts, count, generator(0)))
    assert int((~kept).sum()) == count
    if 0 < count < len(values):
        assert scores[~kept].max() <= scores[kept].min()


def test_apply_gives_exactly_the_masked_weights() -> None:
    net = Net()
    weights = prunable_weights(net, PruningConfig())
    found = masks(weights, 0.4, "random", "global")
    expected = {name: value.clone() for name, value in net.state_dict().items()}
    for name, mask in found.items():
        expected[f"{name}.weight"][~mask] = 0.0
    apply_masks(weights, found)
    assert same(net.state_dict(), expected)
    zeros = sum(int((weight == 0).sum()) for weight in weights.values())
    assert zeros == dropped(found, found)


def test_hold_zeroes_the_gradients_of_pruned_weights_only() -> None:
    weight, idle = torch.ones(2, 2, requires_grad=True), torch.ones(2, requires_grad=True)
    weight.grad = torch.full((2, 2), 3.0)
    hold([(weight, torch.tensor([[True, False], [False, True]])), (idle, torch.ones(2).bool())])
    assert weight.grad.tolist() == [[3.0, 0.0], [0.0, 3.0]]
    assert idle.grad is None
    layers, whole = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)), torch.ones(2, 2).bool()
    [(held, mask)] = pairs(layers, {"0": whole.triu(), "1": whole})
    assert held is layers[0].weight and torch.equal(mask, whole.triu())


def sgd(net: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    return torch.optim.SGD(
        net.parameters(), recipe.learning_rate, momentum=0.9, weight_decay=recipe.weight_decay
    )


@pytest.mark.parametrize("make", [make_optimizer, sgd], ids=["adamw", "sgd"])
@pytest.mark.parametrize("learning_rate", [1e-3, 0.3])
@pytest.mark.parametrize("weight_decay", [0.0, 0.01, 1.0])
def test_pruned_weights_are_zero_after_every_step(
    make: Optimizers, learning_rate: float, weight_decay: float
) -> None:
    net, weights, kept = pruned_net()
    start = {name: weight.detach().clone() for name, weight in weights.items()}
    how = {"batch_size": 8, "weight_decay": weight_decay}
    recipe = Recipe(learning_rate=learning_rate, epochs=2, seed=0, **how)
    optimizer = make(net, recipe)
    steps = []

    def check(*_: object) -> None:
        steps.append(all(bool((weights[n][~m] == 0).all()) for n, m in kept.items()))

    optimizer.register_step_post_hook(check)
    finetune(net, bags(), recipe, optimizer, held=pairs(net, kept))
    assert steps == [True] * 12  # 48 examples, 8 a step, twice
    for name, mask in kept.items():
        moved = (weights[name] != start[name])[mask]
        assert moved.float().mean() > 0.9
        state = optimizer.state[weights[name]]
        for key in ("exp_avg", "exp_avg_sq", "momentum_buffer"):
            if key in state:
                assert not state[key][~mask].any()
                assert state[key][mask].any()


def test_without_the_masks_pruned_weights_come_back() -> None:
    """The control: without masks, the property of the tests above does not hold."""
    net, weights, kept = pruned_net()
    finetune(net, bags(), Recipe(learning_rate=1e-2, epochs=1, seed=0, batch_size=8))
    assert all(weights[name][~mask].any() for name, mask in kept.items())


@pytest.mark.parametrize("forgets", [True, False])
def test_a_weight_pruned_during_training_stays_zero_only_without_moments(forgets: bool) -> None:
    net, recipe = Net(), Recipe(learning_rate=1e-2, epochs=1, seed=0, batch_size=8)
    optimizer = finetune(net, bags(), recipe)
    weights = prunable_weights(net, PruningConfig())
    kept = masks(weights, 0.5)
    apply_masks(weights, kept)
    if forgets:
        forget(optimizer, pairs(net, kept))
    finetune(net, bags(), recipe, optimizer, held=pairs(net, kept))
    assert forgets == all(not weights[name][~mask].any() for name, mask in kept.items())


def test_clipping_ignores_masked_gradients() -> None:
    """After one step, the first moment is a tenth of the masked gradient, clipped by its norm."""
    clip, data = 1e-3, bags(count=16)
    recipe = Recipe(learning_rate=1e-3, epochs=1, seed=0, batch_size=16, clip_norm=clip, warmup=0.0)
    net, _, kept = pruned_net(0.8)
    twin, twin_weights, _ = pruned_net(0.8)
    optimizer = finetune(net, data, recipe, held=pairs(net, kept))

    batch = {key: torch.from_numpy(part) for key, part in data.batch(range(16)).items()}
    logits = twin(batch["input_ids"], batch["attention_mask"]).logits
    nn.functional.cross_entropy(logits, batch["labels"]).backward()

    def norm() -> float:
        grads = [p.grad for p in twin.parameters() if p.grad is not None]
        return float(torch.stack([grad.pow(2).sum() for grad in grads]).sum().sqrt())

    leaky = norm()
    for name, mask in kept.items():
        twin_weights[name].grad[~mask] = 0.0
    assert clip < norm() < 0.95 * leaky
    for parameter, twin_parameter in zip(net.parameters(), twin.parameters(), strict=True):
        clipped = twin_parameter.grad * clip / (norm() + 1e-6)  # as torch computes it
        moment = optimizer.state[parameter]["exp_avg"]
        assert_near(moment, 0.1 * clipped, steps=100)
