"""The optimal brain surgeon on a Linear layer: what a weight is worth, and what makes up for it.

A layer's outputs are W X^T over calibration inputs X (rows, in), so the damage of a change D of one
row of W is D H D^T with H = X^T X, the same H for every row (Hassibi & Stork 1992; Frantar &
Alistarh 2022, arXiv:2208.11580). H is dampened by 1 % of its mean diagonal, as in SparseGPT
(arXiv:2301.00774): a feature that never varies would make it singular.
"""

from __future__ import annotations

import torch
from torch import Tensor

DAMPENING = 0.01
_BLOCK = 128
"""Columns between two updates of all that lie right of them: one large product, not many rows."""


def inverse_factor(hessian: Tensor) -> Tensor:
    """U (in, in), upper triangular, with U^T U = (H + dampening)^-1, for H (in, in) float32.

    Row j of U says how what lies right of column j makes up for it. An H of zeros (the layer only
    ever saw zeros) counts as the identity: then magnitudes decide.
    """
    damped = hessian.double()
    mean = float(damped.diagonal().mean())
    damped.diagonal().add_(DAMPENING * mean if mean > 0 else 1.0)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(damped))
    factor: Tensor = torch.linalg.cholesky(inverse, upper=True)
    return factor.to(hessian.dtype).contiguous()


def saliency(weight: Tensor, factor: Tensor) -> Tensor:
    """w^2 / [H^-1]_jj for ``weight`` (out, in): the damage of dropping w alone, twice over."""
    return weight.square() / factor.square().sum(0)


@torch.no_grad()
def reconstruct(weight: Tensor, mask: Tensor, factor: Tensor) -> Tensor:
    """New values of ``weight`` (out, in) under ``mask`` (True: kept), zero where it drops.

    Column by column from the left, what is dropped is made up for by the columns right of it, in
    the way that changes the outputs least; columns passed stay as they are (SparseGPT, algorithm 1,
    with the mask given).
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
