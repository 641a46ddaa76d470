"""Pruned activations of an exported model: a file beside its weights, and hooks that do as it says.

A plain model folder has no place for them: `from_pretrained` gives the weights alone. With
:func:`load_model` the inputs of its Linear layers are pruned as they were in the trial.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from sweep.compress.prune import ActivationPruner
from sweep.compress.quantize.layers import GRID_FILE, put_on_grid
from sweep.errors import UsageError

FILE = "activations.safetensors"
FORMAT = "prunesweep-activations"


def write_activations(pruner: ActivationPruner, folder: Path) -> bool:
    """Write what :func:`attach` needs; False, and no file, where none are pruned.

    The file holds thresholds (scalars) or masks (True = kept) by module name, where the method has
    any, and in its metadata ``modules``, ``sparsity``, ``method`` and ``scope``.
    """
    if not pruner.modules:
        return False
    state = {name: value.detach().cpu().contiguous() for name, value in pruner.state.items()}
    how = {"sparsity": repr(pruner.sparsity), "method": pruner.method, "scope": pruner.scope}
    about = {"format": FORMAT, "version": "1", "modules": json.dumps(list(pruner.modules)), **how}
    save_file(state, folder / FILE, metadata=about)
    return True


def attach(model: nn.Module, folder: str | Path) -> ActivationPruner:
    """Prune the activations of a model that was loaded from ``folder``; ``remove()`` ends it.

    Raises :class:`~sweep.errors.UsageError` where the folder has no such file, or one that does not
    fit the model.
    """
    path = Path(folder) / FILE
    try:
        with safe_open(path, framework="pt") as file:
            about: dict[str, Any] = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in list(file.keys())}
    except (OSError, SafetensorError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    if (about.get("format"), about.get("version")) != (FORMAT, "1"):
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
    pruner.restore(state)
    pruner.attach()
    return pruner


def load_model(folder: str | Path) -> nn.Module:
    """The exported classifier in a folder, its activations pruned and rounded as the trial's."""
    from transformers import AutoModelForSequenceClassification

    model: nn.Module = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    if (Path(folder) / FILE).is_file():
        attach(model, folder)
    if (Path(folder) / GRID_FILE).is_file():
        put_on_grid(model, folder)
    return model
