"""Write and load the Hugging Face folder of a trial's model.

``from_pretrained`` reads the weights, the tokenizer and the label names. That format has no place
for masks and pruned activations, so they are in files beside the weights. :func:`load_model` reads
them and prunes (and rounds) the inputs of the Linear layers as the trial did.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from sweep.compress.conv1d import as_in_files, as_linears
from sweep.compress.models import name_labels, save_model
from sweep.compress.prune.activations import ActivationPruner, check_form
from sweep.compress.prune.targets import MASKS
from sweep.compress.quantize.layers import GRID_FILE, load_grid
from sweep.errors import UsageError
from sweep.ledger.lines import parse_json

WEIGHTS, ACTIVATIONS = "model.safetensors", "activations.safetensors"
MASKS_FORMAT, ACTIVATIONS_FORMAT = "prunesweep-masks", "prunesweep-activations"


@torch.no_grad()
def write_model(
    model: nn.Module,
    masks: Mapping[str, Tensor],
    label_names: Sequence[str],
    folder: Path,
) -> None:
    """Write the files that ``from_pretrained`` reads, and the masks in the layout of its weights.

    ``masks`` are boolean tensors by module name, True where a weight is kept. ``label_names`` is
    empty if the model has no classes. Zeros of ``model`` become positive, in place: half of the
    pruned weights are -0.0 (a negative weight times a mask's zero), whose sign bit is set, so that
    neither our compact file nor zip could compress it.
    """
    for parameter in model.parameters():
        parameter.add_(0.0)
    if label_names and hasattr(model, "config"):
        name_labels(model, label_names)
    save_model(model, folder)
    saved = as_in_files(model, masks)
    plain = {name: mask.detach().cpu().contiguous() for name, mask in saved.items()}
    save_file(plain, folder / MASKS, metadata={"format": MASKS_FORMAT, "version": "1"})


def write_activations(pruner: ActivationPruner, folder: Path) -> None:
    """Write the file for :func:`attach`; write nothing if no activations are pruned.

    The file has thresholds (scalars) or masks (True: kept) by module name, if the method has any.
    Its metadata has ``modules``, ``sparsity``, ``method`` and ``scope``.
    """
    if not pruner.modules:
        return
    state = {name: value.detach().cpu().contiguous() for name, value in pruner.state.items()}
    about = {
        "format": ACTIVATIONS_FORMAT,
        "version": "1",
        "modules": json.dumps(list(pruner.modules)),
        "sparsity": repr(pruner.sparsity),
        "method": pruner.method,
        "scope": pruner.scope,
    }
    save_file(state, folder / ACTIVATIONS, metadata=about)


def attach(model: nn.Module, folder: str | Path) -> ActivationPruner:
    """Prune the activations of a model that was loaded from ``folder``, until ``remove()``.

    Raises :class:`~sweep.errors.UsageError` if the folder has no file of pruned activations, or if
    the file does not fit the model.
    """
    path = Path(folder) / ACTIVATIONS
    try:
        with safe_open(path, framework="pt") as file:
            about: dict[str, Any] = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in list(file.keys())}
    except (OSError, SafetensorError) as error:
        raise UsageError(f"cannot read {path}: {error}") from error
    if (about.get("format"), about.get("version")) != (ACTIVATIONS_FORMAT, "1"):
        raise UsageError(f"{path} is not a file of pruned activations that this version can read")
    known = dict(as_linears(model).named_modules())
    try:
        names = parse_json(list[str], about["modules"].encode())
        how = float(about["sparsity"]), about["method"], about["scope"]
    except (KeyError, ValueError) as error:
        raise UsageError(f"{path} is damaged: {error}") from error
    if missing := [name for name in names if not isinstance(known.get(name), nn.Linear)]:
        raise UsageError(
            f"{path} belongs to another model: this one has no Linear layer {missing[0]!r}"
        )
    pruner = ActivationPruner({name: known[name] for name in names}, *how)
    try:
        check_form(state, pruner.form())
    except ValueError as error:
        raise UsageError(f"{path} does not fit this model: {error}") from error
    pruner.state = state
    pruner.attach()
    return pruner


def load_model(folder: str | Path) -> nn.Module:
    """Load an exported classifier, with activations pruned and rounded as in the trial."""
    from transformers import AutoModelForSequenceClassification

    model: nn.Module = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    complete(model, folder)
    return model


def complete(model: nn.Module, folder: str | Path) -> None:
    """Make a model from a folder prune and round its inputs as the files there say."""
    if (Path(folder) / ACTIVATIONS).is_file():
        attach(model, folder)
    if (Path(folder) / GRID_FILE).is_file():
        load_grid(model, folder)
