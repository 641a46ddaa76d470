"""The figures of a model: what it answers, example by example, and what its weights take.

Zeros, non-zero parameters and bytes are counted on the weights as they are. No torch.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor, nn

    from sweep.compress.quantize.layers import Held


Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Score:
    """One evaluation: ``labels`` and ``answers`` (integers, examples) in the split's own order.

    ``loss`` is the mean cross-entropy, ``seconds`` wall time.
    """

    labels: Ints
    answers: Ints
    loss: float
    seconds: float

    @property
    def right(self) -> Bools:
        """Whether each example was answered right (examples,)."""
        found: Bools = self.answers == self.labels
        return found

    @property
    def correct(self) -> int:
        """How many examples were answered right."""
        return int(self.right.sum())

    @property
    def examples(self) -> int:
        """How many examples there are."""
        return len(self.labels)

    @property
    def accuracy(self) -> float:
        """Share of examples answered right, in [0, 1]."""
        return self.correct / self.examples

    def figures(self, metrics: Sequence[str] = ()) -> dict[str, Any]:
        """The figures by the names of a record, plain values; with ``metrics`` of `EXTRA` too.

        There is no bound on the examples that ``correct_bits`` tells of: each takes a sixth of a
        byte, and has cost a forward pass.
        """
        extra = {}
        if metrics:
            counts = confusion(self.labels, self.answers)
            extra = {name: EXTRA[name](counts) for name in metrics}
        return {
            "accuracy": self.accuracy,
            "loss": self.loss,
            "correct": self.correct,
            "examples": self.examples,
            "correct_bits": pack(self.right),
            **extra,
        }


def pack(right: Bools) -> str:
    """A bit an example, as base64: eight to a byte, the first one the highest.

    >>> pack(np.array([True, False, True]))
    'oA=='
    """
    return base64.b64encode(np.packbits(right).tobytes()).decode("ascii")


def confusion(labels: Ints, answers: Ints) -> Ints:
    """How many examples of each label (rows) got each answer (columns), shape (n, n).

    >>> confusion(np.array([0, 0, 1]), np.array([0, 1, 1])).tolist()
    [[1, 1], [0, 1]]
    """
    n = int(max(labels.max(), answers.max())) + 1
    return np.bincount(labels * n + answers, minlength=n * n).reshape(n, n)


def macro_f1(counts: Ints) -> float:
    """The mean of each label's F1, in [0, 1], over labels that occur as label or as answer.

    ``counts`` is what :func:`confusion` gives.
    """
    sizes = counts.sum(axis=0) + counts.sum(axis=1)
    there = sizes > 0
    return float((2 * np.diag(counts)[there] / sizes[there]).mean())


def matthews(counts: Ints) -> float:
    """Matthews' correlation for any number of labels, in [-1, 1] (Gorodkin 2004, R_K).

    0 where all examples have one label, or get one answer: nothing is told apart then.
    ``counts`` is what :func:`confusion` gives.
    """
    total, right = float(counts.sum()), float(np.trace(counts))
    labels, answers = counts.sum(axis=1).astype(float), counts.sum(axis=0).astype(float)
    spread = (total**2 - labels @ labels) * (total**2 - answers @ answers)
    return float((right * total - labels @ answers) / np.sqrt(spread)) if spread else 0.0


EXTRA: Mapping[str, Callable[[Ints], float]] = {"f1": macro_f1, "matthews": matthews}
"""The figures that ``task.metrics`` can ask for.

MO-ASHA's margin is for the error of an accuracy; an objective of these it compares as exact.
"""


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
