"""Structures: which weights of a matrix are pruned together (``space.granularity``).

A structure gets the keys of one matrix (`sweep.compress.prune.selection.ordered_keys`: int32, in
the order of the scores) and says which weights stay. A further one is a subclass of
:class:`Structure`, and a row of :data:`STRUCTURES` or an entry point ``prunesweep.structures``.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from sweep.compress.prune.selection import keep_largest, unique_keys
from sweep.errors import UsageError


def n_of_m_mask(keys: Tensor, kept: int, group: int, generator: torch.Generator) -> Tensor:
    """A mask of ``keys`` (rows, ...) that keeps the ``kept`` highest of each ``group`` in a row."""
    parts = unique_keys(keys, generator).view(-1, group)
    higher = (parts.unsqueeze(1) > parts.unsqueeze(2)).sum(2)  # than each
    return (higher < kept).view(keys.shape)


class Structure:
    """Which weights of a matrix are pruned together: single ones, unless a subclass says otherwise.

    ``sparsity`` in [0, 1) is what every matrix is pruned to, whatever the params of a trial say;
    None: what they say, shared out among the matrices by the layer profile.
    """

    sparsity: float | None = None

    def check(self, weights: Mapping[str, Tensor], start: Mapping[str, Tensor]) -> None:
        """Refuse weights that do not have this structure, or not under the masks ``start``.

        Both are by module name. Raises :class:`~sweep.errors.UsageError`.
        """

    def mask(self, keys: Tensor, count: int, generator: torch.Generator) -> Tensor:
        """A mask, True where kept, that drops the lowest ``keys`` (rows, ...) of one matrix.

        About ``count`` of them, as far as the structure allows it. The lowest key of all
        (`sweep.compress.prune.selection.GONE`) is of a weight that is pruned already.
        ``generator`` breaks ties.
        """
        return keep_largest([keys], count, generator)[0]


class NofM(Structure):
    """Of each ``group`` consecutive inputs of a row, ``kept`` stay."""

    def __init__(self, kept: int, group: int) -> None:
        self.kept, self.group, self.sparsity = kept, group, 1 - kept / group

    def __str__(self) -> str:
        return f"{self.kept}:{self.group}"

    def mask(self, keys: Tensor, count: int, generator: torch.Generator) -> Tensor:
        """The highest of each group stay; ``count`` makes no difference."""
        return n_of_m_mask(keys, self.kept, self.group, generator)

    def check(self, weights: Mapping[str, Tensor], start: Mapping[str, Tensor]) -> None:
        """Refuse rows that the group does not divide, and masks that leave too few in a group."""
        for name, weight in weights.items():
            width = weight.numel() // len(weight)
            if width % self.group:
                raise UsageError(
                    f"granularity {self} needs rows of a multiple of {self.group} weights, and "
                    f"{name}, of shape {tuple(weight.shape)}, has rows of {width}: leave it out "
                    f"with pruning.exclude: [{name}], or take another granularity"
                )
            if name in start:
                self._check_start(name, start[name])

    def _check_start(self, name: str, mask: Tensor) -> None:
        poor = int(torch.sum(mask.reshape(-1, self.group).sum(1) < self.kept))
        if poor:
            raise UsageError(
                f"granularity {self} keeps {self.kept} of {self.group} weights, and the masks that "
                f"pruning.start_masks keeps leave fewer in {poor} groups of {name}: take "
                "granularity element, or let zeros grow back with pruning.start_masks=drop"
            )


ELEMENT = "element"
"""The structure of single weights: for it alone a scope says which of them are compared."""

STRUCTURES: dict[str, Structure] = {ELEMENT: Structure(), "2:4": NofM(2, 4), "4:8": NofM(4, 8)}
"""The built-in ones by name."""
