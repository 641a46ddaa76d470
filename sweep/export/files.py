"""The Hugging Face folder of a trial's model, and how it is loaded.

Weights, tokenizer and names of labels are what ``from_pretrained`` reads. Masks and pruned
activations have no place in such a folder, so they lie in files beside the weights: with
:func:`load_model` the inputs of the Linear layers are pruned (and rounded) as they were in the
trial.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from sweep.compress.prune import ActivationPruner
from sweep.compress.prune.targets import MASKS
from sweep.compress.quantize.layers import GRID_FILE, load_grid
from sweep.compress.tasks.encode import load_tokenizer
from sweep.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS, ACTIVATIONS = "model.safetensors", "activations.safetensors"
MASKS_FORMAT, ACTIVATIONS_FORMAT = "prunesweep-masks", "prunesweep-activations"


def write_model(
    model: nn.Module,
    masks: Mapping[str, Tensor],
    label_names: Sequence[str],
    tokenizer: str | None,
    folder: Path,
) -> None:
    """Write what ``from_pretrained`` reads, and the masks beside it.

    ``masks`` are boolean, by module name, True where a weight was kept. ``tokenizer`` is a folder
    or a name on the hub; None: the model has none. The model's own zeros lose their sign on the way
    (:func:`plain_zeros`).
    """
    plain_zeros(model)
    model.save_pretrained(folder)  # type: ignore[operator]
    name_labels(folder / "config.json", label_names)
    if tokenizer is not None:
        load_tokenizer(tokenizer).save_pretrained(folder)
    plain = {name: mask.detach().cpu().contiguous() for name, mask in masks.items()}
    save_file(plain, folder / MASKS, metadata={"format": MASKS_FORMAT, "version": "1"})


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


def write_activations(pruner: ActivationPruner, folder: Path) -> None:
    """Write what :func:`attach` needs; no file where none are pruned.

    The file holds thresholds (scalars) or masks (True = kept) by module name, where the method has
    any, and in its metadata ``modules``, ``sparsity``, ``method`` and ``scope``.
    """
    if not pruner.modules:
        return
    state = {name: value.detach().cpu().contiguous() for name, value in pruner.state.items()}
    how = {"sparsity": repr(pruner.sparsity), "method": pruner.method, "scope": pruner.scope}
    about = {
        "format": ACTIVATIONS_FORMAT,
        "version": "1",
        "modules": json.dumps(list(pruner.modules)),
        **how,
    }
    save_file(state, folder / ACTIVATIONS, metadata=about)


def attach(model: nn.Module, folder: str | Path) -> ActivationPruner:
    """Prune the activations of a model that was loaded from ``folder``; ``remove()`` ends it.

    Raises :class:`~sweep.errors.UsageError` where the folder has no such file, or one that does not
    fit the model.
    """
    path = Path(folder) / ACTIVATIONS
    try:
        with safe_open(path, framework="pt") as file:
            about: dict[str, Any] = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in list(file.keys())}
    except (OSError, SafetensorError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    if (about.get("format"), about.get("version")) != (ACTIVATIONS_FORMAT, "1"):
        raise UsageError(f"{path} says nothing of pruned activations that this version knows")
    known = dict(model.named_modules())
    names = json.loads(about["modules"])
    if missing := [name for name in names if not isinstance(known.get(name), nn.Linear)]:
        raise UsageError(f"{path} is of another model: there is no Linear layer {missing[0]!r}")
    pruner = ActivationPruner(
        {name: known[name] for name in names},
        float(about["sparsity"]),
        about["method"],
        about["scope"],
    )
    pruner.state = state
    pruner.attach()
    return pruner


def load_model(folder: str | Path) -> nn.Module:
    """The exported classifier in a folder, its activations pruned and rounded as the trial's."""
    from transformers import AutoModelForSequenceClassification

    model: nn.Module = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    complete(model, folder)
    return model


def has_more(folder: str | Path) -> bool:
    """Whether the trial did more to the model in a folder than ``from_pretrained`` gives."""
    return any((Path(folder) / name).is_file() for name in (ACTIVATIONS, GRID_FILE))


def complete(model: nn.Module, folder: str | Path) -> None:
    """Let a model from a folder prune and round its inputs, where the files there say so."""
    if (Path(folder) / ACTIVATIONS).is_file():
        attach(model, folder)
    if (Path(folder) / GRID_FILE).is_file():
        load_grid(model, folder)
