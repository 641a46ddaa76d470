"""THE LOOP of MASE's tutorial 4: prune, evaluate, then finetune and evaluate epoch by epoch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sweep.compress.dense.working import Dense
from sweep.compress.measure import Score, measure, zeros_of
from sweep.compress.models import set_dropout
from sweep.compress.prune import CRITERIA, ActivationPruner, Masks, Targets, make_masks
from sweep.compress.prune.masks import forget, pairs
from sweep.compress.prune.statistics import MOVEMENT, Movement
from sweep.compress.prune.targets import prunable_modules, prunable_weights
from sweep.compress.ramp import check_ramp, due
from sweep.compress.tasks import Task
from sweep.compress.train import (
    Distillation,
    Recipe,
    evaluate,
    finetune_epoch,
    logits_of,
    make_optimizer,
    to_device,
)
from sweep.ledger.record import Record
from sweep.space.params import Params

CALIBRATION_EXAMPLES = 64


class Trial:
    """One prune-and-recover trial: a generator of records.

    >>> # records = list(bench.trial(Params(sparsity=0.7), seed=0).run())

    ``recipe`` has the epochs and the learning rate of ``params``; masks, order of batches and
    dropout are all drawn from its seed. What the masks ``start`` drop (by module name, of any
    module) stays dropped; ``statistics`` is what the method needs
    (`sweep.compress.prune.statistics`).
    ``distillation`` gives what ``params`` ask for, once it is trained. The trial works in
    ``dense.model``: one trial at a time on it. Where that is on a grid, it answers from there;
    scored, pruned, trained and saved are the floats behind the grid, as they are now (of two
    weights the smaller one is not the larger one after rounding, to a grid of one scale: magnitudes
    in floats order those on the grid, and break their many ties). Raises
    :class:`~sweep.errors.UsageError` for a ramp that cannot be (`sweep.compress.ramp.check_ramp`).
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
        statistics: Mapping[str, Tensor] | None = None,
        distillation: Callable[[], Distillation | None] = lambda: None,
        split: str = "validation",
        baseline_accuracy: float = float("nan"),
        metrics: Sequence[str] = (),
    ) -> None:
        check_ramp(params)
        self.params, self.task, self.split = params, task, split
        self.recipe, self.metrics, self.distillation = recipe, metrics, distillation
        self.baseline_accuracy = baseline_accuracy
        self.model, self.on_grid = dense.reset(), dense.scheme is not None
        set_dropout(self.model, recipe.dropout)
        targets = targets or Targets()
        self.weights = prunable_weights(self.model, targets)
        moving = CRITERIA[params.method].needs == MOVEMENT
        self.movement = Movement(self.weights if moving else {})
        self.start = dict(start or {})
        self.statistics = {**(statistics or {}), **self.movement.scores}
        others = {name: mask for name, mask in self.start.items() if name not in self.weights}
        self.fixed = pairs(self.model, others)
        self.activations = ActivationPruner(
            prunable_modules(self.model, targets),
            params.activation_sparsity,
            params.activation_method,
            params.activation_scope,
        )
        dense.undo.append(self.activations.remove)
        self.optimizer = make_optimizer(self.model, self.recipe)
        self.masks = Masks({})
        self.epoch = -1  # nothing is pruned yet
        self.seconds = 0.0

    def run(self) -> Iterator[Record]:
        """Yield a record after pruning and after every finetune epoch, from where it stands."""
        if self.epoch < 0:
            self.prune()
            yield self.record("pruned")
        while self.epoch < self.params.finetune_epochs:
            seconds = self.finetune()
            yield self.record("recovered", seconds)

    def prune(self) -> None:
        """Choose masks for the weights as they are now, zero what they drop (and let the rest make
        up for it, if the method does that); set up activations likewise.

        With a ramp this is its first step.
        """
        started = time.perf_counter()
        generator = torch.Generator().manual_seed(self.recipe.seed)
        self._prune_to(due(self.params, 0), generator)
        self.activations.draw(generator)
        if self.activations.needs_calibration:
            self._calibrate()
        self.activations.attach()
        self.epoch = 0
        self.seconds += time.perf_counter() - started

    def _prune_to(self, sparsity: float, generator: torch.Generator) -> None:
        """Choose and zero so many weights, those first that are pruned already."""
        params, start = self.params, self.masks.masks or self.start
        self.masks = make_masks(
            self.weights,
            sparsity,
            params.method,
            params.scope,
            generator,
            start,
            statistics=self.statistics,
            normalise=params.normalise,
            granularity=params.granularity,
            layer_profile=params.layer_profile,
        )
        self.masks.reconstruct(self.weights, params.method, self.statistics)
        self.masks.apply(self.weights)

    def finetune(self) -> float:
        """Train one epoch; pruned weights stay exactly zero. Returns its wall seconds.

        Within a ramp its next step follows, for the weights as they are then.
        """
        ramping = self.epoch < self.params.ramp_epochs
        with self.movement.recorded() if ramping else nullcontext():
            seconds = finetune_epoch(
                self.model,
                self.optimizer,
                self.task.train,
                self.recipe,
                epoch=self.epoch,
                held=[*self.masks.bind(self.weights), *self.fixed],
                pad_id=self.task.pad_id,
                distillation=self.distillation(),
            )
        self.epoch += 1
        self.seconds += seconds
        if self.epoch <= self.params.ramp_epochs:
            self._ramp_up()
        return seconds

    def _ramp_up(self) -> None:
        """A later step of the ramp; what it draws depends on (seed, epoch) alone."""
        started = time.perf_counter()
        path = np.random.SeedSequence([self.recipe.seed, 2, self.epoch])
        generator = torch.Generator().manual_seed(int(path.generate_state(1)[0]))
        self._prune_to(due(self.params, self.epoch), generator)
        forget(self.optimizer, self.masks.bind(self.weights))
        self.seconds += time.perf_counter() - started

    def record(self, stage: str, train_seconds: float = 0.0) -> Record:
        """Evaluate the model as it is now, on the trial's split."""
        score = self.score(self.split)
        size = measure(self.model, self.weights, self.on_grid)
        ramping = self.epoch < self.params.ramp_epochs
        bound = self.recipe.lr_schedule != "constant" and self.epoch < self.recipe.epochs
        new_masks = self.epoch <= self.params.ramp_epochs
        return Record(
            stage=stage,
            epoch=self.epoch,
            partial=ramping or bound,
            **score.figures(self.metrics),
            **asdict(size),
            zeros_per_weight=zeros_of(self.weights) if new_masks else None,
            baseline_accuracy=self.baseline_accuracy,
            accuracy_drop=self.baseline_accuracy - score.accuracy,
            seconds=self.seconds,
            train_seconds=train_seconds,
            eval_seconds=score.seconds,
        )

    def score(self, split: str) -> Score:
        """Let the model as it is now answer a split."""
        score = evaluate(
            self.model,
            self.task.split(split),
            batch_size=self.recipe.eval_batch_size,
            bf16=self.recipe.bf16,
            pad_id=self.task.pad_id,
        )
        self.seconds += score.seconds
        return score

    def state_dict(self) -> dict[str, Any]:
        """All that :meth:`load_state_dict` needs to go on bit for bit, as a copy on the CPU.

        A copy, because the model is shared: the next trial on it puts the dense weights back.
        """
        moments = self.optimizer.state_dict()["state"]
        ramping = self.epoch < self.params.ramp_epochs
        return {
            "epoch": self.epoch,
            "seconds": self.seconds,
            "model": _copied(self.model.state_dict()),
            "masks": _copied(self.masks.masks),
            "activations": _copied(self.activations.state),
            "optimizer": {index: _copied(part) for index, part in moments.items()},
            "movement": _copied(self.movement.scores) if ramping else {},
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
        self.movement.load(_copied(state.get("movement", {})))

    def _calibrate(self) -> None:
        """One forward pass over a few train examples sets the thresholds of the activations."""
        train = self.task.train
        rng = np.random.default_rng([self.recipe.seed, 1])
        chosen = rng.permutation(len(train))[:CALIBRATION_EXAMPLES]
        device = next(self.model.parameters()).device
        batch = to_device(train.padded(chosen, self.task.pad_id), device)
        self.model.eval()
        self.activations.calibrate(
            lambda: logits_of(self.model, batch, self.recipe.bf16), batch["attention_mask"].bool()
        )


def _copied(tensors: Mapping[str, Any]) -> dict[str, Tensor]:
    """Tensors or arrays as tensors of their own on the CPU."""
    return {name: torch.as_tensor(v).detach().to("cpu", copy=True) for name, v in tensors.items()}
