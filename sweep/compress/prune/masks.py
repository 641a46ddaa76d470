"""Masks: scores to exactly as many pruned weights as asked, held through training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from sweep.compress.prune.criteria import Reconstruct
from sweep.compress.prune.selection import (
    GONE,
    PROFILES,
    keep_largest,
    ordered_keys,
    pruned_count,
    row_masks,
)
from sweep.compress.prune.structures import ELEMENT
from sweep.compress.prune.targets import dropped
from sweep.errors import UsageError
from sweep.registry import CRITERIA, STRUCTURES
from sweep.space.params import Params


def make_masks(
    weights: Mapping[str, Tensor],
    params: Params,
    generator: torch.Generator,
    start: Mapping[str, Tensor] | None = None,
    statistics: Mapping[str, Tensor] | None = None,
) -> dict[str, Tensor]:
    """Choose the weights to prune: masks by module name, True where a weight is kept.

    The sparsity of ``params`` is met to within one weight: per matrix for scopes ``local`` and
    ``row`` (as the layer profile shares it out), over all of them for ``global``; one weight always
    stays, of each row for ``row``. Under another granularity than ``element`` each matrix is pruned
    by its structure instead (`sweep.compress.prune.structures`). ``statistics`` is what the method
    needs by module name. The weights that the masks ``start`` drop are pruned first, whatever their
    scores, and they count; where they are more than is asked, exactly they are pruned.

    Raises :class:`~sweep.errors.UsageError` where statistics are needed and not there, and where a
    matrix does not have the structure.
    """
    start, structure = start or {}, STRUCTURES[params.granularity]
    if params.sparsity == 0 and structure.sparsity is None and not start:
        return {name: torch.ones_like(w, dtype=torch.bool) for name, w in weights.items()}

    def keys(name: str) -> Tensor:
        found = ordered_keys(_scores(name, weights[name], params, generator, statistics or {}))
        return found.masked_fill_(~start[name], GONE) if name in start else found

    structure.check(weights, start)
    masks: dict[str, Tensor] = {}
    for names, count in _compared(weights, params, start):
        if params.granularity != ELEMENT:
            masks |= {name: structure.mask(keys(name), count, generator) for name in names}
        elif params.scope == "row":
            masks |= {name: row_masks(keys(name), count, generator) for name in names}
        else:
            # Keys replace the scores one matrix at a time: a single copy of the weights in memory.
            found = keep_largest([keys(name) for name in names], count, generator)
            masks |= zip(names, found, strict=True)
    return masks


def _scores(
    name: str,
    weight: Tensor,
    params: Params,
    generator: torch.Generator,
    statistics: Mapping[str, Tensor],
) -> Tensor:
    criterion = CRITERIA[params.method]
    if criterion.needs != "none" and name not in statistics:
        raise UsageError(
            "this method scores by a statistic of the data, and there is none: a trial on a "
            "Workbench has it, Trial and make_masks take it as `statistics`"
        )
    scores = criterion.score(weight, statistics.get(name), generator)
    apart = params.normalise == "rms" and params.scope == "global"
    return over_rms(scores, weight) if apart else scores


def over_rms(scores: Tensor, weight: Tensor) -> Tensor:
    """Scores over their root mean square among the weights that are not zero already.

    Matrices of different scale then compare; one whose scores are all zero stays as it is.
    """
    there = scores[weight.detach() != 0].double()
    size = float(there.square().mean().sqrt()) if there.numel() else 0.0
    return scores / size if size > 0 else scores


def _compared(
    weights: Mapping[str, Tensor], params: Params, start: Mapping[str, Tensor]
) -> Iterator[tuple[Sequence[str], int]]:
    """Names of matrices whose weights are compared with one another, and how many of them go."""
    shapes = {name: weight.shape for name, weight in weights.items()}
    total = sum(shape.numel() for shape in shapes.values())
    shared_out = PROFILES[params.layer_profile](shapes, params.sparsity)
    each = [([name], count) for name, count in shared_out.items()]
    together = [(list(weights), pruned_count(params.sparsity, total))]
    scope = params.scope if params.granularity == ELEMENT else "local"
    for names, count in {"local": each, "row": each, "global": together}[scope]:
        yield names, max(count, dropped(start, names))


# Masks are held by keeping gradients out: a pruned weight that is zero, and whose gradient is
# zero in every step, has zero moments, and weight decay of zero is zero. So AdamW, with momentum
# and decay, leaves it at exactly zero, and clipping never sees what is masked.


@torch.no_grad()
def apply_masks(
    weights: Mapping[str, Tensor],
    masks: Mapping[str, Tensor],
    reconstruct: Reconstruct | None = None,
    statistics: Mapping[str, Tensor] | None = None,
) -> None:
    """Set the pruned weights to zero, in place; with ``reconstruct``, of a row of
    :data:`~sweep.compress.prune.criteria.CRITERIA`, the kept ones make up for them.
    """
    for name, mask in masks.items():
        if reconstruct is not None and not bool(mask.all()):
            weights[name].copy_(reconstruct(weights[name], mask, (statistics or {})[name]))
        weights[name].mul_(mask)


def pairs(model: nn.Module, masks: Mapping[str, Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Pairs (weight, mask) of the model's modules that lost any weight, for :func:`hold`."""
    lost = {name: mask for name, mask in masks.items() if not bool(mask.all())}
    return [(model.get_parameter(f"{name}.weight"), mask) for name, mask in lost.items()]


@torch.no_grad()
def hold(pairs: Sequence[tuple[Tensor, Tensor]]) -> None:
    """Zero the gradients of pruned weights: after ``backward``, before clipping and the step."""
    for weight, mask in pairs:
        if weight.grad is not None:
            weight.grad.mul_(mask)


@torch.no_grad()
def forget(optimizer: torch.optim.Optimizer, pairs: Sequence[tuple[Tensor, Tensor]]) -> None:
    """Zero the moments of weights that were pruned in mid-training, which would still move them."""
    for weight, mask in pairs:
        for moment in optimizer.state.get(weight, {}).values():
            if isinstance(moment, Tensor) and moment.shape == mask.shape:
                moment.mul_(mask)
