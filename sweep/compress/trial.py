"""A trial of a model: prunes, finetunes and evaluates the working copy of a dense model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sweep.compress.dense.make import Dense
from sweep.compress.dropout import set_dropout
from sweep.compress.loop import Trial
from sweep.compress.measure import Score, Size, measure
from sweep.compress.prune.activations import ActivationPruner, check_form
from sweep.compress.prune.masks import apply_masks, forget, make_masks, pairs
from sweep.compress.prune.statistics import recorded
from sweep.compress.prune.targets import prunable_modules, prunable_weights
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
from sweep.config.sections import PruningConfig
from sweep.registry import CRITERIA
from sweep.space.params import Params, is_learned


class ModelTrial(Trial):
    """One prune-and-recover trial: a generator of records.

    >>> # records = list(bench.trial(Params(sparsity=0.7), seed=0).run())

    ``recipe`` has the epochs and the learning rate of ``params``; masks, batch order and dropout
    are drawn from its seed. Weights that the masks ``start`` drop (by module name, of any module)
    stay pruned. ``statistics`` holds the statistics that the method needs
    (`sweep.compress.prune.statistics`). ``distillation`` is called when training begins, and
    returns the distillation that ``params`` ask for.

    The trial works in ``dense.model``, so only one trial at a time can use it. A model on a grid
    computes with rounded values, but its float weights are scored, pruned, trained and saved:
    rounding keeps their order within a scale and adds many ties.
    """

    def __init__(
        self,
        params: Params,
        dense: Dense,
        task: Task,
        recipe: Recipe,
        *,
        pruning: PruningConfig | None = None,
        start: Mapping[str, Tensor] | None = None,
        statistics: Mapping[str, Tensor] | None = None,
        distillation: Callable[[], Distillation | None] = lambda: None,
        split: str = "validation",
        baseline: float = float("nan"),
        metrics: Sequence[str] = ("accuracy",),
    ) -> None:
        super().__init__(params, split, baseline, recipe.lr_schedule, metrics)
        self.task, self.recipe, self.distillation = task, recipe, distillation
        self.model: nn.Module = dense.reset()
        dense.undo.append(set_dropout(self.model, recipe.dropout))
        pruning = pruning or PruningConfig()
        self.weights = prunable_weights(self.model, pruning)
        scored = self.weights if is_learned(params.method) else {}
        self.moved = {name: torch.zeros_like(w.detach()) for name, w in scored.items()}
        self.start = start or {}
        self.statistics = {**(statistics or {}), **self.moved}
        self.activations = ActivationPruner(
            prunable_modules(self.model, pruning, shared=True),
            params.activation_sparsity,
            params.activation_method,
            params.activation_scope,
        )
        dense.undo.append(self.activations.remove)
        self.optimizer = make_optimizer(self.model, self.recipe)
        self.masks: dict[str, Tensor] = {}

    def drop(self, params: Params) -> None:
        """Prune the current weights to the sparsity of ``params``; pruned weights stay pruned.

        If the method has a reconstruction, the kept weights compensate. Random draws depend only on
        (seed, epoch).
        """
        seed, later = self.recipe.seed, np.random.SeedSequence([self.recipe.seed, 2, self.epoch])
        generator = torch.Generator()
        generator.manual_seed(int(later.generate_state(1)[0]) if self.epoch else seed)
        start = self.masks or self.start
        self.masks = make_masks(self.weights, params, generator, start, self.statistics)
        reconstruct = CRITERIA[params.method].reconstruct
        apply_masks(self.weights, self.masks, reconstruct, self.statistics)
        forget(self.optimizer, pairs(self.model, self.masks))
        if self.epoch == 0:
            self.activations.draw(generator)
            self._calibrate()
            self.activations.attach()

    def train(self) -> float:
        ramping = self.epoch < self.params.ramp_epochs
        with recorded(self.weights, self.moved) if ramping else nullcontext():
            return finetune_epoch(
                self.model,
                self.optimizer,
                self.task,
                self.recipe,
                epoch=self.epoch,
                held=pairs(self.model, {**self.start, **self.masks}),
                distillation=self.distillation(),
            )

    def size(self) -> Size:
        return measure(self.model, self.weights)

    def zeros(self) -> list[int]:
        return [weight.numel() - int(weight.count_nonzero()) for weight in self.weights.values()]

    def score(self, split: str) -> Score:
        score = evaluate(self.model, self.task, split, self.recipe)
        self.seconds += score.seconds
        return score

    def state_dict(self) -> dict[str, Any]:
        """Return the state that :meth:`load_state_dict` needs to continue bit for bit, on the CPU.

        It is a copy, because the next trial resets the shared model to its dense weights.
        """
        moments = self.optimizer.state_dict()["state"]
        ramping = self.epoch < self.params.ramp_epochs
        return {
            "epoch": self.epoch,
            "seconds": self.seconds,
            "model": _copied(self.model.state_dict()),
            "masks": _copied(self.masks),
            "activations": _copied(self.activations.state),
            "optimizer": {index: _copied(part) for index, part in moments.items()},
            "movement": _copied(self.moved) if ramping else {},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a state of :meth:`state_dict`; it may have arrays, as in a checkpoint.

        Raises ``ValueError`` if a tensor has another name, shape or type than those of this trial.
        """
        self._check_fit(state)
        self.epoch, self.seconds = state["epoch"], state["seconds"]
        self.model.load_state_dict(_copied(state["model"]))
        device = next(self.model.parameters()).device
        self.masks = {name: mask.to(device) for name, mask in _copied(state["masks"]).items()}
        self.activations.state = _copied(state["activations"])
        self.activations.attach()
        groups = self.optimizer.state_dict()["param_groups"]
        moments = {index: _copied(part) for index, part in state["optimizer"].items()}
        self.optimizer.load_state_dict({"state": moments, "param_groups": groups})
        for name, score in _copied(state.get("movement", {})).items():
            self.moved[name].copy_(score)

    def _check_fit(self, state: Mapping[str, Any]) -> None:
        """Raise ValueError if a state belongs to another trial: no part may be loaded then."""
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        moments = {(i, k): v for i, part in state["optimizer"].items() for k, v in part.items()}
        movement = state.get("movement", {})
        check_form(state["model"], self.model.state_dict())
        check_form(state["masks"], {name: w.bool() for name, w in self.weights.items()})
        check_form(state["activations"], self.activations.form())
        check_form(movement, self.moved if movement else {})
        for (index, key), value in moments.items():
            own = torch.zeros(()) if key == "step" else parameters[index].detach()
            check_form({f"{key} of parameter {index}": value}, {f"{key} of parameter {index}": own})

    def _calibrate(self) -> None:
        """Set the activation thresholds, if any, by one forward pass over 64 train examples."""
        train = self.task.train
        rng = np.random.default_rng([self.recipe.seed, 1])
        chosen = rng.permutation(len(train))[:64]
        device = next(self.model.parameters()).device
        batch = to_device(train.batch(chosen), device)
        self.model.eval()
        self.activations.calibrate(
            lambda: logits_of(self.model, batch, self.recipe.bf16),
            batch.get("attention_mask", torch.ones(len(chosen))).bool(),
        )


def _copied(tensors: Mapping[str, Any]) -> dict[str, Tensor]:
    """Copy tensors or arrays to tensors on the CPU."""
    return {name: torch.as_tensor(v).detach().to("cpu", copy=True) for name, v in tensors.items()}
