"""A tokenised split in flat arrays: its batches, its subsets, and its files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sweep.errors import UsageError

Ints = npt.NDArray[np.integer]
Row = Sequence[int] | Ints

_ARRAYS = ("tokens", "offsets", "labels", "segments")

_POOL = 64  # batches whose examples are sorted by length together: little padding, but still random


@dataclass(frozen=True)
class Split:
    """Examples as one flat array of token ids, divided at ``offsets``.

    ``tokens`` (int32) has all tokens in sequence, ``offsets`` (int64, examples + 1) the start of
    each example and the end, ``labels`` (int64, examples), ``segments`` (uint8, as long as tokens;
    zeros for single texts). Opened from the cache they are memory maps, which all workers of a
    machine share. ``pad_id`` is the token id for padding.
    """

    tokens: Ints
    offsets: Ints
    labels: Ints
    segments: Ints
    pad_id: int = 0

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def lengths(self) -> Ints:
        """Number of tokens of each example (int64, examples)."""
        return np.diff(self.offsets)

    def subset(self, indices: Ints) -> Split:
        """Copy the examples at ``indices``, in that order."""
        pieces = [slice(self.offsets[i], self.offsets[i + 1]) for i in indices]
        lengths = self.lengths[indices]
        return Split(
            _join([self.tokens[piece] for piece in pieces], np.int32),
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            np.asarray(self.labels[indices]),
            _join([self.segments[piece] for piece in pieces], np.uint8),
            self.pad_id,
        )

    def batch(self, indices: Ints) -> dict[str, Ints]:
        """Return a batch padded to its longest: int64 arrays (batch, longest), labels (batch,)."""
        lengths = self.lengths[indices]
        real = np.arange(int(lengths.max())) < lengths[:, None]
        ids = np.full(real.shape, self.pad_id, dtype=np.int64)
        segments = np.zeros(real.shape, dtype=np.int64)
        flat = [slice(self.offsets[i], self.offsets[i + 1]) for i in indices]
        ids[real] = np.concatenate([self.tokens[piece] for piece in flat])
        segments[real] = np.concatenate([self.segments[piece] for piece in flat])
        return {
            "input_ids": ids,
            "attention_mask": real.astype(np.int64),
            "token_type_ids": segments,
            "labels": np.asarray(self.labels[indices], dtype=np.int64),
        }

    def in_order(self, batch_size: int) -> Iterator[Ints]:
        """Yield batches of indices by decreasing length, for the least padding."""
        order = np.argsort(-self.lengths, kind="stable")
        for start in range(0, len(order), batch_size):
            yield order[start : start + batch_size]

    def shuffled(self, batch_size: int, generator: np.random.Generator) -> list[Ints]:
        """Return all examples once in random batches of similar lengths, drawn by ``generator``."""
        order = generator.permutation(len(self))
        batches: list[Ints] = []
        for start in range(0, len(order), batch_size * _POOL):
            pool = order[start : start + batch_size * _POOL]
            pool = pool[np.argsort(self.lengths[pool], kind="stable")]
            batches += [pool[i : i + batch_size] for i in range(0, len(pool), batch_size)]
        return [batches[i] for i in generator.permutation(len(batches))]

    def save(self, folder: Path) -> None:
        """Save the arrays as ``.npy`` files."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in _ARRAYS:
            np.save(folder / f"{name}.npy", getattr(self, name))

    @classmethod
    def open(cls, folder: Path) -> Split:
        """Map the arrays that :meth:`save` wrote into memory."""
        return cls(*(np.load(folder / f"{name}.npy", mmap_mode="r") for name in _ARRAYS))

    @classmethod
    def of(cls, ids: Sequence[Row], labels: Ints, segments: Sequence[Row] | None = None) -> Split:
        """Make a split of one row of token ids per example, and segments for pairs."""
        offsets = np.concatenate([[0], np.cumsum([len(row) for row in ids])]).astype(np.int64)
        tokens = _join([np.asarray(row, dtype=np.int32) for row in ids], np.int32)
        flat: Ints = np.zeros(len(tokens), dtype=np.uint8)
        if segments is not None:
            flat = _join([np.asarray(row, dtype=np.uint8) for row in segments], np.uint8)
        return cls(tokens, offsets, np.asarray(labels, dtype=np.int64), flat)


def _join(pieces: list[Ints], dtype: npt.DTypeLike) -> Ints:
    return np.concatenate(pieces).astype(dtype) if pieces else np.zeros(0, dtype=dtype)


def stratified(labels: Ints, count: int, generator: np.random.Generator) -> Ints:
    """Draw ``count`` sorted indices with each label's share as in ``labels`` (largest remainders).

    Float labels are not stratified. A ``count`` of ``len(labels)`` or more returns all indices.
    Raises :class:`~sweep.errors.UsageError` if ``count`` is not positive.
    """
    if count <= 0:
        raise UsageError(f"a subset needs at least one example, got {count}")
    if count >= len(labels):
        return np.arange(len(labels))
    if labels.dtype.kind == "f":
        return np.sort(generator.permutation(len(labels))[:count])
    values, sizes = np.unique(labels, return_counts=True)
    ideal = sizes * count / len(labels)
    take = np.floor(ideal).astype(int)
    take[np.argsort(take - ideal, kind="stable")[: count - take.sum()]] += 1
    chosen = [
        generator.permutation(np.flatnonzero(labels == value))[:n]
        for value, n in zip(values, take, strict=True)
    ]
    return np.sort(np.concatenate(chosen))
