"""Whether a model can be pruned as a space asks: refused before a trial, with what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from sweep.errors import UsageError
from sweep.space.params import n_of_m

OF_INPUTS = ("input-norm", "inverse-factor")
"""Kinds of statistics that only the inputs of a Linear have."""


def check_inputs(method: str, kind: str, modules: Mapping[str, nn.Module]) -> None:
    """Refuse a module that has no statistic ``kind``, with a sentence about ``method``.

    Raises :class:`~sweep.errors.UsageError`.
    """
    strange = [(name, m) for name, m in modules.items() if not isinstance(m, nn.Linear)]
    if kind in OF_INPUTS and strange:
        name, module = strange[0]
        raise UsageError(
            f"method {method} scores by the inputs of Linear layers, and {name} is of kind "
            f"{type(module).__name__}: leave it out with pruning.exclude: [{name}], or take "
            "another method"
        )


def check_groups(
    granularities: Iterable[object], weights: Mapping[str, Tensor], start: Mapping[str, Tensor]
) -> None:
    """Refuse N:M where M does not divide a row, or where ``start`` leaves fewer than N of M.

    Raises :class:`~sweep.errors.UsageError`.
    """
    for name in map(str, granularities):
        if ratio := n_of_m(name):
            _check_widths(name, ratio[1], weights)
            for module, mask in start.items():
                if module in weights:
                    _check_start(name, ratio, module, mask)


def _check_widths(granularity: str, group: int, weights: Mapping[str, Tensor]) -> None:
    for name, weight in weights.items():
        width = weight.numel() // len(weight)
        if width % group:
            raise UsageError(
                f"granularity {granularity} needs rows of a multiple of {group} weights, and "
                f"{name}, of shape {tuple(weight.shape)}, has rows of {width}: leave it out with "
                f"pruning.exclude: [{name}], or take another granularity"
            )


def _check_start(granularity: str, ratio: tuple[int, int], name: str, mask: Tensor) -> None:
    kept, group = ratio
    poor = int(torch.sum(mask.reshape(-1, group).sum(1) < kept))
    if poor:
        raise UsageError(
            f"granularity {granularity} keeps {kept} of {group} weights, and the masks that "
            f"pruning.start_masks keeps leave fewer in {poor} groups of {name}: take granularity "
            "element, or let zeros grow back with pruning.start_masks=drop"
        )
