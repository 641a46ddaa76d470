"""The figures of a bench's dense model, in floats and on grids: measured once, and cached."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweep.compress.dense.make import seconds
from sweep.compress.measure import measure
from sweep.compress.prune import prunable_weights
from sweep.compress.tasks.task import majority_share
from sweep.compress.train import evaluate
from sweep.ledger.cache import fingerprint, once
from sweep.ledger.files import write_text

if TYPE_CHECKING:
    from sweep.compress.dense.bench import Workbench
    from sweep.compress.quantize import OnGrid

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
    data, recipe = bench.task.split(split), bench.recipe(0.0, 0, 0)
    score = evaluate(model, data, recipe, bench.task.pad_id)
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
