"""Selection of the weights to prune: counts per matrix (layer profiles), and exact selection.

Scores become keys (:func:`ordered_keys`), and the lowest keys are pruned. Over whole matrices the
k-th lowest key is the threshold.

In small groups (the rows of a matrix, or each M inputs of a row) a random permutation of the
positions, drawn on the CPU, breaks ties: it makes the low half of unique int64 keys.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

GONE = torch.iinfo(torch.int32).min
"""The key of a weight that is pruned already, lower than all others."""

Shapes = Mapping[str, torch.Size]
Counts = dict[str, int]


def pruned_count(sparsity: float, total: int) -> int:
    """Return how many of ``total`` weights to prune: rounded, and at most ``total`` - 1."""
    return max(0, min(round(sparsity * total), total - 1))


def uniform(shapes: Shapes, sparsity: float) -> Counts:
    """Prune the same share of each matrix, exact to one weight."""
    return {name: pruned_count(sparsity, shape.numel()) for name, shape in shapes.items()}


def erk(shapes: Shapes, sparsity: float) -> Counts:
    """Erdos-Renyi kernel (Evci et al. 2020, arXiv:1911.11134): small matrices keep a larger share.

    The density of a matrix is proportional to the sum of its dimensions over their product. A
    matrix whose density would exceed 1 is not pruned, and the others share the rest. The total is
    exact to one weight, except that every matrix keeps at least one weight.
    """
    sizes = {name: shape.numel() for name, shape in shapes.items()}
    kept = sum(sizes.values()) - pruned_count(sparsity, sum(sizes.values()))
    raw = {name: sum(shape) / sizes[name] for name, shape in shapes.items()}
    whole: set[str] = set()
    while True:
        rest = [name for name in sizes if name not in whole]
        budget = kept - sum(sizes[name] for name in whole)
        scale = budget / sum(raw[name] * sizes[name] for name in rest) if rest else 0.0
        full = {name for name in rest if scale * raw[name] > 1}
        if not full:
            break
        whole |= full
    wanted = {n: sizes[n] if n in whole else scale * raw[n] * sizes[n] for n in sizes}
    return {n: sizes[n] - count for n, count in _rounded(wanted, sizes, kept).items()}


def _rounded(wanted: Mapping[str, float], sizes: Counts, total: int) -> Counts:
    """Round to integers of at least 1 that add up to ``total``, by the largest remainders."""
    found = {name: min(max(1, math.floor(w)), sizes[name]) for name, w in wanted.items()}
    by_rest = sorted(wanted, key=lambda name: found[name] - wanted[name])
    for name in by_rest:
        if sum(found.values()) < total and found[name] < sizes[name]:
            found[name] += 1
    for name in reversed(by_rest):  # others compensate for counts that were raised to 1
        if sum(found.values()) > total and found[name] > 1:
            found[name] -= min(sum(found.values()) - total, found[name] - 1)
    return found


PROFILES: dict[str, Callable[[Shapes, float], Counts]] = {"uniform": uniform, "erk": erk}
"""How the sparsity is distributed over the matrices: (shapes, sparsity) -> pruned counts."""


def ordered_keys(scores: Tensor) -> Tensor:
    """Map float32 scores to int32 of the same order (IEEE 754 bits, negatives mirrored).

    ``-0.0`` and ``0.0`` get the same key, because they are equal numbers.
    """
    bits = (scores.float() + 0.0).contiguous().view(torch.int32)
    # The bits of negative floats are in reverse order; flip all of them except the sign.
    return bits.bitwise_xor_((bits >> 31).bitwise_and_(0x7FFFFFFF))


def kth_smallest(keys: Sequence[Tensor], k: int) -> tuple[int, int, int]:
    """Return the ``k``-th smallest of all ``keys``, how many are smaller, and how many are equal.

    Keys are int32 (see :func:`ordered_keys`); k starts at 1.
    """
    together = torch.cat([part.reshape(-1) for part in keys])
    if together.device.type == "cpu":  # in place: a large model has no memory for two more copies
        together.numpy().partition(k - 1)
        kth = int(together[k - 1])
    else:
        kth = int(kth_of_rows(together, k - 1))
    return kth, int((together < kth).sum()), int((together == kth).sum())


def kth_of_rows(values: Tensor, k: int) -> Tensor:
    """Return the k-th smallest value (k from 0) of each row of ``values`` (..., n) as (..., 1)."""
    if values.device.type == "cpu" and values.dtype in (torch.float32, torch.int32):
        # numpy's introselect takes less than half of kthvalue's time, and makes no index.
        return torch.from_numpy(np.partition(values.numpy(), k, axis=-1)[..., k : k + 1])
    return values.kthvalue(k + 1, dim=-1, keepdim=True).values


def keep_largest(keys: list[Tensor], count: int, generator: torch.Generator) -> list[Tensor]:
    """Return masks (True: kept) that drop exactly the ``count`` smallest of all ``keys``.

    ``generator`` breaks ties at the threshold at random. The list ``keys`` is emptied: each tensor
    is released when its mask is made, so that the masks need no extra memory.
    """
    if count == 0:
        return [torch.ones_like(part, dtype=torch.bool) for part in keys]
    threshold, below, equal = kth_smallest(keys, count)
    kept_ties = torch.zeros(equal, dtype=torch.bool)
    if below + equal > count:  # otherwise all ties are dropped, without a draw
        kept_ties[torch.randperm(equal, generator=generator)[count - below :]] = True
    masks, offset = [], 0
    while keys:
        part = keys.pop(0)
        mask = part > threshold
        ties = (part == threshold).reshape(-1).nonzero().reshape(-1)
        kept = kept_ties[offset : offset + len(ties)].to(mask.device)
        mask.view(-1)[ties[kept]] = True
        masks.append(mask)
        offset += len(ties)
    return masks


def unique_keys(keys: Tensor, generator: torch.Generator) -> Tensor:
    """Return int64 keys in the same order without ties."""
    places = torch.randperm(keys.numel(), generator=generator)
    return (keys.to(torch.int64) << 32) | places.view(keys.shape).to(keys.device)


def row_masks(keys: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Return a mask of ``keys`` (rows, ...), True where kept, that drops ``count`` keys evenly.

    The numbers of dropped keys per row differ by at most one, and each row keeps at least one key.
    Keys that are :data:`GONE` count as dropped; a row with more of them than its share stays as is.
    """
    ranked, order = unique_keys(keys, generator).flatten(1).sort(dim=1)
    rows, width = ranked.shape
    gone, places = (keys == GONE).flatten(1).sum(1), torch.arange(width, device=keys.device)
    at_most = torch.bincount(gone, minlength=width).cumsum(0)  # rows with at most 0, 1, ... gone
    # How many are dropped if each row drops at least 0, 1, ...
    lost = (gone.sum() + at_most.cumsum(0) - at_most)[:width]
    count = min(count, rows * (width - 1))
    level = max(0, int(torch.searchsorted(lost, count, right=True)) - 1)
    lose = gone.clamp_min(level)
    open_rows = (gone <= level).nonzero().reshape(-1)
    nearest = ranked[open_rows, level].argsort()  # the lowest next keys are dropped first
    lose[open_rows[nearest[: max(0, count - int(lost[level]))]]] += 1
    kept = places >= lose.unsqueeze(1)
    return torch.empty_like(kept).scatter_(1, order, kept).view(keys.shape)
