"""Layer profiles: how the sparsity asked for is shared out among the matrices."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch

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
