"""Optimal brain surgeon (sparsegpt): scores and reconstruction against dense least squares."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sweep.compress.prune.criteria import CRITERIA, reconstruct, refine, sweep
from sweep.compress.prune.statistics import DAMPENING, inverse_factor
from tests.compress.prune.known import generator

INPUTS, COLUMNS = 60, 9


def layer(columns: int = COLUMNS, rows: int = 4, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Weights (rows, columns) and correlated inputs (tokens, columns)."""
    g = generator(seed)
    mix = torch.randn(columns, columns, generator=g, dtype=torch.float64)
    inputs = torch.randn(INPUTS + columns, columns, generator=g, dtype=torch.float64) @ mix
    return torch.randn(rows, columns, generator=g, dtype=torch.float64), inputs


def saliency(weight: Tensor, factor: Tensor) -> Tensor:
    return CRITERIA["sparsegpt"].score(weight, factor, generator(0))


def dampened(inputs: Tensor) -> Tensor:
    """Inputs whose X^T X is that of ``inputs`` with the dampening on its diagonal."""
    gram = inputs.T @ inputs
    extra = (DAMPENING * gram.diagonal().mean()).sqrt() * torch.eye(len(gram), dtype=gram.dtype)
    return torch.cat([inputs, extra])


def damage(inputs: Tensor, change: Tensor) -> Tensor:
    return (dampened(inputs) @ change.T).square().sum()


def refit(inputs: Tensor, row: Tensor, free: Tensor, fixed: Tensor) -> Tensor:
    """Refit the ``free`` columns of a row by dense least squares; the others equal ``fixed``."""
    x = dampened(inputs)
    target = x @ row - x[:, ~free] @ fixed[~free]
    found = fixed.clone()
    found[free] = torch.linalg.lstsq(x[:, free], target).solution
    return found


def test_the_factor_gives_the_inverse_of_the_dampened_hessian() -> None:
    _, inputs = layer()
    factor = inverse_factor(inputs.T @ inputs)
    assert torch.equal(factor, factor.triu())
    x = dampened(inputs)
    torch.testing.assert_close(factor.T @ factor @ (x.T @ x), torch.eye(COLUMNS).double())


@pytest.mark.parametrize("hessian", [torch.zeros(5, 5), torch.ones(5, 5)])
def test_a_singular_hessian_has_a_factor(hessian: Tensor) -> None:
    factor = inverse_factor(hessian)
    assert torch.isfinite(factor).all()
    same = saliency(torch.ones(2, 5), factor)
    torch.testing.assert_close(same, same[0, 0].expand(2, 5))


def test_saliency_is_the_damage_after_the_best_refit() -> None:
    weight, inputs = layer()
    scores = saliency(weight, inverse_factor(inputs.T @ inputs))
    for row in range(len(weight)):
        for column in range(COLUMNS):
            free = torch.arange(COLUMNS) != column
            refitted = refit(inputs, weight[row], free, torch.zeros(COLUMNS).double())
            found = damage(inputs, (refitted - weight[row]).unsqueeze(0))
            torch.testing.assert_close(scores[row, column], found)


def test_the_sweep_is_optimal_if_all_dropped_columns_come_first() -> None:
    """No kept column precedes the last dropped column, so every kept column can compensate."""
    weight, inputs = layer()
    mask = torch.ones_like(weight, dtype=torch.bool)
    mask[:, :4] = False
    found = sweep(weight, mask, inverse_factor(inputs.T @ inputs))
    for row, old in zip(found, weight, strict=True):
        torch.testing.assert_close(row, refit(inputs, old, mask[0], torch.zeros_like(old)))


@pytest.mark.parametrize("columns", [COLUMNS, 150])
def test_columns_to_the_right_compensate_for_each_dropped_weight(columns: int) -> None:
    """Column by column with dense least squares, earlier columns fixed; 150 columns, two blocks."""
    weight, inputs = layer(columns, rows=1)
    mask = torch.rand(1, columns, generator=generator(1)) > 0.5
    wanted = weight[0]
    for column in range(columns):
        if not mask[0, column]:
            fixed = wanted.clone()
            fixed[column] = 0
            wanted = refit(inputs, wanted, torch.arange(columns) > column, fixed)
    found = sweep(weight, mask, inverse_factor(inputs.T @ inputs))
    torch.testing.assert_close(found[0], wanted)


@pytest.mark.parametrize("seed", range(3))
def test_enough_refinement_gives_the_least_squares_solution_of_each_row(seed: int) -> None:
    weight, inputs = layer(seed=seed)
    mask = torch.rand(weight.shape, generator=generator(seed)) > 0.5
    x = dampened(inputs)
    found = refine(weight, mask, weight * mask, x.T @ x, steps=3 * COLUMNS)
    for row, old, kept in zip(found, weight, mask, strict=True):
        torch.testing.assert_close(row, refit(inputs, old, kept, torch.zeros_like(old)))


@pytest.mark.parametrize("seed", range(5))
def test_each_stage_does_less_damage_than_the_one_before(seed: int) -> None:
    """As in a trial, the weights of lowest score are dropped, and the reconstruction is float32."""
    weight, inputs = layer(40, 6, seed)
    factor = inverse_factor(inputs.T @ inputs)
    scores = saliency(weight, factor)
    mask = scores > scores.quantile(0.6, dim=1, keepdim=True)
    masked, swept = weight * mask, sweep(weight, mask, factor)
    found = reconstruct(weight.float(), mask, factor.float()).double()
    assert torch.equal(reconstruct(weight, torch.ones_like(mask), factor), weight)
    assert torch.equal(found != 0, mask)
    stages = [damage(inputs, new - weight) for new in (masked, swept, found)]
    assert stages[1] < stages[0]
    assert stages[2] < 0.8 * stages[0]
    assert stages[2] < 0.9 * stages[1]


def test_damage_falls_with_each_step() -> None:
    weight, inputs = layer(40, 6)
    mask = torch.rand(weight.shape, generator=generator(0)) > 0.6
    x = dampened(inputs)
    found = [refine(weight, mask, weight * mask, x.T @ x, steps) for steps in range(8)]
    costs = [float(damage(inputs, one - weight)) for one in found]
    assert costs == sorted(costs, reverse=True) and len(set(costs)) == 8
