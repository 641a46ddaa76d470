"""Masks: scores to exactly as many pruned weights as asked, held through training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sweep.compress.prune.criteria import CRITERIA
from sweep.compress.prune.structures import (
    PROFILES,
    Profile,
    Threshold,
    kth_smallest,
    n_of_m_mask,
    ordered_keys,
    pruned_count,
    row_masks,
)
from sweep.compress.prune.targets import check_groups, dropped
from sweep.space.params import n_of_m


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
    *,
    statistics: Mapping[str, Tensor] | None = None,
    normalise: str = "none",
    granularity: str = "element",
    layer_profile: str = "uniform",
) -> Masks:
    """Choose the weights to prune.

    ``sparsity`` in [0, 1) is met to within one weight: per matrix for scopes ``local`` and ``row``
    (as its ``layer_profile`` shares it out), over all of them for ``global``; one weight always
    stays, of each row for ``row``. Under a ``granularity`` N:M each matrix keeps N of each M inputs
    of a row instead. ``method`` is a row of :data:`~sweep.compress.prune.criteria.CRITERIA`, and
    ``statistics`` what it needs by module name. What the masks ``start`` drop goes first, whatever
    its score, and counts; where they drop more than is asked, that is what goes.

    Raises :class:`~sweep.errors.UsageError` where statistics are needed and not there, and where a
    matrix cannot be pruned N:M.
    """
    start, known = start or {}, statistics or {}
    ratio = n_of_m(granularity)
    if sparsity == 0 and ratio is None and not start:
        return Masks({name: torch.ones_like(w, dtype=torch.bool) for name, w in weights.items()})
    score = CRITERIA[method].score
    apart = normalise == "rms" and scope == "global"

    def keys(name: str) -> Tensor:
        scores = score(weights[name], known.get(name), generator)
        scores = over_rms(scores, weights[name]) if apart else scores
        return _sink(ordered_keys(scores), start.get(name))

    if ratio is not None:
        check_groups([granularity], weights, start)
        return Masks({n: _in_rows(keys(n), n_of_m_mask, *ratio, generator) for n in weights})
    choice = _Choice(weights, keys, sparsity, PROFILES[layer_profile], start, generator)
    return Masks({"local": choice.local, "row": choice.row, "global": choice.whole}[scope]())


def _sink(keys: Tensor, mask: Tensor | None) -> Tensor:
    """Put what ``mask`` drops below all else, in place; ``keys`` as ``select.ordered_keys``."""
    return keys if mask is None else keys.masked_fill_(~mask, torch.iinfo(torch.int32).min)


def over_rms(scores: Tensor, weight: Tensor) -> Tensor:
    """Scores over their root mean square among the weights that are not zero already.

    Matrices of different scale then compare; one whose scores are all zero stays as it is.
    """
    there = scores[weight.detach() != 0].double()
    size = float(there.square().mean().sqrt()) if there.numel() else 0.0
    return scores / size if size > 0 else scores


@dataclass(frozen=True)
class _Choice:
    """The masks of each scope; ``keys(name)`` makes a matrix's, one at a time to save memory."""

    weights: Mapping[str, Tensor]
    keys: Callable[[str], Tensor]
    sparsity: float
    profile: Profile
    start: Mapping[str, Tensor]
    generator: torch.Generator

    def local(self) -> dict[str, Tensor]:
        masks = {}
        for name, count in self._counts():
            [masks[name]] = keep_largest([self.keys(name)], count, self.generator)
        return masks

    def row(self) -> dict[str, Tensor]:
        return {
            name: _in_rows(self.keys(name), row_masks, count, self._gone(name), self.generator)
            for name, count in self._counts()
        }

    def whole(self) -> dict[str, Tensor]:
        # Keys replace the scores one matrix at a time: a single copy of the weights in memory.
        parts = [self.keys(name) for name in self.weights]
        count = pruned_count(self.sparsity, sum(part.numel() for part in parts))
        count = max(count, dropped(self.start, self.weights))
        return dict(zip(self.weights, keep_largest(parts, count, self.generator), strict=True))

    def _counts(self) -> Iterator[tuple[str, int]]:
        """How many of each matrix go."""
        shapes = {name: weight.shape for name, weight in self.weights.items()}
        for name, count in self.profile(shapes, self.sparsity).items():
            yield name, max(count, dropped(self.start, {name: self.weights[name]}))

    def _gone(self, name: str) -> Tensor:
        """How many weights of each row are dropped already, (rows,)."""
        weight, mask = self.weights[name], self.start.get(name)
        if mask is None:
            return torch.zeros(len(weight), dtype=torch.int64, device=weight.device)
        return (~mask).reshape(len(mask), -1).sum(1)


def _in_rows(keys: Tensor, choose: Callable[..., Tensor], *how: Any) -> Tensor:
    """A mask chosen on the rows of a matrix; a Conv's is an output channel."""
    return choose(keys.reshape(len(keys), -1), *how).view(keys.shape)


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
    def reconstruct(
        self, weights: Mapping[str, Tensor], method: str, statistics: Mapping[str, Tensor]
    ) -> None:
        """Let the kept weights make up for the pruned ones, in place, if the method does that."""
        restore = CRITERIA[method].reconstruct
        for name, mask in self.masks.items():
            if restore is not None and not bool(mask.all()):
                weights[name].copy_(restore(weights[name], mask, statistics[name]))

    @torch.no_grad()
    def apply(self, weights: Mapping[str, Tensor]) -> None:
        """Set the pruned weights to zero, in place."""
        for name, mask in self.masks.items():
            weights[name].mul_(mask)

    def bind(self, weights: Mapping[str, Tensor]) -> list[tuple[Tensor, Tensor]]:
        """Pairs (weight, mask) of those matrices that lost any weight, for :func:`hold`."""
        return [(weights[name], m) for name, m in self.masks.items() if not bool(m.all())]


def pairs(model: nn.Module, masks: Mapping[str, Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Pairs (weight, mask) of the model's modules, for :func:`hold`."""
    return [(model.get_parameter(f"{name}.weight"), mask) for name, mask in masks.items()]


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
