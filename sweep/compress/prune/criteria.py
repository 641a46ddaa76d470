"""Criteria: a function each, from a weight tensor to scores of its shape; high scores are kept.

A new method is one function here and one row in :data:`CRITERIA`; the contract tests run over the
table, and ``sweep/space/params.py`` lists the names for the config. A row says which statistic
it reads (`sweep.compress.prune.statistics`), and how the weights that are kept make up for those
that go.

Those of ``sparsegpt`` do so as the optimal brain surgeon of a Linear layer: its outputs are W X^T
over calibration inputs X (rows, in), so the damage of a change D of one row of W is D H D^T with
H = X^T X, the same H for every row (Hassibi & Stork 1992; Frantar & Alistarh 2022,
arXiv:2208.11580).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sweep.compress.prune.statistics import MOVEMENT

_BLOCK = 128
"""Columns between two updates of all that lie right of them: one large product, not many rows."""

REFINEMENTS = 5
"""Steps of :func:`refine`: at 50 and 70 % of MiniLM, three take 80 % of what there is to have."""

Score = Callable[[Tensor, Any, torch.Generator], Tensor]
"""(weight, the module's statistic if the row needs one, else None, generator) -> scores."""

Reconstruct = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(weight, mask, statistic) -> the values of what is kept, zero elsewhere."""


@dataclass(frozen=True)
class Criterion:
    """A method: its scores, the kind of statistic that they need, and a reconstruction if any."""

    score: Score
    needs: str = "none"
    reconstruct: Reconstruct | None = None


def l1_norm(weight: Tensor, statistic: None, generator: torch.Generator) -> Tensor:
    """Magnitude |w| (Han et al. 2015, arXiv:1506.02626); what the tutorial calls ``l1-norm``."""
    return weight.detach().abs()


def random(weight: Tensor, statistic: None, generator: torch.Generator) -> Tensor:
    """Uniform in [0, 1), drawn on the CPU so that a seed means the same on every device."""
    return torch.rand(weight.shape, generator=generator).to(weight.device)


def taylor(weight: Tensor, gradient: Tensor, generator: torch.Generator) -> Tensor:
    """|weight x gradient|: how far the loss moves, to first order, when the weight goes.

    ``gradient`` is the root mean square over examples, so that the scores' order is that of the
    mean of (w g)^2 (Molchanov et al. 2019, arXiv:1906.10771, eq. 8): a mean gradient is near zero
    where a model was trained, whatever matters to it.
    """
    return weight.detach().abs() * gradient


def wanda(weight: Tensor, norms: Tensor, generator: torch.Generator) -> Tensor:
    """|weight| x the l2 norm of its input feature (Sun et al. 2023, arXiv:2306.11695).

    ``norms`` (in,) belong to the columns of ``weight`` (out, in). The paper compares within a row:
    that is scope ``row``.
    """
    return weight.detach().abs() * norms


def lamp(weight: Tensor, statistic: None, generator: torch.Generator) -> Tensor:
    """w^2 over the sum of the squares of all weights of the matrix that are at least as large.

    Layer-adaptive magnitude (Lee et al. 2021, arXiv:2010.07611): within a matrix it is magnitude's
    order, across matrices (scope ``global``) it compares what each would lose. Equal weights have
    equal scores. In [0, 1].
    """
    squares = weight.detach().double().square()
    values, places, counts = torch.unique(squares, return_inverse=True, return_counts=True)
    tails = (values * counts).flip(0).cumsum(0).flip(0)  # of each, its equals and all after them
    scores: Tensor = values / tails.clamp_min(torch.finfo(torch.float64).tiny)
    return scores[places].to(weight.dtype)


def sparsegpt(weight: Tensor, factor: Tensor, generator: torch.Generator) -> Tensor:
    """w^2 / [H^-1]_jj: what dropping a weight costs its layer's outputs, after the others made up.

    ``factor`` (in, in) is of `sweep.compress.prune.statistics.inverse_factor`. The masks come
    first, of whatever scope, then the reconstruction; the paper (Frantar & Alistarh 2023,
    arXiv:2301.00774) chooses within the sweep, block by block, and does not refine what comes out.
    """
    return weight.detach().square() / factor.square().sum(0)


def movement(weight: Tensor, moved: Tensor, generator: torch.Generator) -> Tensor:
    """How far training has moved the weight away from zero, ``moved``: see
    `sweep.compress.prune.statistics.recorded`.

    It has a sign: what shrank goes before what grew, and of two that shrank first the one that
    shrank more. ``normalise: rms`` divides these signed scores by their root mean square, which is
    positive, so that all of this holds after it, too.
    """
    return moved


@torch.no_grad()
def reconstruct(weight: Tensor, mask: Tensor, factor: Tensor) -> Tensor:
    """New values of ``weight`` (out, in) under ``mask`` (True: kept), zero where it drops.

    One :func:`sweep` of SparseGPT, then what it cannot see: see :func:`refine`.
    """
    hessian = torch.cholesky_inverse(factor, upper=True)
    return refine(weight.detach(), mask, sweep(weight, mask, factor), hessian, REFINEMENTS)


@torch.no_grad()
def sweep(weight: Tensor, mask: Tensor, factor: Tensor) -> Tensor:
    """SparseGPT's reconstruction (algorithm 1) of ``weight`` (out, in) under a given ``mask``.

    Column by column from the left, what is dropped is made up for by the columns right of it, in
    the way that changes the outputs least; columns passed stay as they are. All rows at once, which
    is what makes it fast: the sums are the same for each.
    """
    columns = weight.detach().T.contiguous().clone()  # each in one piece
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
    """Lessen the damage of ``start`` (out, in), which is zero where ``mask`` drops.

    The sweep makes up for a loss with columns that are lost later, and never with those passed.
    With the mask given the best values are a least-squares problem a row; ``steps`` of conjugate
    gradients, preconditioned by the diagonal of ``hessian`` (in, in), go there from where the sweep
    ended, all rows at once. The damage never grows; at (in) steps it is least.
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
