"""The figures of a bench's dense model, in floats and on grids: measured once, and cached."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweep.compress.dense.make import seconds
from sweep.compress.measure import measure
from sweep.compress.models import has_head
from sweep.compress.prune import prunable_weights
from sweep.compress.quantize.layers import grid_setting
from sweep.compress.start_masks import has_masks, read_masks, share
from sweep.compress.tasks.task import majority_share
from sweep.compress.train import evaluate
from sweep.ledger.cache import fingerprint, once
from sweep.ledger.files import write_text

if TYPE_CHECKING:
    from sweep.compress.dense.bench import Workbench
    from sweep.compress.quantize import OnGrid
    from sweep.config import SweepConfig


FIGURES = 2
"""Of the baseline's figures: raised with each new one, so that no cached file lacks any."""


def figures(bench: Workbench, split: str) -> dict[str, Any]:
    """Those of the baseline: see :meth:`sweep.compress.dense.bench.Workbench.baseline`."""
    grid = bench.grids.named(None)
    found = _cached(bench, split, grid)
    if grid is None:
        return found
    named = {"dense": None, "ptq": grid.untrained} | ({"qat": grid} if grid.epochs else {})
    steps = {name: _cached(bench, split, step) for name, step in named.items()}
    sizes = {f"dense_{name}": steps["dense"][name] for name in ("size_bytes", "nonzero_params")}
    accuracies = {f"{name}_accuracy": each["accuracy"] for name, each in steps.items()}
    return {**found, **sizes, **accuracies}


def figures_file(bench: Workbench, split: str, grid: OnGrid | None = None) -> Path:
    """Where those of the model on a grid (None: in floats) are cached."""
    data, config = bench.task.split(split), bench.config
    examples = fingerprint([split, len(data), data.labels.tolist()[:4096], bench.task.key])
    chosen = config.pruning.model_dump(mode="json", exclude={"calibration_samples"})
    how = [chosen, config.recover.bf16]
    wanted = [FIGURES, sorted(config.task.metrics)]
    on_grid = [bench.grids.key(grid)] if grid else []
    counted = fingerprint([*how, *wanted, examples, *on_grid])
    return bench.folder / f"{split}-{counted}.json"


def _cached(bench: Workbench, split: str, grid: OnGrid | None) -> dict[str, Any]:
    file = figures_file(bench, split, grid)

    def store() -> None:
        measured = _measured(bench, split, grid)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, json.dumps(measured))

    found: dict[str, Any] = json.loads(once(file, store).read_text())
    return found


def _measured(bench: Workbench, split: str, grid: OnGrid | None) -> dict[str, Any]:
    model = bench.grids.dense(grid).reset()
    data, recover = bench.task.split(split), bench.config.recover
    score = evaluate(
        model,
        data,
        batch_size=recover.eval_batch_size,
        bf16=recover.bf16,
        pad_id=bench.task.pad_id,
    )
    weights = prunable_weights(model, bench.targets)
    size = measure(model, weights, grid is not None).__dict__
    spent = _train_seconds(bench, grid)
    return {
        **score.figures(bench.config.task.metrics),
        **{name: value for name, value in size.items() if value is not None},
        "prunable_weights": [[name, weight.numel()] for name, weight in weights.items()],
        "majority_accuracy": majority_share(data),
        "train_seconds": spent,
        "eval_seconds": score.seconds,
        "seconds": spent + score.seconds,
    }


def _train_seconds(bench: Workbench, grid: OnGrid | None) -> float:
    folders = [bench.folder / "model"]
    folders += [bench.grids.folder(grid)] if grid and grid.epochs else []
    return sum(map(seconds, folders))


# What a reader of a sweep's figures must know of the model that it starts from.

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


def caveats(bench: Workbench) -> list[str]:
    """A sentence each."""
    config = bench.config
    if config.baseline.epochs > 0:
        return _of_before(config)
    untrained = not has_head(bench.dense.model.config)
    return [SEEN] * bench.task.carved + [UNTRAINED] * untrained + _of_before(config)


def _of_before(config: SweepConfig) -> list[str]:
    """What an exported model brings along, and the config does not ask for."""
    return _regrow(config) + _off_grid(config)


def _regrow(config: SweepConfig) -> list[str]:
    if config.pruning.start_masks == "keep" or not has_masks(config.model):
        return []
    return [REGROW.format(share=share(read_masks(config.model)))]


def _off_grid(config: SweepConfig) -> list[str]:
    setting = grid_setting(config.model) if config.baseline.quantization is None else None
    if setting is None:
        return []
    return [OFF_GRID.format(setting=", ".join(f"{k}: {v}" for k, v in setting.items()))]
