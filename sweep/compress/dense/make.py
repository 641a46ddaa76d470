"""How a dense model comes to be: what it starts from, how it is finetuned, what that depends on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from sweep.compress.dense.ship import NOTE
from sweep.compress.models import (
    check_labels,
    check_positions,
    fresh_bert,
    load_classifier,
    names_labels,
    set_dropout,
)
from sweep.compress.prune.fit import fitted, pairs
from sweep.compress.start_masks import read_masks
from sweep.compress.train import Recipe, finetune_epoch, make_optimizer
from sweep.ledger.cache import fingerprint, tree_digest
from sweep.ledger.files import new_folder

if TYPE_CHECKING:
    from sweep.compress.dense.bench import Workbench
    from sweep.compress.tasks import Task
    from sweep.config import SweepConfig


def starting_model(config: SweepConfig, task: Task) -> nn.Module:
    """The config's model, with a fresh head where it has none; without one, a fresh BERT.

    Raises :class:`~sweep.errors.UsageError` where it does not fit the task.
    """
    if config.model is None:
        return fresh_bert(task, config.task.max_length, config.baseline.seed)
    model = load_classifier(config.model, task, config.baseline.seed)
    check_positions(model, config.model, config.task.max_length)
    _check_names(model, config, task)
    return model


def finetuned_model(folder: Path, config: SweepConfig, task: Task) -> nn.Module:
    """What :func:`finetune` saved of the config's model.

    Raises :class:`~sweep.errors.UsageError` where it does not fit the task.
    """
    model = load_classifier(str(folder), task)
    _check_names(model, config, task)  # a version before the check may have finetuned it
    return model


def _check_names(model: nn.Module, config: SweepConfig, task: Task) -> None:
    """Labels in another order than the head's make figures, or the names in an export, wrong."""
    if names_labels(model):
        check_labels(model, f"model {config.model!r}", task.label_names)


def baseline_recipe(config: SweepConfig) -> Recipe:
    """How the dense model is finetuned."""
    own = config.baseline.model_dump(mode="json", exclude={"quantization"})
    usual = config.recover.model_dump(mode="json", exclude={"distill"})
    return Recipe(**usual | own)


def finetune(bench: Workbench, model: nn.Module, recipe: Recipe, folder: Path) -> None:
    """Finetune, and save into a new folder; masks of before are held where that is asked."""
    config = bench.config
    set_dropout(model, recipe.dropout)
    optimizer = make_optimizer(model, recipe)
    keep = config.pruning.start_masks == "keep"
    held = pairs(model, fitted(read_masks(config.model), model)) if keep else []
    spent = 0.0
    for epoch in range(recipe.epochs):
        spent += finetune_epoch(
            model,
            optimizer,
            bench.task.train,
            recipe,
            epoch=epoch,
            held=held,
            pad_id=bench.task.pad_id,
        )
    with new_folder(folder) as scratch:
        model.save_pretrained(scratch)  # type: ignore[operator]
        (scratch / NOTE).write_text(json.dumps({"train_seconds": spent}))


def seconds(folder: Path) -> float:
    """How long a model was finetuned that :func:`finetune` saved there; 0 where none is."""
    note = folder / NOTE
    return float(json.loads(note.read_text())["train_seconds"]) if note.exists() else 0.0


def key(config: SweepConfig, task: Task) -> str:
    """What the weights of the dense model in floats, and its figures, depend on."""
    model: Any = config.model
    if model is not None and Path(model).is_dir():
        model = tree_digest(model)
    data = [task.key, config.task.model_dump(mode="json", exclude={"dataset", "metrics"})]
    fresh = {"seed": config.baseline.seed}  # of weights that no training follows
    trained = baseline_recipe(config).__dict__ if config.baseline.epochs else fresh
    kept = ["keep"] if config.pruning.start_masks == "keep" else []
    return fingerprint([model, data, trained, config.task.max_length, *kept])
