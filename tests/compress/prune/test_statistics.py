"""Statistics against independent computations: finite differences, sums over explicit inputs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from sweep.compress.prune.statistics import COLLECTORS, DAMPENING, collect, inverse_factor
from sweep.compress.prune.targets import prunable_modules
from sweep.compress.train import to_device
from sweep.config.sections import PruningConfig
from sweep.errors import UsageError
from tests.harness import tiny
from tests.harness.rounding import assert_near, rounding

SPLIT = tiny.bags(12)


def loss_of(net: nn.Module, index: int) -> Tensor:
    batch = to_device(SPLIT.batch(np.array([index])), torch.device("cpu"))
    labels = batch.pop("labels")
    return cross_entropy(net(**batch).logits, labels)


def losses(net: nn.Module, count: int = len(SPLIT)) -> Iterator[Tensor]:
    return (loss_of(net, index) for index in range(count))


def test_gradients_are_those_of_finite_differences() -> None:
    """The root mean square over the examples of (L(w + h) - L(w - h)) / 2h.

    Its error is about h^2 from the curvature, and the rounding of the loss divided by h.
    """
    net = tiny.Net().double()
    modules = prunable_modules(net, PruningConfig())
    found = collect("gradient", modules, losses(net))
    assert all(parameter.grad is None for parameter in net.parameters())
    step = 1e-5
    slack = 10 * (step**2 + rounding(loss_of(net, 0), steps=1) / step)
    for name, module in modules.items():
        weight = module.weight
        assert isinstance(weight, Tensor) and found[name].shape == weight.shape
        for place in ((0, 0), (1, 3), (2, 7)):
            slopes = []
            for index in range(len(SPLIT)):
                with torch.no_grad():
                    weight[place] += step
                    above = loss_of(net, index)
                    weight[place] -= 2 * step
                    slopes.append(float(above - loss_of(net, index)) / (2 * step))
                    weight[place] += step
            wanted = float(np.sqrt(np.mean(np.square(slopes))))
            assert float(found[name][place]) == pytest.approx(wanted, rel=0, abs=slack)


def head_inputs(net: tiny.Net) -> Tensor:
    """The inputs of the head of ``net``, by the formula of the network."""
    found = []
    for index in range(len(SPLIT)):
        ids = torch.from_numpy(SPLIT.batch(np.array([index]))["input_ids"])
        found.append(torch.tanh(net.hidden(net.words(ids).mean(1))))
    return torch.cat(found).detach()


def test_input_statistics_include_all_inputs() -> None:
    net = tiny.Net()
    modules = prunable_modules(net, PruningConfig())
    inputs = head_inputs(net)
    norms = collect("input-norm", modules, losses(net))["head"]
    assert_near(norms, inputs.norm(dim=0), steps=100)
    factor = collect("inverse-factor", modules, losses(net))["head"]
    assert not any(module._forward_pre_hooks for module in net.modules()), "no hook is left"
    gram = inputs.T @ inputs
    condition = float(torch.linalg.cond(gram + DAMPENING * gram.diagonal().mean() * torch.eye(10)))
    assert_near(factor, inverse_factor(gram), steps=round(10 * condition))


def test_every_token_is_a_row_of_the_inputs() -> None:
    layer = nn.Linear(3, 2)
    batches = [torch.randn(1, length, 3) for length in (2, 5)]
    found = collect("input-norm", {"layer": layer}, (layer(x).sum() for x in batches))["layer"]
    rows = torch.cat([x.reshape(-1, 3) for x in batches])
    assert_near(found, rows.norm(dim=0), steps=100)


@pytest.mark.parametrize("kind", COLLECTORS)
def test_a_module_that_is_never_run_is_named(kind: str) -> None:
    net = tiny.Net()
    modules = {**prunable_modules(net, PruningConfig()), "spare": nn.Linear(4, 4)}
    with pytest.raises(UsageError, match=r"module spare was never run .*pruning\.exclude"):
        collect(kind, modules, losses(net))


def test_layers_that_share_a_weight_have_one_statistic_over_all_their_inputs() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)
            self.two.weight = self.one.weight

        def forward(self, x: Tensor) -> Tensor:
            found: Tensor = self.two(torch.tanh(self.one(x)))
            return found

    net, x = Twice(), torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    modules = prunable_modules(net, PruningConfig(), shared=True)

    def runs() -> Iterator[Tensor]:
        yield net(x).square().sum()

    inputs = torch.cat([x, torch.tanh(net.one(x))]).detach()
    assert_near(collect("input-norm", modules, runs())["one"], inputs.norm(dim=0), steps=100)
    assert list(collect("inverse-factor", modules, runs())) == ["one"]
    [gradient] = collect("gradient", modules, runs()).values()
    assert_near(gradient, torch.autograd.grad(net(x).square().sum(), net.one.weight)[0].abs(), 100)
