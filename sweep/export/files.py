"""The Hugging Face folder of a trial's model: weights, tokenizer, names of labels, masks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_file
from torch import nn

from sweep.compress.quantize import Scheme
from sweep.compress.quantize.grid_file import GRID, read_grid, setting, write_grid
from sweep.compress.quantize.layers import grid_layers, linears, put, settle
from sweep.compress.quantize.scheme import int8_scales
from sweep.compress.start_masks import MASKS
from sweep.compress.tasks.encode import load_tokenizer
from sweep.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from sweep.compress.trial import Trial
    from sweep.config import SweepConfig


WEIGHTS = "model.safetensors"
MASKS_FORMAT = "prunesweep-masks"


def write_model(trial: Trial, config: SweepConfig, folder: Path) -> None:
    """Write what ``from_pretrained`` reads, and the masks beside it.

    The trial's own zeros lose their sign on the way (:func:`plain_zeros`).
    """
    plain_zeros(trial.model)
    trial.model.save_pretrained(folder)  # type: ignore[operator]
    _name_labels(folder / "config.json", trial.task.label_names)
    name = config.tokenizer or config.model
    if name is not None:
        load_tokenizer(name).save_pretrained(folder)
    write_masks(trial.masks.masks, folder / MASKS)


@torch.no_grad()
def plain_zeros(model: nn.Module) -> None:
    """Turn -0.0 into 0.0, in place.

    Half of the pruned weights are -0.0 (a negative weight times a mask's zero), the same number
    with a bit set: neither our compact file nor zip would take it for nothing.
    """
    for parameter in model.parameters():
        parameter.add_(0.0)


def write_masks(masks: Mapping[str, Tensor], path: Path) -> None:
    """Boolean tensors by module name, True where a weight was kept."""
    plain = {name: mask.detach().cpu().contiguous() for name, mask in masks.items()}
    save_file(plain, path, metadata={"format": MASKS_FORMAT, "version": "1"})


def _name_labels(path: Path, names: tuple[str, ...]) -> None:
    """Let the model say `positive` for `LABEL_1`, where the data has names and it has none."""
    config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    known = config.get("id2label") or {str(i): f"LABEL_{i}" for i in range(len(names))}
    own = [f"LABEL_{index}" for index in range(len(names))]
    if list(known.values()) != own or all(name.isdigit() for name in names):
        return
    config["id2label"] = {str(index): name for index, name in enumerate(names)}
    config["label2id"] = {name: index for index, name in enumerate(names)}
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


# The grid of an exported model: a file beside its weights, and layers that compute there.
#
# The weights of such a folder are on the grid as they are, so that `from_pretrained` gives them. It
# computes with inputs in floats; :func:`~sweep.export.activations.load_model` rounds them, as the
# trial did.


def settle_on_grid(trial: Trial, folder: Path) -> bool:
    """Round the trial's own weights, and write the grid (`sweep.compress.quantize.grid_file`).

    False, and no file, where there is none.
    """
    layers = grid_layers(trial.model)
    if not layers:
        return False
    scheme = next(iter(layers.values())).scheme
    about: dict[str, Any] = {"scheme": scheme.name}
    if scheme.name == "fixed":
        about |= {"width": scheme.width, "frac_width": scheme.frac_width}
    about["modules"] = list(layers)
    settle(trial.model)
    if scheme.name == "int8":
        with torch.no_grad():
            scales = {n: int8_scales(layer.weight).flatten() for n, layer in layers.items()}
        about["scales"] = {name: found.tolist() for name, found in scales.items()}
    write_grid(folder / GRID, about)
    return True


def put_on_grid(model: nn.Module, folder: str | Path) -> Scheme:
    """Let a model that was loaded from ``folder`` round its inputs, as its file says.

    Raises :class:`~sweep.errors.UsageError` where the folder has no such file, or one that does not
    fit the model.
    """
    path = Path(folder) / GRID
    about = read_grid(path)
    if strange := sorted(set(about["modules"]) ^ set(linears(model))):
        raise UsageError(f"{path} is of another model: Linear layer {strange[0]!r} is in one alone")
    widths = setting(about)
    scheme = Scheme(widths.pop("scheme"), **widths)
    put(model, scheme, settled=True)
    return scheme
