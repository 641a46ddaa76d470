"""Examples of one split whose tokens also occur in another split."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from sweep.compress.tasks.split import Split

Shared = Mapping[str, int]


def shared_rows(other: Split, split: Split) -> dict[str, int]:
    """Count the examples of ``split`` whose tokens an example of ``other`` has too.

    Returns ``rows``, their number; ``different``, the number of different texts among them;
    ``other_label``, how many of them have a label that no such example of ``other`` has; and
    ``examples``, the number of examples of ``split``.
    """
    labels: dict[bytes, set[int]] = defaultdict(set)
    for row, label in zip(_rows(other), other.labels.tolist(), strict=True):
        labels[row].add(label)
    both = [
        (row, label in labels[row])
        for row, label in zip(_rows(split), split.labels.tolist(), strict=True)
        if row in labels
    ]
    return {
        "rows": len(both),
        "different": len({row for row, _ in both}),
        "other_label": sum(not same for _, same in both),
        "examples": len(split),
    }


def _rows(split: Split) -> list[bytes]:
    """The tokens of each example as bytes."""
    tokens = np.asarray(split.tokens)
    ends = (split.offsets * tokens.itemsize).tolist()
    data = tokens.tobytes()
    return [data[start:end] for start, end in pairwise(ends)]


def sentence(name: str, other: str, found: Shared) -> str:
    """Say how many examples of the split ``name`` occur in ``other``."""
    rows, examples = found["rows"], found["examples"]
    labels = f", {found['other_label']} with another label" if found["other_label"] else ""
    learned = "the model learns them" if other == "train" else "the search has seen them"
    return (
        f"{rows} of {examples} {name} examples ({rows / examples:.1%}; {found['different']} "
        f"different) have the same tokens as examples of {other}{labels}: {learned}, so figures on "
        f"{name} may be too good"
    )
