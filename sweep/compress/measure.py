"""What a model measures: zeros, non-zero parameters, bytes. Counted on the weights as they are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn

    from sweep.compress.quantize.layers import Held


@dataclass(frozen=True)
class Size:
    """Counts of one model.

    ``sparsity``: zeros / prunable weights. ``model_sparsity``: the same zeros / all parameters.
    ``nonzero_params``: non-zero values among all parameters. ``size_bytes``: see :func:`measure`.

    Of a model on a grid (`sweep.compress.quantize`) those zeros are of its float weights, and so
    from pruning alone; ``quantized_sparsity`` is the share of the prunable weights that the grid
    rounds to zero beside them, None without a grid. ``nonzero_params`` and ``size_bytes`` are of
    the values on the grid.
    """

    sparsity: float
    model_sparsity: float
    nonzero_params: int
    size_bytes: int
    quantized_sparsity: float | None = None


def measure(model: nn.Module, weights: Mapping[str, Tensor], grid: bool = False) -> Size:
    """Count ``model``; ``weights`` are its prunable ones, ``grid`` says that layers are on one.

    ``size_bytes`` is what the parameters take when each prunable matrix is stored as a bitmap and
    its non-zero values, or dense where that is smaller, and the rest dense; on a grid each value
    in its own bits (`sweep.compress.quantize.layers`), with the scales. File headers are not in it;
    no speed is implied by it.
    """
    on_grid = _on_grid(model) if grid else {}
    prunable = {id(weight) for weight in weights.values()}
    total = zeros = rounded = nonzero = size = 0
    for parameter in model.parameters():
        count, kept = parameter.numel(), int(parameter.count_nonzero())
        filled, item, beside = kept, float(parameter.element_size()), 0
        if (held := on_grid.get(id(parameter))) is not None:
            filled, item, beside = held.filled, held.item, held.beside
        total += count
        nonzero += filled
        if id(parameter) in prunable:
            zeros += count - kept
            rounded += kept - filled
            size += stored_bytes(count, filled, item) + beside
        else:
            size += math.ceil(count * item) + beside
    among = sum(weight.numel() for weight in weights.values())
    share = rounded / among if grid else None
    return Size(zeros / among, zeros / total, nonzero, size, share)


def zeros_of(weights: Mapping[str, Tensor]) -> list[int]:
    """How many values of each weight are zero, in their order."""
    return [weight.numel() - int(weight.count_nonzero()) for weight in weights.values()]


def stored_bytes(count: int, filled: int, item: float) -> int:
    """Bytes of ``count`` values of ``item`` bytes, ``filled`` of them non-zero, smallest form.

    ``item`` may be a fraction with a denominator of 8: values are packed bit by bit.

    >>> stored_bytes(1000, 100, 4), stored_bytes(1000, 1000, 4), stored_bytes(1000, 100, 0.625)
    (525, 4000, 188)
    """
    return min(math.ceil(count * item), math.ceil(count / 8) + math.ceil(filled * item))


def _on_grid(model: nn.Module) -> Mapping[int, Held]:
    from sweep.compress.quantize.layers import held  # torch, which a formula's bench does without

    return held(model)
