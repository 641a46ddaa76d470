"""Time of one finetuning epoch with masks, relative to a bare PyTorch loop without masks.

Ours is `sweep.compress.train.finetune_epoch` with the masks of a model pruned by 80 %. The bare
loop uses the same start weights, the same batches in the same order as ready tensors, and the same
fused AdamW and clipping, without masks, schedule or check of the loss. The two take turns, and the
ratio is the median over turns. Last line: `step_ratio=1.xx`, ours / bare.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sweep.compress.dense.bench import Workbench
from sweep.compress.prune.masks import apply_masks, make_masks, pairs
from sweep.compress.prune.targets import prunable_weights
from sweep.compress.tasks import Task
from sweep.compress.train import Distillation, Recipe, finetune_epoch, make_optimizer, to_device
from sweep.config import SweepConfig
from sweep.config.load import load_config
from sweep.config.sections import PruningConfig
from sweep.space.params import Params

SPARSITY = 0.8
Batches = list[dict[str, Tensor]]


def bare_epoch(
    model: nn.Module, optimizer: torch.optim.Optimizer, batches: Batches, clip_norm: float
) -> float:
    """Train one epoch with a plain loop; return its wall seconds."""
    started = time.perf_counter()
    model.train()
    for batch in batches:
        loss = model(**batch).loss
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
        optimizer.step()
    return time.perf_counter() - started


class Rivals:
    """A model and an order of batches that both loops share."""

    def __init__(self, model: nn.Module, task: Task, recipe: Recipe) -> None:
        self.model, self.task, self.recipe = model, task, recipe
        weights = prunable_weights(model, PruningConfig())
        masks = make_masks(weights, Params(SPARSITY), torch.Generator())
        apply_masks(weights, masks)
        self.held = pairs(model, masks)
        self.start = {name: value.clone() for name, value in model.state_dict().items()}
        split = task.train
        order = split.shuffled(recipe.batch_size, np.random.default_rng([recipe.seed, 0]))
        device = next(model.parameters()).device
        self.batches = [to_device(split.batch(chosen), device) for chosen in order]

    def masked(self, distillation: Distillation | None = None) -> float:
        """Train our epoch from the start weights."""
        optimizer = self.again()
        return finetune_epoch(
            self.model,
            optimizer,
            self.task,
            self.recipe,
            epoch=0,
            held=self.held,
            distillation=distillation,
        )

    def bare(self) -> float:
        """Train an epoch of the bare loop from the start weights."""
        return bare_epoch(self.model, self.again(), self.batches, self.recipe.clip_norm)

    def again(self) -> torch.optim.Optimizer:
        """Restore the start weights and return a new optimizer."""
        self.model.load_state_dict(self.start)
        torch.manual_seed(0)
        return make_optimizer(self.model, self.recipe)


def rivals(given: argparse.Namespace) -> Rivals:
    """Return the digits with a new small BERT, or a real model with a file of texts."""
    if (given.model is None) != (given.train is None):
        raise SystemExit("--model and --train go together")
    bench = Workbench(_config(given), "cpu")
    task, model = bench.task, bench.config.model
    net = task.fresh(0) if model is None else task.load(model)
    recipe = Recipe(learning_rate=1e-4, epochs=1, seed=0, batch_size=given.batch_size)
    return Rivals(net, task, recipe)


def _config(given: argparse.Namespace) -> SweepConfig:
    if given.model is None:
        return load_config("digits")
    settings: dict[str, Any] = {
        "model": given.model,
        "task.dataset.train": given.train,
        "task.train_samples": given.samples,
        "task.max_length": given.max_length,
        "task.text": given.text,
        "task.label": given.label,
        "baseline.epochs": 0,
    }
    return load_config("sst2", [f"{name}={value}" for name, value in settings.items()])


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options for model, data and repeats."""
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--model", help="a folder with a classifier (default: a new small BERT)")
    parser.add_argument("--train", help="parquet, csv or jsonl file for it (default: the digits)")
    parser.add_argument("--samples", type=int, default=500, help="examples of that file")
    parser.add_argument("--max-length", type=int, default=128)
    parser.add_argument("--text", default="auto", help="its text column")
    parser.add_argument("--label", default="label", help="its label column")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments(parser)
    given = parser.parse_args()
    if (given.model is None) != (given.train is None):
        parser.error("--model and --train go together")
    torch.set_num_threads(given.threads)
    pair = rivals(given)
    pair.bare(), pair.masked()  # warm up
    ratios = []
    for turn in range(given.repeats):
        first, second = (pair.masked, pair.bare) if turn % 2 else (pair.bare, pair.masked)
        seconds = {first.__name__: first(), second.__name__: second()}
        ratios.append(seconds["masked"] / seconds["bare"])
        print(
            f"{len(pair.batches)} steps: bare {seconds['bare']:.3f} s, masked "
            f"{seconds['masked']:.3f} s, ratio {ratios[-1]:.3f}",
            flush=True,
        )
    print(f"step_ratio={statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
