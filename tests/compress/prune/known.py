"""Statistics for any weights, without a model: what each method of the table needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from sweep.compress.prune import CRITERIA, make_masks
from sweep.compress.prune.statistics import MOVEMENT, inverse_factor
from sweep.compress.prune.targets import OF_INPUTS
from sweep.space.params import Params

Weights = dict[str, Tensor]


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def masks(
    weights: Mapping[str, Tensor],
    sparsity: float,
    method: str = "l1-norm",
    scope: str = "local",
    seed: int = 0,
    start: Mapping[str, Tensor] | None = None,
    statistics: Mapping[str, Tensor] | None = None,
    **params: Any,
) -> Weights:
    """The masks that a trial of these params would choose."""
    chosen = Params(sparsity, method, scope, **params)
    return make_masks(weights, chosen, generator(seed), start, statistics)


def takes(method: str, weight: Tensor) -> bool:
    """Whether a method can score a weight: those that look at inputs take matrices alone."""
    return CRITERIA[method].needs not in OF_INPUTS or weight.dim() == 2


def fitting(method: str, weights: Mapping[str, Tensor]) -> Weights:
    return {name: weight for name, weight in weights.items() if takes(method, weight)}


def statistics(method: str, weights: Mapping[str, Tensor], seed: int = 0) -> Weights:
    """Of random gradients, inputs or movements."""
    g = generator(seed + 100)
    return {name: _statistic(CRITERIA[method].needs, weight, g) for name, weight in weights.items()}


def _statistic(kind: str, weight: Tensor, g: torch.Generator) -> Tensor:
    if kind == "gradient":
        return torch.rand(weight.shape, generator=g)
    if kind == MOVEMENT:
        return torch.randn(weight.shape, generator=g)
    inputs = torch.randn(3 * weight.shape[-1], weight.shape[-1], generator=g)
    return inputs.norm(dim=0) if kind == "input-norm" else inverse_factor(inputs.T @ inputs)


def even(method: str, weights: Mapping[str, Tensor]) -> Weights:
    """Statistics that make no difference between the weights of a matrix."""
    kind = CRITERIA[method].needs
    if kind in ("gradient", MOVEMENT):
        return {name: torch.ones_like(weight) for name, weight in weights.items()}
    if kind == "input-norm":
        return {name: torch.ones(weight.shape[-1]) for name, weight in weights.items()}
    return {name: torch.eye(weight.shape[-1]) for name, weight in weights.items()}
