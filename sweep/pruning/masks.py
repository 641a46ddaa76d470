"""Masks: scores to exactly as many pruned weights as asked, held through training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from sweep.pruning.criteria import CRITERIA
from sweep.pruning.select import Threshold, kth_smallest, ordered_keys
from sweep.pruning.start import dropped, sink


def pruned_count(sparsity: float, total: int) -> int:
    """How many of ``total`` go: the nearest whole number, but never all of them."""
    return max(0, min(round(sparsity * total), total - 1))


def keep_largest(keys: list[Tensor], count: int, generator: torch.Generator) -> list[Tensor]:
    """Masks (True = kept) that drop exactly the ``count`` smallest of all ``keys`` together.

    Ties at the threshold are broken at random by ``generator``, so that equal scores are neither
    all kept nor all dropped. ``keys`` is emptied on the way: each goes when its mask is made, so
    that the masks take no memory on top.
    """
    if count == 0:
        return [torch.ones_like(part, dtype=torch.bool) for part in keys]
    threshold = kth_smallest(keys, count)
    dropped_ties = _dropped_ties(threshold, count, generator)
    masks, offset = [], 0
    while keys:
        part = keys.pop(0)
        mask = part > threshold.key
        ties = (part == threshold.key).reshape(-1).nonzero().reshape(-1)
        kept = ~dropped_ties[offset : offset + len(ties)].to(mask.device)
        mask.view(-1)[ties[kept]] = True
        masks.append(mask)
        offset += len(ties)
    return masks


def _dropped_ties(threshold: Threshold, count: int, generator: torch.Generator) -> Tensor:
    """Which of the tied scores go: a bool vector with ``count - below`` True, drawn uniformly."""
    dropped = torch.zeros(threshold.equal, dtype=torch.bool)
    missing = count - threshold.below
    if missing == threshold.equal:  # no choice to make, so no draw (and no index of all ties)
        return ~dropped
    dropped[torch.randperm(threshold.equal, generator=generator)[:missing]] = True
    return dropped


def make_masks(
    weights: Mapping[str, Tensor],
    sparsity: float,
    method: str,
    scope: str,
    generator: torch.Generator,
    start: Mapping[str, Tensor] | None = None,
) -> Masks:
    """Choose the weights to prune.

    ``sparsity`` in [0, 1) is met to within one weight: per matrix for scope ``local``, over all of
    them for ``global``; one weight always stays. ``method`` is a row of
    :data:`~sweep.pruning.criteria.CRITERIA`. What the masks ``start`` drop goes first, whatever
    its score, and counts; where they drop more than is asked, that is what goes.
    """
    start = start or {}
    criterion = CRITERIA[method]
    if sparsity == 0 and not start:
        return Masks({name: torch.ones_like(w, dtype=torch.bool) for name, w in weights.items()})
    groups = {"local": [[name] for name in weights], "global": [list(weights)]}[scope]
    masks: dict[str, Tensor] = {}
    for names in groups:
        # Keys replace the scores one matrix at a time: a single copy of the weights in memory.
        keys = [
            sink(ordered_keys(criterion(weights[name], generator)), start.get(name))
            for name in names
        ]
        count = pruned_count(sparsity, sum(part.numel() for part in keys))
        count = max(count, dropped(start, {name: weights[name] for name in names}))
        masks |= zip(names, keep_largest(keys, count, generator), strict=True)
    return Masks(masks)


class Masks:
    """Boolean masks by module name (True = kept), of the weights' shapes.

    They are held by keeping gradients out: a pruned weight that is zero, and whose gradient is
    zero in every step, has zero moments, and weight decay of zero is zero. So AdamW, with momentum
    and decay, leaves it at exactly zero, and clipping never sees what is masked.
    """

    def __init__(self, masks: dict[str, Tensor]) -> None:
        self.masks = masks

    @property
    def pruned(self) -> int:
        """How many weights the masks drop."""
        return sum(mask.numel() - int(mask.count_nonzero()) for mask in self.masks.values())

    @torch.no_grad()
    def apply(self, weights: Mapping[str, Tensor]) -> None:
        """Set the pruned weights to zero, in place."""
        for name, mask in self.masks.items():
            weights[name].mul_(mask)

    def bind(self, weights: Mapping[str, Tensor]) -> list[tuple[Tensor, Tensor]]:
        """Pairs (weight, mask) of those matrices that lost any weight, for :func:`hold`."""
        return [(weights[name], m) for name, m in self.masks.items() if not bool(m.all())]


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
