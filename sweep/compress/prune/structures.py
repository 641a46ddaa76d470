"""How many weights of each matrix go (layer profiles), and masks that are exact in small groups.

The groups are the rows of a matrix, and each M inputs of a row, of which N stay. Keys are int32, as
`sweep.compress.prune.select.ordered_keys` makes them; the lowest go. Ties are broken by a
permutation of all places, drawn on the CPU: in the low half of an int64 it makes each key unique.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

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


def unique_keys(keys: Tensor, generator: torch.Generator) -> Tensor:
    """int64 keys of the same order, no two of them equal."""
    places = torch.randperm(keys.numel(), generator=generator)
    return (keys.to(torch.int64) << 32) | places.view(keys.shape).to(keys.device)


def row_masks(keys: Tensor, count: int, gone: Tensor, generator: torch.Generator) -> Tensor:
    """A mask (rows, in), True where kept, that drops ``count`` keys: each row loses as many, or one
    more, and keeps one at least.

    ``gone`` (rows,) says how many of each row's lowest keys are dropped already: they count, and a
    row that has lost more than its share stays as it is.
    """
    rows, width = keys.shape
    level, extra = fair_level(gone, min(count, rows * (width - 1)), width - 1)
    ranked, order = unique_keys(keys, generator).sort(dim=1)
    lose = gone.clamp_min(level)
    if extra:
        open_rows = (gone <= level).nonzero().reshape(-1)
        nearest = ranked[open_rows, level].argsort()  # whose next one is the lowest goes first
        lose[open_rows[nearest[:extra]]] += 1
    kept = torch.arange(width, device=keys.device) >= lose.unsqueeze(1)
    return torch.empty_like(kept).scatter_(1, order, kept)


def fair_level(gone: Tensor, count: int, most: int) -> tuple[int, int]:
    """(level, extra): rows that lose max(gone, level), and ``extra`` of them one more, lose
    ``count`` together. ``most`` is what a row can lose; where ``gone`` is more than ``count``
    already, level and extra are 0.
    """
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _lost(gone, middle) <= count else (low, middle - 1)
    return low, max(0, count - _lost(gone, low))


def _lost(gone: Tensor, level: int) -> int:
    return int(gone.clamp_min(level).sum())


def n_of_m_mask(keys: Tensor, kept: int, group: int, generator: torch.Generator) -> Tensor:
    """A mask of ``keys`` (rows, in) that keeps the ``kept`` highest of each ``group`` in a row."""
    parts = unique_keys(keys, generator).view(-1, group)
    higher = (parts.unsqueeze(1) > parts.unsqueeze(2)).sum(2)  # than each
    return (higher < kept).view(keys.shape)
