"""Criteria: a function each, from a weight tensor to scores of its shape; high scores are kept.

A new method is one function here and one row in :data:`CRITERIA`; the contract tests run over the
table, and ``sweep/space/params.py`` lists the names for the config. A row says which statistic
it reads (`sweep.compress.prune.statistics`), and how the weights that are kept make up for those
that go.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sweep.compress.prune.obs import reconstruct, saliency
from sweep.compress.prune.statistics import MOVEMENT
from sweep.errors import UsageError

Score = Callable[[Tensor, Tensor | None, torch.Generator], Tensor]
"""(weight, the module's statistic if the row needs one, generator) -> scores."""


@dataclass(frozen=True)
class Criterion:
    """A method: its scores, the kind of statistic that they need, and a reconstruction if any.

    ``reconstruct(weight, mask, statistic)`` gives the values of what is kept, zero elsewhere.
    """

    score: Score
    needs: str = "none"
    reconstruct: Callable[[Tensor, Tensor, Tensor], Tensor] | None = None


def l1_norm(weight: Tensor, statistic: Tensor | None, generator: torch.Generator) -> Tensor:
    """Magnitude |w| (Han et al. 2015, arXiv:1506.02626); what the tutorial calls ``l1-norm``."""
    return weight.detach().abs()


def random(weight: Tensor, statistic: Tensor | None, generator: torch.Generator) -> Tensor:
    """Uniform in [0, 1), drawn on the CPU so that a seed means the same on every device."""
    return torch.rand(weight.shape, generator=generator).to(weight.device)


def taylor(weight: Tensor, gradient: Tensor | None, generator: torch.Generator) -> Tensor:
    """|weight x gradient|: how far the loss moves, to first order, when the weight goes.

    ``gradient`` is the root mean square over examples, so that the scores' order is that of the
    mean of (w g)^2 (Molchanov et al. 2019, arXiv:1906.10771, eq. 8): a mean gradient is near zero
    where a model was trained, whatever matters to it.
    """
    return weight.detach().abs() * _given(gradient)


def wanda(weight: Tensor, norms: Tensor | None, generator: torch.Generator) -> Tensor:
    """|weight| x the l2 norm of its input feature (Sun et al. 2023, arXiv:2306.11695).

    ``norms`` (in,) belong to the columns of ``weight`` (out, in). The paper compares within a row:
    that is scope ``row``.
    """
    return weight.detach().abs() * _given(norms)


def lamp(weight: Tensor, statistic: Tensor | None, generator: torch.Generator) -> Tensor:
    """w^2 over the sum of the squares of all weights of the matrix that are at least as large.

    Layer-adaptive magnitude (Lee et al. 2021, arXiv:2010.07611): within a matrix it is magnitude's
    order, across matrices (scope ``global``) it compares what each would lose. Equal weights have
    equal scores. In [0, 1].
    """
    squares, order = weight.detach().reshape(-1).double().square().sort()
    tails = squares.flip(0).cumsum(0).flip(0)  # of each and all after it
    places = torch.arange(len(squares), device=squares.device)
    fresh = torch.ones_like(places, dtype=torch.bool)
    fresh[1:] = squares[1:] != squares[:-1]
    firsts = torch.where(fresh, places, 0).cummax(0).values  # of its equals
    scores = torch.empty_like(squares)
    scores[order] = squares / tails[firsts].clamp_min(torch.finfo(torch.float64).tiny)
    return scores.view(weight.shape).to(weight.dtype)


def sparsegpt(weight: Tensor, factor: Tensor | None, generator: torch.Generator) -> Tensor:
    """w^2 / [H^-1]_jj: what dropping a weight costs its layer's outputs, after the others made up.

    ``factor`` (in, in) is of `sweep.compress.prune.obs.inverse_factor`. The masks come first, of
    whatever scope, then the reconstruction; the paper (Frantar & Alistarh 2023, arXiv:2301.00774)
    chooses within the sweep, block by block, and does not refine what comes out.
    """
    return saliency(weight.detach(), _given(factor))


def movement(weight: Tensor, moved: Tensor | None, generator: torch.Generator) -> Tensor:
    """How far training has moved the weight away from zero, ``moved``: see
    `sweep.compress.prune.statistics.Movement`.

    It has a sign: what shrank goes before what grew, and of two that shrank first the one that
    shrank more. ``normalise: rms`` divides these signed scores by their root mean square, which is
    positive, so that all of this holds after it, too.
    """
    return _given(moved)


def _given(statistic: Tensor | None) -> Tensor:
    if statistic is None:
        raise UsageError(
            "this method scores by a statistic of the data, and there is none: a trial on a "
            "Workbench has it, Trial and make_masks take it as `statistics`"
        )
    return statistic


CRITERIA: dict[str, Criterion] = {
    "l1-norm": Criterion(l1_norm),
    "random": Criterion(random),
    "taylor": Criterion(taylor, "gradient"),
    "wanda": Criterion(wanda, "input-norm"),
    "lamp": Criterion(lamp),
    "sparsegpt": Criterion(sparsegpt, "inverse-factor", reconstruct),
    "movement": Criterion(movement, MOVEMENT),
}
