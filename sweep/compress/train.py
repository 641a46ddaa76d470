"""Finetune one epoch, evaluate: the only loops over batches, for the baseline and every trial."""

from __future__ import annotations

import inspect
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, kl_div, log_softmax

from sweep.compress.prune.masks import hold
from sweep.compress.score import Score
from sweep.compress.tasks import Split
from sweep.errors import TrialError

# Distillation (Hinton et al. 2015, arXiv:1503.02531): learn from a teacher's logits too.


def distilled_loss(
    logits: Tensor, teacher: Tensor, labels: Tensor, weight: float, temperature: float
) -> Tensor:
    """``(1 - weight) * CE(logits, labels) + weight * T^2 * KL(teacher || logits)``, a scalar.

    ``logits`` and ``teacher`` (batch, labels) are softened by the temperature T > 0 within the KL,
    whose gradients shrink by 1 / T^2: hence the factor. ``labels`` (batch,); ``weight`` in [0, 1].
    Mean over the batch.
    """
    hard = cross_entropy(logits, labels)
    student = log_softmax(logits / temperature, -1)
    wanted = log_softmax(teacher / temperature, -1)
    soft = kl_div(student, wanted, log_target=True, reduction="batchmean")
    return (1 - weight) * hard + weight * temperature**2 * soft


@dataclass(frozen=True)
class Distillation:
    """How one trial is distilled.

    ``teacher`` (examples, labels): its logits over the train split, in that split's order, on the
    trial's device. ``weight`` in (0, 1], ``temperature`` > 0.
    """

    teacher: Tensor
    weight: float
    temperature: float

    def loss(self, logits: Tensor, labels: Tensor, chosen: NDArray[np.integer]) -> Tensor:
        """:func:`distilled_loss` of a batch of the examples ``chosen``."""
        place = torch.as_tensor(np.asarray(chosen), device=self.teacher.device)
        return distilled_loss(logits, self.teacher[place], labels, self.weight, self.temperature)


@dataclass(frozen=True)
class Recipe:
    """How to finetune.

    ``epochs`` is the horizon, which only the ``linear`` schedule depends on. ``warmup`` is a share
    in [0, 1): of the first epoch's steps for ``constant`` (so that nothing depends on the
    horizon), of all steps for ``linear``. ``bf16``: "auto" is on where a GPU has it.
    """

    learning_rate: float
    epochs: int
    seed: int
    batch_size: int = 32
    eval_batch_size: int = 128
    lr_schedule: str = "constant"
    warmup: float = 0.1
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    dropout: float | None = None
    bf16: str | bool = "auto"


def lr_factor(step: int, steps_per_epoch: int, recipe: Recipe) -> float:
    """The learning rate of a step (from 0), as a share of its peak."""
    constant = recipe.lr_schedule == "constant"
    total = steps_per_epoch * recipe.epochs
    warmup = recipe.warmup * (steps_per_epoch if constant else total)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return 1.0 if constant else max(0.0, (total - step) / max(1.0, total - warmup))


def make_optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW (arXiv:1711.05101), fused; biases and LayerNorm are not decayed."""
    decayed = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    groups = [
        {"params": decayed, "weight_decay": recipe.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, fused=True)


def finetune_epoch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    split: Split,
    recipe: Recipe,
    *,
    epoch: int,
    held: Sequence[tuple[Tensor, Tensor]] = (),
    pad_id: int = 0,
    distillation: Distillation | None = None,
) -> float:
    """Train one epoch (from 0) in place; returns the wall seconds it took.

    ``held`` are pairs (weight, mask) whose pruned entries get no gradient; with ``distillation``
    a teacher's logits over this split have their share in the loss. Batch order and dropout
    are drawn from (seed, epoch) alone, so that an epoch can be repeated from a checkpoint. Raises
    :class:`~sweep.errors.TrialError` when the loss is no longer finite.
    """
    started = time.perf_counter()
    device = next(model.parameters()).device
    batches = split.shuffled(recipe.batch_size, np.random.default_rng([recipe.seed, epoch]))
    model.train()
    with _seeded(recipe.seed, epoch, device):
        for index, batch in enumerate(_batches(split, batches, pad_id, device)):
            step = epoch * len(batches) + index
            factor = lr_factor(step, len(batches), recipe)
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate * factor
            loss = _loss(model, batch, recipe, batches[index], distillation)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            hold(held)
            nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm, foreach=True)
            if not torch.isfinite(loss):
                raise TrialError(
                    f"diverged: loss is {loss.item()} at step {index} of epoch {epoch + 1} "
                    f"(learning rate {recipe.learning_rate:g})"
                )
            optimizer.step()
    return time.perf_counter() - started


@torch.no_grad()
def evaluate(model: nn.Module, split: Split, recipe: Recipe, pad_id: int = 0) -> Score:
    """The answers and the mean loss over a split; deterministic.

    Raises :class:`~sweep.errors.TrialError` where the model's outputs are not finite.
    """
    started = time.perf_counter()
    device = next(model.parameters()).device
    model.eval()
    answers, loss = np.empty(len(split), dtype=np.int64), 0.0
    for chosen in split.in_order(recipe.eval_batch_size):
        batch = to_device(split.padded(chosen, pad_id), device)
        logits = logits_of(model, batch, recipe)
        loss += float(cross_entropy(logits, batch["labels"], reduction="sum"))
        answers[chosen] = logits.argmax(-1).cpu().numpy()
    if not np.isfinite(loss):
        raise TrialError(f"diverged: the loss on {len(split)} evaluation examples is {loss}")
    mean = loss / len(split)
    return Score(np.asarray(split.labels), answers, mean, time.perf_counter() - started)


def to_device(batch: dict[str, Any], device: torch.device) -> dict[str, Tensor]:
    """A batch of arrays as tensors on ``device``."""
    return {key: torch.from_numpy(array).to(device) for key, array in batch.items()}


def _batches(
    split: Split, indices: Any, pad_id: int, device: torch.device
) -> Iterator[dict[str, Tensor]]:
    for chosen in indices:
        yield to_device(split.padded(chosen, pad_id), device)


def _loss(
    model: nn.Module,
    batch: dict[str, Tensor],
    recipe: Recipe,
    chosen: Any,
    distillation: Distillation | None,
) -> Tensor:
    logits = logits_of(model, batch, recipe)
    if distillation is None:
        return cross_entropy(logits, batch["labels"])
    return distillation.loss(logits, batch["labels"], chosen)


def logits_of(model: nn.Module, batch: dict[str, Tensor], recipe: Recipe) -> Tensor:
    """Logits (batch, labels) of a batch with its labels, in float32."""
    known = inspect.signature(model.forward).parameters  # not every model has segments
    inputs = {key: value for key, value in batch.items() if key in known and key != "labels"}
    with autocast(recipe.bf16, batch["labels"].device):
        logits: Tensor = model(**inputs).logits
    return logits.float()


def autocast(bf16: str | bool, device: torch.device) -> AbstractContextManager[Any]:
    """bf16 autocast where asked; "auto" means a GPU that has it (a CPU stays exact)."""
    if bf16 == "auto":
        bf16 = device.type == "cuda" and torch.cuda.is_bf16_supported()
    return torch.autocast(device.type, dtype=torch.bfloat16) if bf16 else nullcontext()


@contextmanager
def _seeded(seed: int, epoch: int, device: torch.device) -> Iterator[None]:
    """Dropout draws from torch's ambient generator: seed it here, and put it back after."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0]))
        yield
