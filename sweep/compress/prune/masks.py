"""Masks: prune an exact number of weights by their scores, and keep them zero during training."""

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

    The sparsity of ``params`` is exact to one weight: per matrix for scopes ``local`` and ``row``
    (by the layer profile), over all matrices for ``global``. At least one weight is kept, and with
    ``row`` at least one in each row. With another granularity than ``element``, each matrix is
    pruned by its structure instead (`sweep.compress.prune.structures`). ``statistics`` holds the
    statistics that the method needs, by module name. Weights that the masks ``start`` drop are
    pruned first, whatever their scores, and they count; if they are more than the params ask for,
    exactly these weights are pruned.

    Raises :class:`~sweep.errors.UsageError` if needed statistics are missing, or if a matrix cannot
    have the structure.
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
            # Keys replace scores matrix by matrix, which takes memory for one copy of the weights.
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
            f"method {params.method} needs a statistic of module {name}, but there is none: "
            "a Workbench collects it for its trials; Trial and make_masks take it as `statistics`"
        )
    scores = criterion.score(weight, statistics.get(name), generator)
    apart = params.normalise == "rms" and params.scope == "global"
    return over_rms(scores, weight) if apart else scores


def over_rms(scores: Tensor, weight: Tensor) -> Tensor:
    """Divide scores by their root mean square over the non-zero weights.

    This makes matrices of different scale comparable. Scores that are all zero stay zero.
    """
    nonzero = scores[weight.detach() != 0].double()
    size = float(nonzero.square().mean().sqrt()) if nonzero.numel() else 0.0
    return scores / size if size > 0 else scores


def _compared(
    weights: Mapping[str, Tensor], params: Params, start: Mapping[str, Tensor]
) -> Iterator[tuple[Sequence[str], int]]:
    """Yield groups of matrices whose weights are compared, and the number of weights to prune."""
    shapes = {name: weight.shape for name, weight in weights.items()}
    total = sum(shape.numel() for shape in shapes.values())
    shared_out = PROFILES[params.layer_profile](shapes, params.sparsity)
    each = [([name], count) for name, count in shared_out.items()]
    together = [(list(weights), pruned_count(params.sparsity, total))]
    scope = params.scope if params.granularity == ELEMENT else "local"
    for names, count in {"local": each, "row": each, "global": together}[scope]:
        yield names, max(count, dropped(start, names))


# Pruned weights stay zero because their gradients are set to zero in every step. Their moments are
# then zero, and so is the decay of a zero weight, so AdamW leaves them at exactly zero. Gradient
# clipping sees only the gradients of kept weights.


@torch.no_grad()
def apply_masks(
    weights: Mapping[str, Tensor],
    masks: Mapping[str, Tensor],
    reconstruct: Reconstruct | None = None,
    statistics: Mapping[str, Tensor] | None = None,
) -> None:
    """Set pruned weights to zero in place; first ``reconstruct``, if given, changes the others."""
    for name, mask in masks.items():
        if reconstruct is not None and not bool(mask.all()):
            weights[name].copy_(reconstruct(weights[name], mask, (statistics or {})[name]))
        weights[name].mul_(mask)


def pairs(model: nn.Module, masks: Mapping[str, Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Return pairs (weight, mask) for :func:`hold`, of the modules with pruned weights."""
    lost = {name: mask for name, mask in masks.items() if not bool(mask.all())}
    return [(model.get_parameter(f"{name}.weight"), mask) for name, mask in lost.items()]


@torch.no_grad()
def hold(pairs: Sequence[tuple[Tensor, Tensor]]) -> None:
    """Zero the gradients of pruned weights; call it after ``backward`` and before clipping."""
    for weight, mask in pairs:
        if weight.grad is not None:
            weight.grad.mul_(mask)


@torch.no_grad()
def forget(optimizer: torch.optim.Optimizer, pairs: Sequence[tuple[Tensor, Tensor]]) -> None:
    """Zero the moments of pruned weights: after a step of a ramp they would still move weights."""
    for weight, mask in pairs:
        for moment in optimizer.state.get(weight, {}).values():
            if isinstance(moment, Tensor) and moment.shape == mask.shape:
                moment.mul_(mask)
