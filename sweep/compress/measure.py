"""Figures of a model: metrics of its answers, and counts and bytes of its weights.

This module does not import torch.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sweep.metrics import Metric, Results
from sweep.registry import METRICS

if TYPE_CHECKING:
    from torch import Tensor, nn

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Score:
    """One evaluation: ``labels`` and ``answers`` (examples,), in the order of the split.

    ``loss`` is the mean loss, ``seconds`` wall time.
    """

    labels: Results
    answers: Results
    loss: float
    seconds: float

    def figures(self, metrics: Sequence[str]) -> dict[str, Any]:
        """Return the loss, the number of examples, and the ``metrics`` with their standard errors.

        Names and types are those of a record. If a metric defines which answers are correct, their
        number is added, and one bit per example as base64: eight per byte, the first in the highest
        bit (a sixth of a byte in the ledger).
        """
        found: dict[str, Any] = {"loss": self.loss, "examples": len(self.labels)}
        for name in metrics:
            metric: Metric = METRICS[name]
            found |= metric.figures(name, self.labels, self.answers)
            if metric.right is not None:
                right = metric.right(self.labels, self.answers)
                bits = base64.b64encode(np.packbits(right).tobytes()).decode("ascii")
                found |= {"correct": int(right.sum()), "correct_bits": bits}
        return found


@dataclass(frozen=True)
class Size:
    """The size of a model.

    ``sparsity``: zeros / prunable weights. ``model_sparsity``: the same zeros / all parameters.
    ``nonzero_params``: non-zero values among all parameters. ``size_bytes``: see :func:`measure`.
    ``coverage``: prunable weights / weights in matrices (`sweep.compress.prune.coverage`).

    For a model on a grid (`sweep.compress.quantize`), zeros are those of the float weights, that
    is, from pruning. ``quantized_sparsity`` is the share of the prunable weights that the grid
    additionally rounds to zero; None without a grid. ``nonzero_params`` and ``size_bytes`` count
    the rounded values.
    """

    sparsity: float
    model_sparsity: float
    nonzero_params: int
    size_bytes: int
    coverage: float
    quantized_sparsity: float | None = None


def dense_figures(
    score: Score,
    metrics: Sequence[str],
    size: Size,
    weights: Mapping[str, int],
    train_seconds: float = 0.0,
) -> dict[str, Any]:
    """Return the figures of a dense model, as the ``baseline`` event holds them.

    ``weights`` are the numbers of weights of the prunable matrices by name.
    """
    return {
        **score.figures(metrics),
        **{name: value for name, value in asdict(size).items() if value is not None},
        "prunable_weights": [[name, count] for name, count in weights.items()],
        "metrics": {name: METRICS[name].facts(score.labels) for name in metrics},
        "train_seconds": train_seconds,
        "eval_seconds": score.seconds,
        "seconds": train_seconds + score.seconds,
    }


def measure(model: nn.Module, weights: Mapping[str, Tensor]) -> Size:
    """Measure the size of ``model``, whose prunable weights are ``weights``.

    For ``size_bytes`` each prunable matrix is stored as a bitmap and its non-zero values, or dense
    if that is smaller, and all other parameters are dense. On a grid, values are packed to their
    bits, with the scales added (`sweep.compress.quantize.layers`). File headers are not included.
    The size says nothing about speed.
    """
    # Imported here, since a closed-form task measures without torch.
    from sweep.compress.prune.coverage import coverage
    from sweep.compress.quantize.layers import grid_storage

    on_grid = grid_storage(model)
    prunable = {id(weight) for weight in weights.values()}
    total = zeros = rounded = nonzero = size = 0
    for parameter in model.parameters():
        count, kept = parameter.numel(), int(parameter.count_nonzero())
        in_floats = kept, float(parameter.element_size()), 0
        filled, item, beside = on_grid.get(id(parameter), in_floats)
        total += count
        nonzero += filled
        if id(parameter) in prunable:
            zeros += count - kept
            rounded += kept - filled
            size += stored_bytes(count, filled, item) + beside
        else:
            size += math.ceil(count * item) + beside
    among = sum(weight.numel() for weight in weights.values())
    share = rounded / among if on_grid else None
    reached, _ = coverage(model, weights.values())
    return Size(zeros / among, zeros / total, nonzero, size, reached, share)


def stored_bytes(count: int, filled: int, item: float) -> int:
    """Return the bytes of ``count`` values of ``item`` bytes in the smaller of the two forms.

    ``filled`` of the values are non-zero. ``item`` may be a multiple of 1/8, for packed values.

    >>> stored_bytes(1000, 100, 4), stored_bytes(1000, 1000, 4), stored_bytes(1000, 100, 0.625)
    (525, 4000, 188)
    """
    return min(math.ceil(count * item), math.ceil(count / 8) + math.ceil(filled * item))
