"""What a model measures: zeros, non-zero parameters, bytes. Counted on the weights as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Size:
    """Counts of one model.

    ``sparsity``: zeros / prunable weights. ``model_sparsity``: the same zeros / all parameters.
    ``nonzero_params``: non-zero values among all parameters. ``size_bytes``: see :func:`measure`.
    """

    sparsity: float
    model_sparsity: float
    nonzero_params: int
    size_bytes: int


def measure(model: nn.Module, weights: Mapping[str, Tensor]) -> Size:
    """Count ``model``; ``weights`` are its prunable ones.

    ``size_bytes`` is what the parameters take when each prunable matrix is stored as a bitmap and
    its non-zero values, or dense where that is smaller, and the rest dense. File headers are not
    in it; no speed is implied by it.
    """
    prunable = {id(weight) for weight in weights.values()}
    total = zeros = nonzero = size = 0
    for parameter in model.parameters():
        count, filled = parameter.numel(), int(parameter.count_nonzero())
        total += count
        nonzero += filled
        if id(parameter) in prunable:
            zeros += count - filled
            size += stored_bytes(count, filled, parameter.element_size())
        else:
            size += count * parameter.element_size()
    prunable_count = sum(weight.numel() for weight in weights.values())
    return Size(zeros / prunable_count, zeros / total, nonzero, size)


def zeros_of(weights: Mapping[str, Tensor]) -> list[int]:
    """How many values of each weight are zero, in their order."""
    return [weight.numel() - int(weight.count_nonzero()) for weight in weights.values()]


def stored_bytes(count: int, filled: int, item: int) -> int:
    """Bytes of ``count`` values of ``item`` bytes, ``filled`` of them non-zero, smallest form.

    >>> stored_bytes(1000, 100, 4), stored_bytes(1000, 1000, 4)
    (525, 4000)
    """
    return min(count * item, -(-count // 8) + filled * item)
