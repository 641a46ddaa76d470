"""Criteria: functions from a weight tensor to scores of the same shape; high scores are kept.

A row of :data:`CRITERIA` names the function, the statistic that it reads
(`sweep.compress.prune.statistics`), and a reconstruction that changes the kept weights to
compensate for the pruned ones. The contract tests run over this table.

The reconstruction of ``sparsegpt`` is the optimal brain surgeon of a Linear layer. The outputs are
W X^T over calibration inputs X (rows, in), so a change D of one row of W gives the squared error
D H D^T with H = X^T X, the same H for every row (Hassibi & Stork 1992; Frantar & Alistarh 2022,
arXiv:2208.11580).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sweep.space.params import MOVEMENT

_BLOCK = 128
"""Columns per block: the columns to the right are updated once a block, by one matrix product."""

REFINEMENTS = 5
"""Steps of :func:`refine`. On MiniLM at 50 and 70 % three steps give 80 % of the possible gain."""

Score = Callable[[Tensor, Any, torch.Generator], Tensor]
"""(weight, the module's statistic or None, generator) -> scores."""

Reconstruct = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(weight, mask, statistic) -> new values of the kept weights, zero elsewhere."""


@dataclass(frozen=True)
class Criterion:
    """A method: its score function, the statistic it needs, and its reconstruction, if any."""

    score: Score
    needs: str = "none"
    reconstruct: Reconstruct | None = None


def l1_norm(weight: Tensor, statistic: None, generator: torch.Generator) -> Tensor:
    """Magnitude |w| (Han et al. 2015, arXiv:1506.02626), called ``l1-norm`` in MASE's tutorial."""
    return weight.detach().abs()


def random(weight: Tensor, statistic: None, generator: torch.Generator) -> Tensor:
    """Uniform in [0, 1), drawn on the CPU so that a seed gives the same scores on every device."""
    return torch.rand(weight.shape, generator=generator).to(weight.device)


def taylor(weight: Tensor, gradient: Tensor, generator: torch.Generator) -> Tensor:
    """|weight x gradient|: the first-order change of the loss when the weight is removed.

    ``gradient`` is the root mean square over examples, so scores are ordered as the mean of (w g)^2
    (Molchanov et al. 2019, arXiv:1906.10771, eq. 8). The mean gradient would not do: in a trained
    model it is near zero for every weight.
    """
    return weight.detach().abs() * gradient


def wanda(weight: Tensor, norms: Tensor, generator: torch.Generator) -> Tensor:
    """|weight| x the l2 norm of its input feature (Sun et al. 2023, arXiv:2306.11695).

    ``norms`` (in,) belong to the columns of ``weight`` (out, in). The paper compares weights within
    a row, which is scope ``row``.
    """
    return weight.detach().abs() * norms


def lamp(weight: Tensor, statistic: None, generator: torch.Generator) -> Tensor:
    """w^2 divided by the sum of squares of all weights of the matrix that are at least as large.

    Layer-adaptive magnitude pruning (Lee et al. 2021, arXiv:2010.07611). Within a matrix the order
    is that of magnitude; across matrices (scope ``global``) it compares relative losses. Equal
    weights have equal scores. Scores are in [0, 1].
    """
    squares = weight.detach().double().square()
    values, places, counts = torch.unique(squares, return_inverse=True, return_counts=True)
    tails = (values * counts).flip(0).cumsum(0).flip(0)  # sums over all at least as large
    scores: Tensor = values / tails.clamp_min(torch.finfo(torch.float64).tiny)
    return scores[places].to(weight.dtype)


def sparsegpt(weight: Tensor, factor: Tensor, generator: torch.Generator) -> Tensor:
    """w^2 / [H^-1]_jj: the error in the layer's outputs when the other weights compensate.

    ``factor`` (in, in) comes from `sweep.compress.prune.statistics.inverse_factor`. Here all masks
    are chosen first, under any scope, and the weights are reconstructed afterwards. The paper
    (Frantar & Alistarh 2023, arXiv:2301.00774) chooses masks block by block during the
    reconstruction, and does not refine the result.
    """
    return weight.detach().square() / factor.square().sum(0)


def movement(weight: Tensor, moved: Tensor, generator: torch.Generator) -> Tensor:
    """How far training moved the weight away from zero, as ``recorded`` in
    `sweep.compress.prune.statistics`.

    Scores are signed: a weight that shrank is pruned before one that grew, and the weight that
    shrank most is pruned first. ``normalise: rms`` divides by a positive number, so it keeps this
    order.
    """
    return moved


@torch.no_grad()
def reconstruct(weight: Tensor, mask: Tensor, factor: Tensor) -> Tensor:
    """Return new values of ``weight`` (out, in) under ``mask`` (True: kept), zero elsewhere.

    The reconstruction is one :func:`sweep` of SparseGPT followed by :func:`refine`.
    """
    hessian = torch.cholesky_inverse(factor, upper=True)
    return refine(weight.detach(), mask, sweep(weight, mask, factor), hessian, REFINEMENTS)


@torch.no_grad()
def sweep(weight: Tensor, mask: Tensor, factor: Tensor) -> Tensor:
    """SparseGPT's reconstruction (algorithm 1) of ``weight`` (out, in) under a given ``mask``.

    Columns are processed from left to right. When a weight is dropped, the columns to its right
    change so that the outputs change least; earlier columns stay fixed. All rows are processed at
    once, because they share ``factor`` (in, in).
    """
    columns = weight.detach().T.contiguous().clone()  # each column is contiguous
    dropped = (~mask).T.contiguous()
    for start in range(0, len(columns), _BLOCK):
        stop = min(start + _BLOCK, len(columns))
        errors = columns.new_zeros(stop - start, columns.shape[1])
        for column in range(start, stop):
            error = columns[column] * dropped[column] / factor[column, column]
            columns[column:stop].addr_(factor[column, column:stop], error, alpha=-1)
            errors[column - start] = error
        columns[stop:] -= factor[start:stop, stop:].T @ errors
    return columns.T.contiguous() * mask


@torch.no_grad()
def refine(weight: Tensor, mask: Tensor, start: Tensor, hessian: Tensor, steps: int) -> Tensor:
    """Reduce the output error of ``start`` (out, in), which is zero where ``mask`` drops.

    :func:`sweep` compensates only with later columns, some of which are dropped afterwards. With a
    fixed mask the best values solve one least-squares problem per row. This runs ``steps`` of the
    conjugate gradient method from ``start``, preconditioned by the diagonal of ``hessian`` (in,
    in), for all rows at once. The error never increases, and is minimal after (in) steps.
    """
    kept = mask.to(weight.dtype)
    scale = 1 / hessian.diagonal()
    found, residual = start.clone(), ((weight - start) @ hessian) * kept
    direction = residual * scale
    slope = (residual * direction).sum(1, keepdim=True)
    tiny = torch.finfo(weight.dtype).tiny
    for _ in range(steps):
        image = (direction @ hessian) * kept
        length = slope / (direction * image).sum(1, keepdim=True).clamp_min(tiny)
        found += length * direction
        residual -= length * image
        step = residual * scale
        new = (residual * step).sum(1, keepdim=True)
        direction = step + new / slope.clamp_min(tiny) * direction
        slope = new
    return found * kept


CRITERIA: dict[str, Criterion] = {
    "l1-norm": Criterion(l1_norm),
    "random": Criterion(random),
    "taylor": Criterion(taylor, "gradient"),
    "wanda": Criterion(wanda, "input-norm"),
    "lamp": Criterion(lamp),
    "sparsegpt": Criterion(sparsegpt, "inverse-factor", reconstruct),
    "movement": Criterion(movement, MOVEMENT),
}
