"""The figures of dense models, measured once and cached, and the warnings that belong to them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweep.compress.dense.make import DenseModels
from sweep.compress.measure import measure
from sweep.compress.prune import Targets, prunable_weights
from sweep.compress.prune.targets import dropped_share, has_masks, read_masks
from sweep.compress.quantize import OnGrid
from sweep.compress.quantize.layers import grid_setting
from sweep.compress.train import evaluate
from sweep.ledger.files import fingerprint, once, write_text
from sweep.registry import METRICS

FIGURES = 3
"""Version of the cached figures, increased with each new figure so that no cache file lacks it."""


@dataclass(frozen=True)
class Figures:
    """Measures dense models on the splits of their task, and caches the figures beside them.

    ``pruning`` holds the settings from which ``targets``, the weights to count, were made.
    """

    models: DenseModels
    targets: Targets
    pruning: Mapping[str, Any]
    metrics: Sequence[str]
    batch_size: int
    bf16: str | bool

    def file(self, split: str, grid: OnGrid | None = None) -> Path:
        """Return the cache file for the figures of the model on a grid."""
        task, key = self.models.task, self.models.grid_key(grid)
        data = task.split(split)
        examples = fingerprint([split, len(data), data.labels.tolist()[:4096], task.key])
        how = [dict(self.pruning), self.bf16]
        wanted = [FIGURES, list(self.metrics)]
        counted = fingerprint([*how, *wanted, examples, *([key] if key else [])])
        return self.models.folder / f"{split}-{counted}.json"

    def of(self, split: str, grid: OnGrid | None = None) -> dict[str, Any]:
        """Return the figures of the model on a grid, from the cache or newly measured."""
        file = self.file(split, grid)
        once(file, lambda: write_text(file, json.dumps(self._measured(split, grid))))
        found: dict[str, Any] = json.loads(file.read_text())
        return found

    def _measured(self, split: str, grid: OnGrid | None) -> dict[str, Any]:
        dense, task = self.models.get(grid), self.models.task
        model, data, spent = dense.reset(), task.split(split), self.models.train_seconds(grid)
        score = evaluate(
            model,
            data,
            batch_size=self.batch_size,
            bf16=self.bf16,
            loss=task.loss,
            answers=task.answers,
        )
        weights = prunable_weights(model, self.targets)
        size = measure(model, weights).__dict__
        return {
            **score.figures(self.metrics),
            **{name: value for name, value in size.items() if value is not None},
            "prunable_weights": [[name, weight.numel()] for name, weight in weights.items()],
            "metrics": {name: METRICS[name].facts(score.labels) for name in self.metrics},
            "train_seconds": spent,
            "eval_seconds": score.seconds,
            "seconds": spent + score.seconds,
        }


def step_figures(steps: Mapping[str, Mapping[str, Any]], metric: str) -> dict[str, Any]:
    """Return the ``metric`` of each quantisation step, and the size of the step ``dense``.

    ``steps`` maps a step's name to the figures of its model; ``dense`` is the model in floats.
    """
    sizes = {f"dense_{name}": steps["dense"][name] for name in ("size_bytes", "nonzero_params")}
    return {**sizes, **{f"{name}_{metric}": each[metric] for name, each in steps.items()}}


SEEN = (
    "validation is carved from the train split, and the model was finetuned before this sweep "
    "(baseline.epochs: 0): it may have seen these examples, so validation figures may be too good"
)
UNTRAINED = (
    "the model has no trained classifier head, and baseline.epochs is 0: it answers at chance level"
)
REGROW = (
    "the model was pruned before ({share:.1%} of the weights that have a mask), and "
    "pruning.start_masks is drop: finetuning may make a pruned weight non-zero again"
)
OFF_GRID = (
    "the model is quantised (its weights lie on a grid), and baseline.quantization is not set: it "
    "is used as a model in floats, and finetuning moves its weights off the grid; to stay on the "
    "grid, set baseline.quantization={{{setting}}}"
)


def regrowth_warnings(model: str | None) -> list[str]:
    """Warn about an exported model whose masks are not kept."""
    return [REGROW.format(share=dropped_share(read_masks(model)))] if has_masks(model) else []


def off_grid_warnings(model: str | None) -> list[str]:
    """Warn about an exported model on a grid in a sweep without one."""
    setting = grid_setting(model)
    if setting is None:
        return []
    return [OFF_GRID.format(setting=", ".join(f"{k}: {v}" for k, v in setting.items()))]
