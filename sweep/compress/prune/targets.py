"""Selects the prunable weights by module kind and name, and checks that a search space fits them.

``start`` below holds masks (True = kept) by module name that the model had before the sweep, and
that each trial keeps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file
from torch import Tensor, nn

from sweep.compress.conv1d import as_in_files, as_linears
from sweep.compress.models import beside
from sweep.config.sections import PruningConfig
from sweep.errors import UsageError
from sweep.registry import STRUCTURES
from sweep.space.domains import Domain, samples

PRUNABLE = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)

MASKS = "masks.safetensors"
"""File beside the weights of an exported model: boolean tensors by module name."""


def embedding_ids(model: nn.Module) -> set[int]:
    """Return the ids of the parameters that are embeddings, also if other layers share them."""
    tables = [m for m in model.modules() if isinstance(m, nn.Embedding | nn.EmbeddingBag)]
    return {id(parameter) for table in tables for parameter in table.parameters()}


def prunable_modules(
    model: nn.Module, pruning: PruningConfig, shared: bool = False
) -> dict[str, nn.Module]:
    """Return the modules whose ``weight`` may be pruned, by name.

    By default every Linear and Conv weight is prunable, the classifier's included, as in MASE's
    tutorial. Biases and LayerNorm are never pruned; embeddings only with ``embeddings`` True.
    ``include`` (empty: all) and ``exclude`` are glob patterns over module names.

    A weight that several modules share appears once, under the first name that the patterns select,
    or with ``shared`` for each module. If one of them is an embedding, so is the weight. A weight
    that is computed from other parameters (`torch.nn.utils.parametrize`) is not prunable. Each
    ``Conv1D`` is first replaced by a Linear layer (`sweep.compress.conv1d`).

    Raises :class:`~sweep.errors.UsageError` if no module is prunable.
    """
    kinds = (*PRUNABLE, nn.Embedding) if pruning.embeddings else PRUNABLE
    spared = set() if pruning.embeddings else embedding_ids(model)
    uses: dict[int, dict[str, nn.Module]] = {}
    for name, module in as_linears(model).named_modules():
        weight = dict(module.named_parameters(recurse=False)).get("weight")
        if isinstance(module, kinds) and weight is not None and id(weight) not in spared:
            uses.setdefault(id(weight), {})[name] = module
    found: dict[str, nn.Module] = {}
    for modules in uses.values():
        names = [name for name in modules if _admits(pruning, name)]
        found |= {name: modules[name] for name in names[:1]}
        found |= modules if shared and names else {}
    if not found:
        like = (
            ", ".join([next(iter(modules)) for modules in uses.values()][:3])
            or "(the model has no Linear or Conv layer)"
        )
        raise UsageError(
            f"nothing to prune: no module matches pruning.include={pruning.include} and "
            f"pruning.exclude={pruning.exclude}; names look like {like}"
        )
    return found


def _admits(pruning: PruningConfig, name: str) -> bool:
    wanted = not pruning.include or any(fnmatchcase(name, p) for p in pruning.include)
    return wanted and not any(fnmatchcase(name, p) for p in pruning.exclude)


def prunable_weights(model: nn.Module, pruning: PruningConfig) -> dict[str, Tensor]:
    """Return the prunable weight tensors by module name."""
    modules = prunable_modules(model, pruning)
    return {name: module.get_parameter("weight") for name, module in modules.items()}


def read_masks(model: str | None) -> dict[str, NDArray[np.bool_]]:
    """Read the masks of ``model`` by module name, True where a weight was kept.

    Raises :class:`~sweep.errors.UsageError` if it has none, or if they cannot be read.
    """
    file = beside(model, MASKS)
    if file is None:
        raise UsageError(
            f"pruning.start_masks is keep, but model {model!r} has no masks to keep: use a folder "
            f"that `sweep export` wrote, with {MASKS} in it, or set pruning.start_masks=drop"
        )
    try:
        found: dict[str, Any] = load_file(file)
    except (OSError, SafetensorError, TypeError, AttributeError) as error:  # types without numpy
        raise UsageError(f"{file} cannot be read: {error}") from error
    wrong = [name for name, mask in found.items() if mask.dtype != np.bool_ or not mask.size]
    if wrong or not found:
        raise UsageError(f"{file} holds no masks: it must hold boolean tensors by module name")
    return found


def dropped_share(masks: dict[str, NDArray[np.bool_]]) -> float:
    """Return the share, in [0, 1), of the masked weights that the masks drop."""
    return 1 - sum(int(m.sum()) for m in masks.values()) / sum(m.size for m in masks.values())


def fitted(masks: Mapping[str, NDArray[np.bool_]], model: nn.Module) -> dict[str, Tensor]:
    """Return saved masks as tensors, in the layout and on the device of the model's weights.

    Raises :class:`~sweep.errors.UsageError` if a mask has no weight of its shape, or drops a weight
    that is not zero: the masks then belong to another model.
    """
    modules, found = dict(model.named_modules()), {}
    saved = as_in_files(model, {name: torch.from_numpy(mask) for name, mask in masks.items()})
    for name, mask in saved.items():
        weight = getattr(modules.get(name), "weight", None)
        if not isinstance(weight, Tensor) or weight.shape != mask.shape:
            has = "no such weight" if weight is None else f"a weight of shape {tuple(weight.shape)}"
            shape = tuple(mask.shape)
            raise UsageError(f"the mask of {name} has shape {shape}, but the model has {has}")
        found[name] = mask.to(weight.device).contiguous()
        if stray := int(weight.detach()[~found[name]].count_nonzero()):
            raise UsageError(
                f"{stray} weights of {name} are not zero where its mask drops them: the masks "
                "belong to other weights; pruning.start_masks=drop ignores the masks"
            )
    return found


def dropped(masks: Mapping[str, Tensor], names: Iterable[str]) -> int:
    """Return how many weights of the modules ``names`` the masks drop."""
    return sum(int((~masks[name]).sum()) for name in names if name in masks)


def check_space(
    space: Mapping[str, Domain], masks: Mapping[str, Tensor], weights: Mapping[str, Tensor]
) -> None:
    """Raise :class:`~sweep.errors.UsageError` if the space goes below the sparsity of ``masks``.

    The count of each matrix is rounded, so half a weight per matrix is tolerated.
    """
    total = sum(weight.numel() for weight in weights.values())
    already = dropped(masks, weights) / total
    least = min(float(value) for value in samples(space["sparsity"], ()))
    if all(STRUCTURES.fact(str(name)) is not None for name in space["granularity"].grid()):
        return  # no trial chooses its sparsity; the structure checks its groups
    if least + len(weights) / (2 * total) < already:
        raise UsageError(
            f"space.sparsity begins at {least:g}, but pruning.start_masks keeps the model's masks, "
            f"which drop {already:.4f} already: begin at {already:.4f} or above, or set "
            "pruning.start_masks=drop, which lets pruned weights grow back"
        )
