"""The training loop and the evaluation loop, for the baseline and every trial.

To avoid waiting for the device in each step, losses and answers stay on it for several steps. On a
CPU this does not change the figures.
"""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import kl_div, log_softmax

from sweep.compress.measure import Score
from sweep.compress.models import seeded
from sweep.compress.prune.masks import hold
from sweep.compress.tasks.task import Examples, Task
from sweep.config.sections import RecoverConfig
from sweep.errors import TrialError, first_line

STEPS_UNSEEN = 64
"""Steps between two checks of the losses; each check waits for the device."""


class Recipe(RecoverConfig):
    """The settings of finetuning and evaluation.

    ``epochs`` is the horizon, on which only the schedule ``linear`` depends. ``warmup`` is a share
    in [0, 1) of the first epoch's steps for ``constant`` (so that it has no horizon), and of all
    steps for ``linear``. ``bf16`` "auto" means: on GPUs that support it.
    """

    learning_rate: float
    epochs: int
    seed: int


def lr_factor(step: int, steps_per_epoch: int, recipe: Recipe) -> float:
    """Return the learning rate of a step (from 0) as a share of its peak, in [0, 1]."""
    constant = recipe.lr_schedule == "constant"
    total = steps_per_epoch * recipe.epochs
    warmup = recipe.warmup * (steps_per_epoch if constant else total)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return 1.0 if constant else max(0.0, (total - step) / max(1.0, total - warmup))


def make_optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.AdamW:
    """Make a fused AdamW (arXiv:1711.05101) without decay of biases and LayerNorm."""
    decayed = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    groups = [
        {"params": decayed, "weight_decay": recipe.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, fused=True)


@dataclass(frozen=True)
class Distillation:
    """The distillation of a trial from a teacher's logits.

    ``teacher`` (examples, labels) has the logits over the train split, in its order, on the trial's
    device. ``weight`` is in (0, 1], ``temperature`` > 0.
    """

    teacher: Tensor
    weight: float
    temperature: float

    def mixed(self, loss: Tensor, logits: Tensor, chosen: NDArray[np.integer]) -> Tensor:
        """Return ``(1 - weight) * loss + weight * T^2 * KL(teacher || logits)``, a scalar.

        Hinton et al. 2015, arXiv:1503.02531. ``loss`` is the loss of the labels, ``logits`` has
        shape (batch, labels), and ``chosen`` has the indices of the batch's examples. Within the KL
        both logits are divided by the temperature T, which divides its gradient by T^2: hence the
        factor. The KL is the mean over the batch.
        """
        rows = to_device({"rows": np.asarray(chosen)}, self.teacher.device)["rows"]
        student = log_softmax(logits / self.temperature, -1)
        wanted = log_softmax(self.teacher[rows] / self.temperature, -1)
        soft = kl_div(student, wanted, log_target=True, reduction="batchmean")
        return (1 - self.weight) * loss + self.weight * self.temperature**2 * soft


def finetune_epoch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    task: Task,
    recipe: Recipe,
    *,
    epoch: int,
    held: Sequence[tuple[Tensor, Tensor]] = (),
    distillation: Distillation | None = None,
) -> float:
    """Train one ``epoch`` (from 0) of a task in place; return its wall seconds.

    ``held`` are pairs (weight, mask); pruned entries get no gradient. With ``distillation`` the
    loss includes a teacher. Batch order and dropout depend only on (seed, epoch), so that an epoch
    can be repeated from a checkpoint. Raises :class:`~sweep.errors.TrialError` if a loss is not
    finite; the model cannot be used afterwards.
    """
    split = task.train
    started = time.perf_counter()
    device = next(model.parameters()).device
    batches = split.shuffled(recipe.batch_size, np.random.default_rng([recipe.seed, epoch]))
    unseen: list[Tensor] = []
    model.train()
    seed = np.random.SeedSequence([recipe.seed, epoch]).generate_state(1)[0]
    with seeded(int(seed), device):
        for index, chosen in enumerate(batches):
            factor = lr_factor(epoch * len(batches) + index, len(batches), recipe)
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate * factor
            batch = to_device(split.batch(chosen), device)
            logits = logits_of(model, batch, recipe.bf16)
            found = task.loss(logits, batch["labels"])
            if distillation is not None:
                found = distillation.mixed(found, logits, chosen)
            optimizer.zero_grad(set_to_none=True)
            found.backward()  # type: ignore[no-untyped-call]
            hold(held)
            nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm, foreach=True)
            optimizer.step()
            unseen.append(found.detach())
            if len(unseen) == STEPS_UNSEEN or index + 1 == len(batches):
                _check_finite(unseen, index + 1 - len(unseen), epoch, recipe)
                unseen = []
    return time.perf_counter() - started


def _check_finite(losses: Sequence[Tensor], first: int, epoch: int, recipe: Recipe) -> None:
    """Raise :class:`~sweep.errors.TrialError` if a loss, from step ``first`` on, is not finite."""
    for step, loss in enumerate(torch.stack(list(losses)).tolist(), first):
        if not math.isfinite(loss):
            raise TrialError(
                f"diverged: loss is {loss} at step {step} of epoch {epoch + 1} "
                f"(learning rate {recipe.learning_rate:g})"
            )


@torch.no_grad()
def evaluate(model: nn.Module, task: Task, split: str, recipe: Recipe) -> Score:
    """Evaluate a model on a split of a task; the result is deterministic.

    Raises :class:`~sweep.errors.TrialError` if the mean loss is not finite.
    """
    examples = task.split(split)
    started = time.perf_counter()
    logits = all_logits(model, examples, batch_size=recipe.eval_batch_size, bf16=recipe.bf16)
    mean = float(task.loss(torch.from_numpy(logits).double(), torch.tensor(examples.labels)))
    if not np.isfinite(mean):
        raise TrialError(f"diverged: the loss on {len(examples)} evaluation examples is {mean}")
    seconds = time.perf_counter() - started
    return Score(np.asarray(examples.labels), task.answers(logits), mean, seconds)


@torch.no_grad()
def all_logits(
    model: nn.Module, split: Examples, *, batch_size: int, bf16: str | bool
) -> NDArray[np.float32]:
    """Return the logits (examples, labels) of a split in its order, without dropout or checks."""
    device = next(model.parameters()).device
    places = list(split.in_order(batch_size))
    model.eval()
    found = [logits_of(model, to_device(split.batch(chosen), device), bf16) for chosen in places]
    together: NDArray[np.float32] = torch.cat(found).cpu().numpy()
    return together[np.argsort(np.concatenate(places))]


def to_device(batch: Mapping[str, NDArray[Any]], device: torch.device) -> dict[str, Tensor]:
    """Convert a batch of arrays to tensors on ``device``."""
    tensors = {key: torch.from_numpy(array) for key, array in batch.items()}
    if device.type != "cuda":
        return {key: tensor.to(device) for key, tensor in tensors.items()}
    # A copy from pinned memory does not wait for pending work of the GPU.
    return {key: t.pin_memory().to(device, non_blocking=True) for key, t in tensors.items()}


def logits_of(model: nn.Module, batch: Mapping[str, Tensor], bf16: str | bool) -> Tensor:
    """Return the logits (batch, labels) of a batch that includes its labels, in float32.

    Raises :class:`~sweep.errors.TrialError` if the model refuses the batch. BART, for example,
    refuses rows with different numbers of end tokens, which a text may contain.
    """
    known = inputs_of(type(model))  # type: ignore[arg-type]  # a class has a hash
    inputs = {key: value for key, value in batch.items() if key in known}
    with autocast(bf16, batch["labels"].device):
        try:
            logits: Tensor = model(**inputs).logits
        except ValueError as error:
            raise TrialError(
                f"{type(model).__name__} refuses a batch: {first_line(error)}"
            ) from error
    return logits.float()


@cache
def inputs_of(kind: type[nn.Module]) -> frozenset[str]:
    """Return the names of the inputs that a class of models accepts, such as segments."""
    return frozenset(inspect.signature(kind.forward).parameters) - {"labels"}


def autocast(bf16: str | bool, device: torch.device) -> torch.autocast:
    """Return a bf16 autocast; "auto" enables it on GPUs that support it, never on a CPU."""
    if bf16 == "auto":
        bf16 = device.type == "cuda" and torch.cuda.is_bf16_supported()
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=bool(bf16))
