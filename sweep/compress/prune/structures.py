"""Structures: which weights of a matrix are pruned together (``space.granularity``).

A structure gets the keys of one matrix (`sweep.compress.prune.selection.ordered_keys`: int32, in
the order of the scores) and selects the weights to keep. To add one, write a subclass of
:class:`Structure`, and add a row to :data:`STRUCTURES` or an entry point ``prunesweep.structures``.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from sweep.compress.prune.selection import keep_largest, unique_keys
from sweep.errors import UsageError


class Structure:
    """The base class prunes single weights; subclasses prune groups of weights together.

    ``sparsity`` in [0, 1) is a fixed sparsity of every matrix, which replaces that of the params.
    With None the params' sparsity applies, distributed over the matrices by the layer profile.
    """

    sparsity: float | None = None

    def check(self, weights: Mapping[str, Tensor], start: Mapping[str, Tensor]) -> None:
        """Check that the weights, and the masks ``start``, allow this structure.

        Both are by module name. Raises :class:`~sweep.errors.UsageError` if they do not.
        """

    def mask(self, keys: Tensor, count: int, generator: torch.Generator) -> Tensor:
        """Return a mask (True: kept) that drops the lowest ``keys`` (rows, ...) of one matrix.

        It drops ``count`` keys, as nearly as the structure allows. Weights that are pruned already
        have the key `sweep.compress.prune.selection.GONE`, the lowest. ``generator`` breaks ties.
        """
        return keep_largest([keys], count, generator)[0]


class NofM(Structure):
    """N:M sparsity: keeps ``kept`` of each ``group`` consecutive inputs of a row."""

    def __init__(self, kept: int, group: int) -> None:
        self.kept, self.group, self.sparsity = kept, group, 1 - kept / group

    def __str__(self) -> str:
        return f"{self.kept}:{self.group}"

    def mask(self, keys: Tensor, count: int, generator: torch.Generator) -> Tensor:
        """Return a mask that keeps the highest keys of each group; ``count`` is ignored."""
        parts = unique_keys(keys, generator).view(-1, self.group)
        # For each key: how many keys of its group are higher.
        higher = (parts.unsqueeze(1) > parts.unsqueeze(2)).sum(2)
        return (higher < self.kept).view(keys.shape)

    def check(self, weights: Mapping[str, Tensor], start: Mapping[str, Tensor]) -> None:
        """Check that groups divide the rows, and that ``start`` keeps enough of each group."""
        for name, weight in weights.items():
            width = weight.numel() // len(weight)
            if width % self.group:
                raise UsageError(
                    f"granularity {self} needs rows of a multiple of {self.group} weights, but "
                    f"{name}, of shape {tuple(weight.shape)}, has rows of {width}: leave it out "
                    f"with pruning.exclude: [{name}], or use another granularity"
                )
            if name not in start:
                continue
            kept = start[name].reshape(-1, self.group).sum(1)
            if poor := int((kept < self.kept).sum()):
                raise UsageError(
                    f"granularity {self} keeps {self.kept} of {self.group} weights, but the masks "
                    f"that pruning.start_masks keeps leave fewer in {poor} groups of {name}: use "
                    "granularity element, or set pruning.start_masks=drop"
                )


ELEMENT = "element"
"""The structure of single weights, the only one for which a scope has an effect."""

STRUCTURES: dict[str, Structure] = {ELEMENT: Structure(), "2:4": NofM(2, 4), "4:8": NofM(4, 8)}
"""The built-in structures by name."""
