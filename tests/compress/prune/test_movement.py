"""Movement scores against hand-computed values, and removal of the hooks."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from sweep.compress.prune.statistics import recorded
from tests.compress.prune.known import Weights, generator, masks
from tests.harness.rounding import assert_near


def layer() -> nn.Linear:
    made = nn.Linear(4, 1, bias=False)
    with torch.no_grad():
        made.weight.copy_(torch.tensor([[0.5, -2.0, 1.0, -0.1]]))
    return made


def step(some: nn.Linear, gradient: list[float], rate: float = 0.1) -> None:
    """One SGD step on a loss whose gradient with respect to the weights is the input."""
    optimizer = torch.optim.SGD(some.parameters(), lr=rate)
    optimizer.zero_grad()
    some(torch.tensor([gradient])).sum().backward()
    optimizer.step()


def nothing_moved(*layers: nn.Linear) -> Weights:
    return {str(index): torch.zeros_like(one.weight) for index, one in enumerate(layers)}


def test_two_steps_give_hand_computed_movement() -> None:
    """-w g is (-0.5, 2, 2, -0.05), then for (0.4, -2.1, 1.2, -0.05): (-0.8, 0, -1.2, 0.2)."""
    some = layer()
    weights, moved = {"0": some.weight}, nothing_moved(some)
    with recorded(weights, moved):
        step(some, [1.0, 1.0, -2.0, -0.5])
        step(some, [2.0, 0.0, 1.0, 4.0])
    assert_near(moved["0"], torch.tensor([[-1.3, 2.0, 0.8, 0.15]]), steps=10)
    # unlike l1-norm, movement first prunes the weight that shrank most
    for sparsity, kept in ((0.25, [0, 1, 1, 1]), (0.5, [0, 1, 1, 0]), (0.75, [0, 1, 0, 0])):
        found = masks(weights, sparsity, "movement", statistics=moved)["0"]
        assert found.int().tolist() == [kept]


def test_movement_is_the_growth_of_squared_weights() -> None:
    """For plain SGD w'^2 = (w - r g)^2, so squares grow by 2 r S, plus r^2 g^2 per step."""
    rate, some, g = 0.05, layer().double(), generator(1)
    moved = nothing_moved(some)
    before, squares = some.weight.detach().clone(), torch.zeros(1, 4, dtype=torch.float64)
    optimizer = torch.optim.SGD(some.parameters(), lr=rate)
    with recorded({"0": some.weight}, moved):
        for _ in range(10):
            optimizer.zero_grad()
            some(torch.randn(3, 4, generator=g, dtype=torch.float64)).square().sum().backward()
            assert some.weight.grad is not None
            squares += some.weight.grad.square()
            optimizer.step()
    grown = some.weight.detach().square() - before.square()
    assert_near(grown, 2 * rate * moved["0"] + rate**2 * squares)


def test_hooks_are_removed_after_a_failure() -> None:
    """The failure may come in a step, or when a hook cannot be registered."""
    some, frozen = layer(), layer().requires_grad_(False)
    weights, moved = {"0": some.weight, "1": frozen.weight}, nothing_moved(some, frozen)
    with pytest.raises(RuntimeError), recorded(weights, moved):
        pass
    step(some, [2.0, 0.0, 1.0, 4.0])
    assert not moved["0"].any()
    failing = pytest.raises(RuntimeError, match="cannot be multiplied")
    with failing, recorded(weights, {"0": moved["0"]}):
        step(some, [1.0, 1.0, -2.0, -0.5])
        step(some, [1.0])
    before = moved["0"].clone()
    assert before.any()
    step(some, [2.0, 0.0, 1.0, 4.0])
    assert torch.equal(moved["0"], before)


def test_normalising_keeps_signs_and_the_order_within_a_matrix() -> None:
    """The matrices have rms 2 and 20; divided by it, both become (-1, 0.1, 1.4)."""
    moved = {"small": torch.tensor([[-2.0, 0.2, 2.8]]), "large": torch.tensor([[-20.0, 2.0, 28.0]])}
    weights = {name: torch.ones(1, 3) for name in moved}
    for normalise, sparsity, kept in (
        ("none", 1 / 6, [[1, 1, 1], [0, 1, 1]]),
        ("rms", 1 / 3, [[0, 1, 1], [0, 1, 1]]),
    ):
        found = masks(
            weights, sparsity, "movement", "global", statistics=moved, normalise=normalise
        )
        assert [found[name][0].int().tolist() for name in moved] == kept
