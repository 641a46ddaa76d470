"""The figures of dense models: measured once, and cached; what a reader of them must know."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweep.compress.dense.make import DenseModels
from sweep.compress.measure import measure
from sweep.compress.prune import Targets, prunable_weights
from sweep.compress.prune.targets import has_masks, read_masks, share
from sweep.compress.quantize import OnGrid
from sweep.compress.quantize.layers import grid_setting
from sweep.compress.tasks.task import majority_share
from sweep.compress.train import evaluate
from sweep.ledger.files import fingerprint, once, write_text

FIGURES = 2
"""Of the baseline's figures: raised with each new one, so that no cached file lacks any."""


@dataclass(frozen=True)
class Figures:
    """Measures dense models on their task's splits, and caches what it finds beside them.

    ``pruning`` are the settings that say which weights are counted, ``targets`` is made of them.
    """

    models: DenseModels
    targets: Targets
    pruning: Mapping[str, Any]
    metrics: Sequence[str]
    batch_size: int
    bf16: str | bool

    def file(self, split: str, grid: OnGrid | None = None) -> Path:
        """Where the figures of the model on a grid are cached."""
        task, key = self.models.task, self.models.grid_key(grid)
        data = task.split(split)
        examples = fingerprint([split, len(data), data.labels.tolist()[:4096], task.key])
        how = [dict(self.pruning), self.bf16]
        wanted = [FIGURES, sorted(self.metrics)]
        counted = fingerprint([*how, *wanted, examples, *([key] if key else [])])
        return self.models.folder / f"{split}-{counted}.json"

    def of(self, split: str, grid: OnGrid | None = None) -> dict[str, Any]:
        """The figures of the model on a grid, from the cache or measured."""
        file = self.file(split, grid)
        once(file, lambda: write_text(file, json.dumps(self._measured(split, grid))))
        found: dict[str, Any] = json.loads(file.read_text())
        return found

    def _measured(self, split: str, grid: OnGrid | None) -> dict[str, Any]:
        dense, task = self.models.get(grid), self.models.task
        model, data, spent = dense.reset(), task.split(split), self.models.train_seconds(grid)
        score = evaluate(
            model, data, batch_size=self.batch_size, bf16=self.bf16, pad_id=task.pad_id
        )
        weights = prunable_weights(model, self.targets)
        size = measure(model, weights).__dict__
        return {
            **score.figures(self.metrics),
            **{name: value for name, value in size.items() if value is not None},
            "prunable_weights": [[name, weight.numel()] for name, weight in weights.items()],
            "majority_accuracy": majority_share(data),
            "train_seconds": spent,
            "eval_seconds": score.seconds,
            "seconds": spent + score.seconds,
        }


def of_steps(steps: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What the figures of a model on a grid say of the steps to there, by name.

    ``dense`` is one of them: the model in floats, whose sizes are said too.
    """
    sizes = {f"dense_{name}": steps["dense"][name] for name in ("size_bytes", "nonzero_params")}
    accuracies = {f"{name}_accuracy": each["accuracy"] for name, each in steps.items()}
    return {**sizes, **accuracies}


SEEN = (
    "validation is carved from the train split, and the model was finetuned before this sweep "
    "(baseline.epochs: 0): it may have seen these examples, so validation figures flatter it"
)
UNTRAINED = (
    "the model has no trained classifier head, and baseline.epochs is 0: its answers are chance"
)
REGROW = (
    "the model was pruned before ({share:.1%} of the weights that have a mask), and "
    "pruning.start_masks is drop: where a trial keeps such a weight, finetuning may let it grow"
)
OFF_GRID = (
    "the model is quantised (its weights lie on a grid), and baseline.quantization is not set: it "
    "is taken for a model in floats, and finetuning lets its weights off the grid; to go on there, "
    "set baseline.quantization={{{setting}}}"
)


def regrow(model: str | None) -> list[str]:
    """The sentence on masks that an exported model brings along, and that are not kept."""
    return [REGROW.format(share=share(read_masks(model)))] if has_masks(model) else []


def off_grid(model: str | None) -> list[str]:
    """The sentence on a grid that an exported model is on, and a sweep is not."""
    setting = grid_setting(model)
    if setting is None:
        return []
    return [OFF_GRID.format(setting=", ".join(f"{k}: {v}" for k, v in setting.items()))]
