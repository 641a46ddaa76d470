"""Whether a model can be pruned as a space asks: refused before a trial, with what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sweep.errors import UsageError
from sweep.space.domains import Choice, Constant, Domain
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


# Masks that a model had before a sweep began, and that each of its trials keeps.

_LOWEST = torch.iinfo(torch.int32).min


def fitted(masks: Mapping[str, NDArray[np.bool_]], model: nn.Module) -> dict[str, Tensor]:
    """The masks as tensors beside the model's weights.

    Raises :class:`~sweep.errors.UsageError` where a mask has no weight of its shape, or where a
    weight that it drops is not zero: they are then masks of another model.
    """
    modules = dict(model.named_modules())
    found = {}
    for name, mask in masks.items():
        weight = getattr(modules.get(name), "weight", None)
        if not isinstance(weight, Tensor) or weight.shape != mask.shape:
            has = "no such weight" if weight is None else f"one of {tuple(weight.shape)}"
            raise UsageError(f"the mask of {name} has shape {mask.shape}, the model {has}")
        found[name] = torch.from_numpy(mask).to(weight.device)
        if stray := int(weight.detach()[~found[name]].count_nonzero()):
            raise UsageError(
                f"{stray} weights of {name} are not zero where its mask drops them: these are "
                "masks of other weights (pruning.start_masks=drop takes the weights as they are)"
            )
    return found


def pairs(model: nn.Module, masks: Mapping[str, Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Pairs (weight, mask), for :func:`~sweep.compress.prune.masks.hold`."""
    return [(model.get_parameter(f"{name}.weight"), mask) for name, mask in masks.items()]


def dropped(masks: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> int:
    """How many of ``weights`` the masks drop."""
    return sum(int((~masks[name]).sum()) for name in weights if name in masks)


def sink(keys: Tensor, mask: Tensor | None) -> Tensor:
    """Put what ``mask`` drops below all else, in place; ``keys`` as ``select.ordered_keys``."""
    return keys if mask is None else keys.masked_fill_(~mask, _LOWEST)


def check_space(
    space: Mapping[str, Domain], masks: Mapping[str, Tensor], weights: Mapping[str, Tensor]
) -> None:
    """Refuse to look for less sparsity than there is already.

    Each matrix's count is rounded, so that the sparsity that a model was pruned to is not less.
    Raises :class:`~sweep.errors.UsageError`.
    """
    total = sum(weight.numel() for weight in weights.values())
    already, least = dropped(masks, weights) / total, lowest(space["sparsity"])
    if all(n_of_m(str(name)) for name in space["granularity"].grid()):
        return  # where sparsity is nobody's choice; `sweep.compress.prune.fit` looks at the groups
    if least + len(weights) / (2 * total) < already:
        raise UsageError(
            f"space.sparsity begins at {least:g}, and the model's own masks, which "
            f"pruning.start_masks keeps, drop {already:.4f} already: begin at {already:.4f} or "
            "above, or let zeros grow back with pruning.start_masks=drop"
        )


def lowest(domain: Domain) -> float:
    """The least number that a domain has."""
    if isinstance(domain, Constant):
        return float(domain.value)  # type: ignore[arg-type]
    if isinstance(domain, Choice):
        return min(float(value) for value in domain.values)
    return float(domain.low)
