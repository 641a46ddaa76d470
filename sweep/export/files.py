"""The Hugging Face folder of a trial's model: weights, tokenizer, names of labels, masks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_file
from torch import nn

from sweep.compress.start_masks import MASKS
from sweep.compress.tasks.encode import load_tokenizer

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS = "model.safetensors"
MASKS_FORMAT = "prunesweep-masks"


def write_model(
    model: nn.Module,
    masks: Mapping[str, Tensor],
    label_names: Sequence[str],
    tokenizer: str | None,
    folder: Path,
) -> None:
    """Write what ``from_pretrained`` reads, and the masks beside it.

    ``masks`` are by module name. ``tokenizer`` is a folder or a name on the hub; None: the model
    has none. The model's own zeros lose their sign on the way (:func:`plain_zeros`).
    """
    plain_zeros(model)
    model.save_pretrained(folder)  # type: ignore[operator]
    name_labels(folder / "config.json", label_names)
    if tokenizer is not None:
        load_tokenizer(tokenizer).save_pretrained(folder)
    _write_masks(masks, folder / MASKS)


@torch.no_grad()
def plain_zeros(model: nn.Module) -> None:
    """Turn -0.0 into 0.0, in place.

    Half of the pruned weights are -0.0 (a negative weight times a mask's zero), the same number
    with a bit set: neither our compact file nor zip would take it for nothing.
    """
    for parameter in model.parameters():
        parameter.add_(0.0)


def name_labels(path: Path, names: Sequence[str]) -> None:
    """Let the model say `positive` for `LABEL_1`, where the data has names and it has none.

    ``path`` is the model's config.json, rewritten only where that is so.
    """
    config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    known = config.get("id2label") or {str(i): f"LABEL_{i}" for i in range(len(names))}
    own = [f"LABEL_{index}" for index in range(len(names))]
    if list(known.values()) != own or all(name.isdigit() for name in names):
        return
    config["id2label"] = {str(index): name for index, name in enumerate(names)}
    config["label2id"] = {name: index for index, name in enumerate(names)}
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def _write_masks(masks: Mapping[str, Tensor], path: Path) -> None:
    """Boolean tensors by module name, True where a weight was kept."""
    plain = {name: mask.detach().cpu().contiguous() for name, mask in masks.items()}
    save_file(plain, path, metadata={"format": MASKS_FORMAT, "version": "1"})
