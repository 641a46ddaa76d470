"""THE LOOP of MASE's tutorial 4: prune, evaluate, then finetune and evaluate epoch by epoch."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from sweep.measure import measure, zeros_of
from sweep.model import set_dropout
from sweep.params import Params
from sweep.pruning import ActivationPruner, Masks, Targets, make_masks
from sweep.pruning.start import pairs
from sweep.pruning.targets import prunable_modules, prunable_weights
from sweep.record import Record
from sweep.score import Score
from sweep.tasks import Task
from sweep.training import (
    Recipe,
    evaluate,
    finetune_epoch,
    logits_of,
    make_optimizer,
    to_device,
)

if TYPE_CHECKING:
    from sweep.baseline import Workbench
    from sweep.dense import Dense

CALIBRATION_EXAMPLES = 64


class Trial:
    """One prune-and-recover trial: a generator of records.

    >>> # records = list(Trial(Params(sparsity=0.7), bench, seed=0).run())

    ``recipe.epochs`` and ``recipe.learning_rate`` come from ``params``; masks, order of batches
    and dropout all from ``seed``. What the masks ``start`` drop (by module name, of any module)
    stays dropped. The trial works in ``dense.model``: one trial at a time on it. Where that is on a
    grid, it answers from there; scored, pruned, trained and saved are the floats behind the grid,
    as they are now (of two weights the smaller one is not the larger one after rounding, to a grid
    of one scale: magnitudes in floats order those on the grid, and break their many ties).
    """

    def __init__(
        self,
        params: Params,
        dense: Dense,
        task: Task,
        recipe: Recipe,
        *,
        targets: Targets | None = None,
        start: Mapping[str, Tensor] | None = None,
        split: str = "validation",
        baseline_accuracy: float = float("nan"),
        metrics: Sequence[str] = (),
    ) -> None:
        self.params, self.task, self.split = params, task, split
        self.metrics = metrics
        self.recipe = replace(
            recipe, epochs=params.finetune_epochs, learning_rate=params.learning_rate
        )
        self.baseline_accuracy = baseline_accuracy
        self.model, self.on_grid = dense.reset(), dense.scheme is not None
        set_dropout(self.model, recipe.dropout)
        targets = targets or Targets()
        self.weights = prunable_weights(self.model, targets)
        self.start = dict(start or {})
        others = {name: mask for name, mask in self.start.items() if name not in self.weights}
        self.fixed = pairs(self.model, others)
        self.activations = ActivationPruner(
            prunable_modules(self.model, targets),
            params.activation_sparsity,
            params.activation_method,
            params.activation_scope,
        )
        self.optimizer = make_optimizer(self.model, self.recipe)
        self.masks = Masks({})
        self.epoch = -1  # nothing is pruned yet
        self.seconds = 0.0

    @classmethod
    def on(cls, bench: Workbench, params: Params, seed: int, split: str = "validation") -> Trial:
        """A trial of ``params`` on what a worker keeps warm."""
        return cls(
            params,
            bench.grids.dense(bench.grids.named(params.quantization)),
            bench.task,
            bench.recipe(params.learning_rate, params.finetune_epochs, seed),
            targets=bench.targets,
            start=bench.start_masks,
            split=split,
            baseline_accuracy=bench.baseline(split)["accuracy"],
            metrics=bench.config.task.metrics,
        )

    def run(self, epochs: int | None = None) -> Iterator[Record]:
        """Yield a record after pruning and after every finetune epoch.

        ``epochs`` bounds how many further epochs are trained (default: all that are left).
        """
        last = self.params.finetune_epochs
        if epochs is not None:
            last = min(last, max(self.epoch, 0) + epochs)
        if self.epoch < 0:
            self.prune()
            yield self.record("pruned")
        while self.epoch < last:
            seconds = self.finetune()
            yield self.record("recovered", seconds)

    def prune(self) -> None:
        """Choose masks for the weights as they are now, zero them; set up activations likewise."""
        started = time.perf_counter()
        params, generator = self.params, torch.Generator().manual_seed(self.recipe.seed)
        self.masks = make_masks(
            self.weights, params.sparsity, params.method, params.scope, generator, self.start
        )
        self.masks.apply(self.weights)
        self.activations.draw(generator)
        if self.activations.needs_calibration:
            self._calibrate()
        self.activations.attach()
        self.epoch = 0
        self.seconds += time.perf_counter() - started

    def finetune(self) -> float:
        """Train one epoch; pruned weights stay exactly zero. Returns its wall seconds."""
        seconds = finetune_epoch(
            self.model,
            self.optimizer,
            self.task.train,
            self.recipe,
            epoch=self.epoch,
            held=[*self.masks.bind(self.weights), *self.fixed],
            pad_id=self.task.pad_id,
        )
        self.epoch += 1
        self.seconds += seconds
        return seconds

    def record(self, stage: str, train_seconds: float = 0.0) -> Record:
        """Evaluate the model as it is now, on the trial's split."""
        score = self.score(self.split)
        size = measure(self.model, self.weights, self.on_grid)
        return Record(
            stage=stage,
            epoch=self.epoch,
            partial=self.recipe.lr_schedule != "constant" and self.epoch < self.recipe.epochs,
            **score.figures(self.metrics),
            **asdict(size),
            zeros_per_weight=zeros_of(self.weights) if self.epoch == 0 else None,
            baseline_accuracy=self.baseline_accuracy,
            accuracy_drop=self.baseline_accuracy - score.accuracy,
            seconds=self.seconds,
            train_seconds=train_seconds,
            eval_seconds=score.seconds,
        )

    def score(self, split: str) -> Score:
        """Let the model as it is now answer a split."""
        score = evaluate(self.model, self.task.split(split), self.recipe, self.task.pad_id)
        self.seconds += score.seconds
        return score

    def state_dict(self) -> dict[str, Any]:
        """All that :meth:`load_state_dict` needs to go on bit for bit, as a copy on the CPU.

        A copy, because the model is shared: the next trial on it puts the dense weights back.
        """
        moments = self.optimizer.state_dict()["state"]
        return {
            "epoch": self.epoch,
            "seconds": self.seconds,
            "model": _copied(self.model.state_dict()),
            "masks": _copied(self.masks.masks),
            "activations": _copied(self.activations.state),
            "optimizer": {index: _copied(part) for index, part in moments.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`state_dict` gave; arrays, as a checkpoint has them, do as well."""
        self.epoch, self.seconds = state["epoch"], state["seconds"]
        self.model.load_state_dict(_copied(state["model"]))
        device = next(self.model.parameters()).device
        masks = _copied(state["masks"])
        self.masks = Masks({name: mask.to(device) for name, mask in masks.items()})
        self.activations.restore(_copied(state["activations"]))
        self.activations.attach()
        groups = self.optimizer.state_dict()["param_groups"]
        moments = {index: _copied(part) for index, part in state["optimizer"].items()}
        self.optimizer.load_state_dict({"state": moments, "param_groups": groups})

    def _calibrate(self) -> None:
        """One forward pass over a few train examples sets the thresholds of the activations."""
        train = self.task.train
        rng = np.random.default_rng([self.recipe.seed, 1])
        chosen = rng.permutation(len(train))[:CALIBRATION_EXAMPLES]
        device = next(self.model.parameters()).device
        batch = to_device(train.padded(chosen, self.task.pad_id), device)
        self.model.eval()
        self.activations.calibrate(
            lambda: logits_of(self.model, batch, self.recipe), batch["attention_mask"].bool()
        )


def _copied(tensors: Mapping[str, Any]) -> dict[str, Tensor]:
    """Tensors or arrays as tensors of their own on the CPU."""
    return {name: torch.as_tensor(v).detach().to("cpu", copy=True) for name, v in tensors.items()}
