"""Statistics for arbitrary weights, without a model, for every method of the table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from sweep.compress.prune.criteria import CRITERIA
from sweep.compress.prune.masks import make_masks
from sweep.compress.prune.statistics import OF_INPUTS, inverse_factor
from sweep.space.params import MOVEMENT, Params

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
    """Whether a method can score a weight: methods that read inputs accept only matrices."""
    return CRITERIA[method].needs not in OF_INPUTS or weight.dim() == 2


def fitting(method: str, weights: Mapping[str, Tensor]) -> Weights:
    return {name: weight for name, weight in weights.items() if takes(method, weight)}


def statistics(method: str, weights: Mapping[str, Tensor], even: bool = False) -> Weights:
    """Statistics of random gradients, inputs or movements; ``even``: equal for all weights."""
    g, kind = generator(100), CRITERIA[method].needs
    return {name: _statistic(kind, weight, None if even else g) for name, weight in weights.items()}


def _statistic(kind: str, weight: Tensor, g: torch.Generator | None) -> Tensor:
    width = weight.shape[-1]
    if kind in ("gradient", MOVEMENT):
        draw = torch.rand if kind == "gradient" else torch.randn
        return draw(weight.shape, generator=g) if g else torch.ones_like(weight)
    inputs = torch.randn(3 * width, width, generator=g) if g else torch.eye(width)
    if kind == "input-norm":
        return inputs.norm(dim=0)
    return inverse_factor(inputs.T @ inputs)
