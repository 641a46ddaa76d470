"""Masks that are exact in small groups: the rows of a matrix, and N of each M inputs of a row.

Keys are int32, as `sweep.compress.prune.select.ordered_keys` makes them; the lowest go. Ties are
broken by a permutation of all places, drawn on the CPU: in the low half of an int64 it makes each
key unique.
"""

from __future__ import annotations

import torch
from torch import Tensor


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
