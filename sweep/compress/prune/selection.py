"""How many weights of each matrix go (layer profiles), and which: exact, however many there are.

Scores become keys (:func:`ordered_keys`); the lowest go. Over whole matrices the k-th lowest key is
the threshold. ``torch.quantile`` refuses more than 2^24 elements, and ``kthvalue`` makes an int64
index of all of them (twice the scores' own memory): a radix selection over the bits of a float32
needs two passes and two histograms of 2^16 counts.

In small groups (the rows of a matrix, each M inputs of a row) ties are broken by a permutation of
all places, drawn on the CPU: in the low half of an int64 it makes each key unique.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

_CHUNK = 1 << 18  # keys looked at together: few enough to stay in a core's cache
_HALF = 1 << 16

GONE = torch.iinfo(torch.int32).min
"""The key of a weight that is pruned already: below all others."""

Shapes = Mapping[str, torch.Size]
Counts = dict[str, int]
Profile = Callable[[Shapes, float], Counts]


def pruned_count(sparsity: float, total: int) -> int:
    """How many of ``total`` go: the nearest whole number, but never all of them."""
    return max(0, min(round(sparsity * total), total - 1))


def uniform(shapes: Shapes, sparsity: float) -> Counts:
    """The same share of each matrix, to one weight."""
    return {name: pruned_count(sparsity, shape.numel()) for name, shape in shapes.items()}


def erk(shapes: Shapes, sparsity: float) -> Counts:
    """Erdos-Renyi kernel (Evci et al. 2020, arXiv:1911.11134): small matrices keep a larger share.

    Density is in proportion to the sum of a matrix's dimensions over their product; where that
    is above 1 a matrix stays whole, and the others share what is left. The total is met to one
    weight, unless that left a matrix without any.
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
    """Whole numbers, at least 1 each, that add up to ``total``: those cut most are rounded up."""
    found = {name: min(max(1, math.floor(w)), sizes[name]) for name, w in wanted.items()}
    by_rest = sorted(wanted, key=lambda name: found[name] - wanted[name])
    for name in by_rest:
        if sum(found.values()) < total and found[name] < sizes[name]:
            found[name] += 1
    for name in reversed(by_rest):  # those that had to be raised to 1 are paid for by others
        if sum(found.values()) > total and found[name] > 1:
            found[name] -= min(sum(found.values()) - total, found[name] - 1)
    return found


PROFILES: dict[str, Profile] = {"uniform": uniform, "erk": erk}
"""How the sparsity asked for is shared out among the matrices: (shapes, sparsity) -> counts."""


def ordered_keys(scores: Tensor) -> Tensor:
    """Map float32 scores to int32 of the same order (IEEE 754 bits, negatives mirrored).

    ``-0.0`` and ``0.0`` are given one key, as they are one number.
    """
    bits = (scores.float() + 0.0).contiguous().view(torch.int32)
    # Negative floats order backwards by their bits; their sign bit, spread, flips all the others.
    return bits.bitwise_xor_((bits >> 31).bitwise_and_(0x7FFFFFFF))


def kth_smallest(keys: Sequence[Tensor], k: int) -> tuple[int, int, int]:
    """The ``k``-th smallest (k from 1) of all ``keys`` (int32, see :func:`ordered_keys`) together,
    how many keys are smaller, and how many are equal.

    Raises :class:`ValueError` where there are fewer than ``k`` of them.
    """
    total = sum(part.numel() for part in keys)
    if not 1 <= k <= total:
        raise ValueError(f"k must lie in 1..{total}, got {k}")
    upper, below, _ = _bucket(_halves(keys), k)
    upper -= _HALF // 2
    lower, below_in_it, equal = _bucket(_halves(keys, upper), k - below)
    return (upper << 16) | lower, below + below_in_it, equal


def _halves(keys: Sequence[Tensor], upper: int | None = None) -> Tensor:
    """How many keys have each upper half (shifted to start at 0); or, of those with this ``upper``
    half, each lower half.
    """
    counts = torch.zeros(_HALF, dtype=torch.int64)
    for part in keys:
        for chunk in torch.split(part.reshape(-1), _CHUNK):
            halves = chunk >> 16
            of_one = halves.add_(_HALF // 2) if upper is None else chunk[halves == upper] & 0xFFFF
            counts += torch.bincount(of_one, minlength=_HALF).cpu()
    return counts


def _bucket(counts: Tensor, k: int) -> tuple[int, int, int]:
    """The bucket that holds the ``k``-th, how many lie in buckets before it, and how many in it."""
    cumulative = counts.cumsum(0)
    bucket = int(torch.searchsorted(cumulative, k))
    return bucket, int(cumulative[bucket] - counts[bucket]), int(counts[bucket])


def keep_largest(keys: list[Tensor], count: int, generator: torch.Generator) -> list[Tensor]:
    """Masks (True = kept) that drop exactly the ``count`` smallest of all ``keys`` together.

    Ties at the threshold are broken at random by ``generator``, so that equal scores are neither
    all kept nor all dropped. ``keys`` is emptied on the way: each goes when its mask is made, so
    that the masks take no memory on top.
    """
    if count == 0:
        return [torch.ones_like(part, dtype=torch.bool) for part in keys]
    threshold, below, equal = kth_smallest(keys, count)
    kept_ties = torch.zeros(equal, dtype=torch.bool)
    if below + equal > count:  # else there is no choice to make, so no draw (and no index of all)
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
    """int64 keys of the same order, no two of them equal."""
    places = torch.randperm(keys.numel(), generator=generator)
    return (keys.to(torch.int64) << 32) | places.view(keys.shape).to(keys.device)


def row_masks(keys: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """A mask of ``keys`` (rows, ...), True where kept, that drops ``count``: each row loses as
    many, or one more, and keeps one at least.

    Keys that are :data:`GONE` count: a row that has lost more than its share stays as it is.
    """
    ranked, order = unique_keys(keys, generator).flatten(1).sort(dim=1)
    rows, width = ranked.shape
    gone, places = (keys == GONE).flatten(1).sum(1), torch.arange(width, device=keys.device)
    at_most = torch.bincount(gone, minlength=width).cumsum(0)  # rows that lost 0, 1, 2 ... so far
    lost = (gone.sum() + at_most.cumsum(0) - at_most)[:width]  # if all lose 0, 1, 2 ... at least
    count = min(count, rows * (width - 1))
    level = max(0, int(torch.searchsorted(lost, count, right=True)) - 1)
    lose = gone.clamp_min(level)
    open_rows = (gone <= level).nonzero().reshape(-1)
    nearest = ranked[open_rows, level].argsort()  # whose next one is the lowest goes first
    lose[open_rows[nearest[: max(0, count - int(lost[level]))]]] += 1
    kept = places >= lose.unsqueeze(1)
    return torch.empty_like(kept).scatter_(1, order, kept).view(keys.shape)
