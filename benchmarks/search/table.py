"""A recorded table of learning curves, read and checked."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

AXES = ("methods", "scopes", "sparsities", "learning_rates", "seeds")
"""The axes of ``correct`` and ``seconds``, except the last one, the epoch from 0 (pruned)."""


@dataclass(frozen=True)
class Table:
    """Validation accuracy in [0, 1] and seconds, both (M, S, P, L, R, E+1), over a grid.

    The axes are method, scope, sparsity, learning rate, seed, epoch. ``seconds`` has the time of
    each epoch (for epoch 0, of pruning and evaluation). ``examples`` is the number of evaluated
    examples, ``majority`` the accuracy of the most frequent class, ``digest`` that of the file.
    """

    name: str
    digest: str
    methods: list[str]
    scopes: list[str]
    sparsities: list[float]
    learning_rates: list[float]
    accuracy: NDArray[np.float64]
    seconds: NDArray[np.float64]
    examples: int
    majority: float

    @property
    def max_epochs(self) -> int:
        """The number of finetune epochs of every recorded trial."""
        return int(self.accuracy.shape[-1]) - 1

    @property
    def seeds(self) -> int:
        """The number of seeds of each point of the grid."""
        return int(self.accuracy.shape[4])


def load_table(path: str | Path) -> Table:
    """Read ``path`` (npz); ValueError for an incomplete table, OSError if it is unreadable."""
    path = Path(path)
    with np.load(path) as arrays:
        _check(path, arrays)
        examples = int(arrays["examples"])
        return Table(
            name=path.stem,
            digest=hashlib.sha256(path.read_bytes()).hexdigest()[:12],
            methods=[str(name) for name in arrays["methods"]],
            scopes=[str(name) for name in arrays["scopes"]],
            sparsities=[float(value) for value in arrays["sparsities"]],
            learning_rates=[float(value) for value in arrays["learning_rates"]],
            accuracy=arrays["correct"] / examples,
            seconds=arrays["seconds"].astype(np.float64),
            examples=examples,
            majority=int(arrays["majority_correct"]) / examples,
        )


def _check(path: Path, arrays: np.lib.npyio.NpzFile) -> None:
    needed = {*AXES, "correct", "seconds", "examples", "majority_correct"}
    if missing := needed - set(arrays.files):
        raise ValueError(f"{path} is not a table: it has no {', '.join(sorted(missing))}")
    shape = tuple(len(arrays[axis]) for axis in AXES)
    for name in ("correct", "seconds"):
        if arrays[name].shape[:-1] != shape or arrays[name].shape[-1] < 2:
            raise ValueError(
                f"{path}: {name} is {arrays[name].shape}, the axes are {shape} + (E+1)"
            )
    correct, examples = arrays["correct"], int(arrays["examples"])
    if correct.min() < 0 or correct.max() > examples:
        raise ValueError(f"{path}: correct must be 0 to {examples}, got {correct.min()}")
    for name in ("sparsities", "learning_rates"):
        if (np.diff(arrays[name]) <= 0).any():
            raise ValueError(f"{path}: {name} must ascend")
    if not np.isfinite(arrays["seconds"]).all() or arrays["seconds"].min() <= 0:
        raise ValueError(f"{path}: seconds must be positive")
