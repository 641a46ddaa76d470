"""The figures of a model: what it answers, example by example, and what its weights take.

Zeros, non-zero parameters and bytes are counted on the weights as they are. No torch.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
        """The figures by the names of a record, plain values: those of ``metrics`` with their
        standard errors, the loss, and the number of examples.

        Where one of the metrics says which examples are right, that is kept too: how many, and a
        bit an example (a sixth of a byte in the ledger).
        """
        found: dict[str, Any] = {"loss": self.loss, "examples": len(self.labels)}
        for name in metrics:
            metric: Metric = METRICS[name]
            found |= metric.figures(name, self.labels, self.answers)
            if metric.right is not None:
                right = metric.right(self.labels, self.answers)
                found |= {"correct": int(right.sum()), "correct_bits": pack(right)}
        return found


def pack(right: Bools) -> str:
    """A bit an example, as base64: eight to a byte, the first one the highest.

    >>> pack(np.array([True, False, True]))
    'oA=='
    """
    return base64.b64encode(np.packbits(right).tobytes()).decode("ascii")


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


def measure(model: nn.Module, weights: Mapping[str, Tensor]) -> Size:
    """Count ``model``; ``weights`` are its prunable ones.

    ``size_bytes`` is what the parameters take when each prunable matrix is stored as a bitmap and
    its non-zero values, or dense where that is smaller, and the rest dense; on a grid each value
    in its own bits (`sweep.compress.quantize.layers`), with the scales. File headers are not in it;
    no speed is implied by it.
    """
    # Imported here, since a closed-form task measures without torch.
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
    return Size(zeros / among, zeros / total, nonzero, size, share)


def stored_bytes(count: int, filled: int, item: float) -> int:
    """Bytes of ``count`` values of ``item`` bytes, ``filled`` of them non-zero, smallest form.

    ``item`` may be a fraction with a denominator of 8: values are packed bit by bit.

    >>> stored_bytes(1000, 100, 4), stored_bytes(1000, 1000, 4), stored_bytes(1000, 100, 0.625)
    (525, 4000, 188)
    """
    return min(math.ceil(count * item), math.ceil(count / 8) + math.ceil(filled * item))
