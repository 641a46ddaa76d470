"""Figures of dense models and logits of a teacher, each cached, and warnings for readers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sweep.compress.behaviour import depends_on_padding
from sweep.compress.dense.make import DenseModels, Grid
from sweep.compress.measure import dense_figures, measure
from sweep.compress.models import beside, model_key
from sweep.compress.prune.coverage import reach
from sweep.compress.prune.targets import MASKS, dropped_share, prunable_weights, read_masks
from sweep.compress.quantize.layers import grid_setting
from sweep.compress.train import all_logits, evaluate
from sweep.errors import UsageError
from sweep.ledger.files import fingerprint, once, write_text, write_whole
from sweep.ledger.metric import PrimaryMetric

FIGURES = 4
"""Version of the cached figures, increased with each new figure so that no cache file lacks it."""


def figures_file(models: DenseModels, split: str, grid: Grid = None) -> Path:
    """Return the cache file for the figures of the model on a grid."""
    task, key, config = models.task, models.grid_key(grid), models.config
    data = task.split(split)
    examples = fingerprint([split, len(data), data.labels.tolist()[:4096], task.key])
    pruning = config.pruning.model_dump(mode="json", exclude={"calibration_samples"})
    how, wanted = [pruning, config.recover.bf16], [FIGURES, list(config.task.all_metrics)]
    counted = fingerprint([*how, *wanted, examples, *([key] if key else [])])
    return models.folder / f"{split}-{counted}.json"


def figures_of(models: DenseModels, split: str, grid: Grid) -> dict[str, Any]:
    """Return the figures of the model on a grid, from the cache or newly measured."""
    file = figures_file(models, split, grid)
    once(file, lambda: write_text(file, json.dumps(_measured(models, split, grid))))
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def _measured(models: DenseModels, split: str, grid: Grid) -> dict[str, Any]:
    model, spent = models.get(grid).reset(), models.train_seconds(grid)
    score = evaluate(model, models.task, split, models.recipe)
    weights = prunable_weights(model, models.config.pruning)
    counts = {name: weight.numel() for name, weight in weights.items()}
    metrics = models.config.task.all_metrics
    found = dense_figures(score, metrics, measure(model, weights), counts, spent)
    return {**found, **reach(model, models.config.pruning)}


def chance_warnings(figures: Mapping[str, Any], name: str, split: str = "validation") -> list[str]:
    """Return a warning if the dense model's metric ``name`` is at its chance level or worse."""
    value, chance = figures[name], figures["metrics"][name]["chance"]
    metric = PrimaryMetric(name, figures["metrics"][name]["direction"])
    if chance is None or not metric.worsening(value, chance) >= 0:
        return []
    blind = "the most frequent label alone" if name == "accuracy" else "a model without input"
    return [
        f"THE DENSE MODEL IS AT CHANCE LEVEL: its {name} on {split} is {value:.4f}, that of "
        f"{blind} {chance:.4f}. Results that start from it mean nothing: check the texts, the "
        "order of the labels (task.label_names), baseline.epochs and baseline.learning_rate"
    ]


def warnings_of(models: DenseModels) -> list[str]:
    """Return the warnings that a reader of the figures needs, one sentence each."""
    config, task = models.config, models.task
    found = list(task.warnings)
    if config.baseline.epochs == 0 and task.carved:
        found.append(
            "validation is carved from the train split, and the model was finetuned before this "
            "sweep (baseline.epochs: 0): it may have seen these examples, so validation figures "
            "may be too good"
        )
    if config.baseline.epochs == 0 and not task.is_trained(models.get().model):
        found.append(
            "the model has no trained classifier head, and baseline.epochs is 0: it answers at "
            "chance level"
        )
    if depends_on_padding(models.get().reset(), task):
        found.append(
            "the logits of this model depend on padding, that is, on the longest text of a batch: "
            "figures depend on batch sizes, and differ from those of single texts"
        )
    if config.pruning.start_masks == "drop" and beside(config.model, MASKS):
        share = dropped_share(read_masks(config.model))
        found.append(
            f"the model was pruned before ({share:.1%} of the weights that have a mask), and "
            "pruning.start_masks is drop: finetuning may make a pruned weight non-zero again"
        )
    if config.baseline.quantization is None and (setting := grid_setting(config.model)):
        grid = ", ".join(f"{name}: {value}" for name, value in setting.items())
        found.append(
            "the model is quantised (its weights lie on a grid), and baseline.quantization is not "
            "set: it is used as a model in floats, and finetuning moves its weights off the grid; "
            f"to stay on the grid, set baseline.quantization={{{grid}}}"
        )
    return found


def logits_of_teacher(models: DenseModels) -> Tensor:
    """Return the teacher's logits (train examples, labels), float32, on the models' device.

    The teacher is that of ``recover.distill``, or else the dense model. Dropout is off. The logits
    are cached beside the dense model, so that one worker of a machine computes them for all trials.
    Raises :class:`~sweep.errors.UsageError` for a teacher that does not fit.
    """
    recover, train = models.config.recover, models.task.train
    teacher = recover.distill.teacher if recover.distill else None
    who = None if teacher is None else model_key(teacher)
    file = models.folder / f"teacher-{fingerprint([who, recover.bf16, models.device.type])}.npy"

    def store() -> None:
        # Loaded again, because a trial may be using the dense model's working copy.
        model = models.in_floats() if teacher is None else _loaded(teacher, models)
        found = all_logits(model, train, batch_size=recover.eval_batch_size, bf16=recover.bf16)
        if not np.isfinite(found).all():
            name = "the dense model" if teacher is None else repr(teacher)
            raise UsageError(f"recover.distill.teacher: the logits of {name} are not finite")
        write_whole(file, lambda part: np.save(part, found))

    return torch.from_numpy(np.load(once(file, store))).to(models.device)


def _loaded(name: str, models: DenseModels) -> nn.Module:
    model = models.task.open(name, setting="recover.distill.teacher")
    if not models.task.is_trained(model):
        raise UsageError(f"recover.distill.teacher {name!r} has no trained head")
    if not models.task.same_inputs(name):
        raise UsageError(
            f"recover.distill.teacher {name!r} has another tokenizer than {models.config.model!r}; "
            "allowed: a model of the same tokenizer"
        )
    return model.to(models.device)
