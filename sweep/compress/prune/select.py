"""The exact k-th smallest of very many scores, spread over many tensors, in little memory.

``torch.quantile`` refuses more than 2^24 elements, and ``kthvalue`` makes an int64 index of all of
them (twice the scores' own memory). A radix selection over the bits of a float32 needs two passes
and two histograms of 2^16 counts, whatever the number of scores.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

_CHUNK = 1 << 18  # keys looked at together: few enough to stay in a core's cache
_HALF = 1 << 16


@dataclass(frozen=True)
class Threshold:
    """The k-th smallest ``key``: ``below`` scores have a smaller one, ``equal`` have this one."""

    key: int
    below: int
    equal: int


def ordered_keys(scores: Tensor) -> Tensor:
    """Map float32 scores to int32 of the same order (IEEE 754 bits, negatives mirrored).

    ``-0.0`` and ``0.0`` are given one key, as they are one number.
    """
    bits = (scores.float() + 0.0).contiguous().view(torch.int32)
    # Negative floats order backwards by their bits; their sign bit, spread, flips all the others.
    return bits.bitwise_xor_((bits >> 31).bitwise_and_(0x7FFFFFFF))


def kth_smallest(keys: Sequence[Tensor], k: int) -> Threshold:
    """The ``k``-th smallest (k from 1) of all ``keys`` (int32, see :func:`ordered_keys`) together.

    Raises :class:`ValueError` where there are fewer than ``k`` of them.
    """
    total = sum(part.numel() for part in keys)
    if not 1 <= k <= total:
        raise ValueError(f"k must lie in 1..{total}, got {k}")
    high, below = _bucket(_upper_counts(keys), k)
    counts = _lower_counts(keys, high - _HALF // 2)
    low, below_low = _bucket(counts, k - below)
    key = ((high - _HALF // 2) << 16) | low
    return Threshold(key, below + below_low, int(counts[low]))


def _upper_counts(keys: Sequence[Tensor]) -> Tensor:
    """How many keys have each upper half (shifted to start at 0)."""
    counts = torch.zeros(_HALF, dtype=torch.int64)
    for chunk in _chunks(keys):
        counts += torch.bincount((chunk >> 16).add_(_HALF // 2), minlength=_HALF).cpu()
    return counts


def _lower_counts(keys: Sequence[Tensor], upper: int) -> Tensor:
    """How many of the keys with this upper half have each lower half."""
    counts = torch.zeros(_HALF, dtype=torch.int64)
    for chunk in _chunks(keys):
        inside = chunk[(chunk >> 16) == upper]
        counts += torch.bincount(inside & 0xFFFF, minlength=_HALF).cpu()
    return counts


def _chunks(keys: Sequence[Tensor]) -> Iterator[Tensor]:
    for part in keys:
        yield from torch.split(part.reshape(-1), _CHUNK)


def _bucket(counts: Tensor, k: int) -> tuple[int, int]:
    """The bucket that holds the ``k``-th, and how many lie in buckets before it."""
    cumulative = counts.cumsum(0)
    bucket = int(torch.searchsorted(cumulative, k))
    return bucket, int(cumulative[bucket] - counts[bucket])
