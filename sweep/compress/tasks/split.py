"""A tokenised split in flat arrays: its batches, its subsets, its files, and what two share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from sweep.compress.tasks.task import Ints
from sweep.errors import UsageError
from sweep.ledger.files import new_folder

Row = Sequence[int] | Ints

_ARRAYS = ("tokens", "offsets", "labels", "segments")  # the last one may be missing

_POOL = 64  # batches whose examples are sorted by length together: little padding, but still random


@dataclass(frozen=True)
class Padding:
    """How the shorter rows of a batch are filled: the token id, the segment, and the side."""

    token: int = 0
    segment: int = 0
    left: bool = False


@dataclass(frozen=True)
class Split:
    """Examples as one flat array of token ids, divided at ``offsets``.

    ``tokens`` (int32) has all tokens in sequence, ``offsets`` (int64, examples + 1) the start of
    each example and the end, ``labels`` (int64, examples), ``segments`` (uint8, as long as tokens)
    the token types, or None if the tokenizer gives none. Opened from the cache they are memory
    maps, which all workers of a machine share.
    """

    tokens: Ints
    offsets: Ints
    labels: Ints
    segments: Ints | None = None
    padding: Padding = Padding()

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def lengths(self) -> Ints:
        """Number of tokens of each example (int64, examples)."""
        return np.diff(self.offsets)

    def subset(self, indices: Ints) -> Split:
        """Copy the examples at ``indices``, in that order."""
        pieces = [slice(self.offsets[i], self.offsets[i + 1]) for i in indices]
        segments = None if self.segments is None else [self.segments[piece] for piece in pieces]
        found = Split.of([self.tokens[piece] for piece in pieces], self.labels[indices], segments)
        return replace(found, padding=self.padding)

    def batch(self, indices: Ints) -> dict[str, Ints]:
        """Return a batch padded to its longest row, as the tokenizer pads.

        It has int64 arrays ``input_ids``, ``attention_mask`` and, if the split has segments,
        ``token_type_ids``, each (batch, longest), and ``labels`` (batch,).
        """
        lengths, padding = self.lengths[indices], self.padding
        longest = int(lengths.max())
        before = longest - lengths if padding.left else np.zeros_like(lengths)
        places = np.arange(longest) - before[:, None]
        real = (places >= 0) & (places < lengths[:, None])
        flat = [slice(self.offsets[i], self.offsets[i + 1]) for i in indices]

        def padded(values: Ints, filler: int) -> Ints:
            rows = np.full(real.shape, filler, dtype=np.int64)
            rows[real] = np.concatenate([values[piece] for piece in flat])
            return rows

        batch = {
            "input_ids": padded(self.tokens, padding.token),
            "attention_mask": real.astype(np.int64),
            "labels": np.asarray(self.labels[indices], dtype=np.int64),
        }
        if self.segments is not None:
            batch["token_type_ids"] = padded(self.segments, padding.segment)
        return batch

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
        """Save the arrays as ``.npy`` files, atomically."""
        with new_folder(folder) as scratch:
            for name in _ARRAYS:
                if (array := getattr(self, name)) is not None:
                    np.save(scratch / f"{name}.npy", array)

    @classmethod
    def open(cls, folder: Path) -> Split:
        """Map the arrays that :meth:`save` wrote into memory."""
        files = [file for name in _ARRAYS if (file := folder / f"{name}.npy").is_file()]
        return cls(*(np.load(file, mmap_mode="r") for file in files))

    @classmethod
    def of(cls, ids: Sequence[Row], labels: Ints, segments: Sequence[Row] | None = None) -> Split:
        """Make a split of one row of token ids per example, and of segments if there are any."""
        offsets = np.cumsum([0, *map(len, ids)], dtype=np.int64)
        tokens = _joined(ids, np.int32)
        flat = None if segments is None else _joined(segments, np.uint8)
        return cls(tokens, offsets, np.asarray(labels, dtype=np.int64), flat)


def _joined(rows: Sequence[Row], dtype: type[np.integer]) -> Ints:
    return np.concatenate([[], *rows], dtype=dtype, casting="unsafe")


def shared_rows(other: Split, split: Split) -> dict[str, int]:
    """Count the examples of ``split`` whose tokens an example of ``other`` has too.

    Returns ``rows``, their number; ``different``, the number of different texts among them;
    ``other_label``, how many of them have a label that no such example of ``other`` has; and
    ``examples``, the number of examples of ``split``.
    """
    labels: dict[bytes, set[int]] = defaultdict(set)
    for row, label in zip(_rows(other), other.labels.tolist(), strict=True):
        labels[row].add(label)
    pairs = zip(_rows(split), split.labels.tolist(), strict=True)
    both = [(row, label in labels[row]) for row, label in pairs if row in labels]
    return {
        "rows": len(both),
        "different": len({row for row, _ in both}),
        "other_label": sum(not same for _, same in both),
        "examples": len(split),
    }


def _rows(split: Split) -> list[bytes]:
    """The tokens of each example as bytes."""
    tokens = np.asarray(split.tokens)
    data, ends = tokens.tobytes(), (split.offsets * tokens.itemsize).tolist()
    return [data[start:end] for start, end in pairwise(ends)]


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


def carve(train: Split, share: float, generator: np.random.Generator, rest: bool) -> Split:
    """Return the ``share`` of train that becomes validation, stratified, or the ``rest`` of train.

    Raises :class:`~sweep.errors.UsageError` if one of the two would be empty.
    """
    count = round(share * len(train))
    if not 0 < count < len(train):
        raise UsageError(
            f"task.validation={share} of {len(train)} train examples leaves an empty split"
        )
    chosen = stratified(train.labels, count, generator)
    return train.subset(np.setdiff1d(np.arange(len(train)), chosen) if rest else chosen)
