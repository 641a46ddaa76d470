"""What a model does with rows of its task: refusals and warnings that its files cannot give."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sweep.compress.dropout import set_dropout
from sweep.compress.models import seeded
from sweep.compress.tasks.task import Task
from sweep.compress.train import logits_of, to_device
from sweep.errors import UsageError, first_line

SAME = 1e-3
"""Largest difference of equal logits, as a share of the largest logit."""


def check_behaviour(model: nn.Module, task: Task, dropout: float | None) -> None:
    """Check that a model computes the same logits twice, and that ``recover.dropout`` has effect.

    ``dropout`` is that setting, in [0, 1). Raises :class:`~sweep.errors.UsageError` if the model
    fails on a batch of train rows, if it replaces its own modules (which masks and trained weights
    belong to), if its answers are random, or if dropout cannot be switched off or on.
    """
    kind, before = type(model).__name__, list(model.modules())
    try:
        first, second = (_logits(model, task, seed=seed) for seed in (1, 2))
    except Exception as error:  # any code may run here
        raise UsageError(
            f"{kind} fails on a batch of train rows: {first_line(error)}; allowed: models that "
            "read batches of texts of different lengths"
        ) from error
    changed = [m for m, n in zip(before, model.modules(), strict=False) if m is not n]
    if changed:
        raise UsageError(
            f"{kind} replaces its own modules ({type(changed[0]).__name__}) when it reads a batch, "
            "and masks and trained weights would be lost with them: it cannot be pruned"
        )
    if not _equal(first, second):
        raise UsageError(f"{kind} gives random answers, so that no figure of it can be compared")
    if dropout is not None:
        _check_dropout(model, task, dropout)


def depends_on_padding(model: nn.Module, task: Task) -> bool:
    """Whether the logits of the shortest train row change beside the longest one."""
    together, alone = _logits(model, task), _logits(model, task, alone=True)
    return not _equal(together[:1], alone)


def agree_on_padding(model: nn.Module, task: Task, token: int, what: str) -> None:
    """Set the pad token in the config of a model that has none to that of the task's batches.

    Classifiers made of decoders read the last token of a text before the padding. Raises
    :class:`~sweep.errors.UsageError` if the model has another pad token and depends on it; ``what``
    names the model.
    """
    config: Any = model.config
    config = config.get_text_config()
    own = getattr(config, "pad_token_id", None)
    if own is None or own < 0:
        config.pad_token_id = token
    elif own != token and depends_on_padding(model, task):
        raise UsageError(
            f"{what} has pad_token_id {own} in its config.json, but its tokenizer pads with token "
            f"{token}, and answers depend on it; allowed: the same token in both"
        )


def _check_dropout(model: nn.Module, task: Task, rate: float) -> None:
    """Refuse a dropout rate without effect, measured at 0 or at one half, which few rows show."""
    restore = set_dropout(model, 0.5 if rate else 0.0)
    try:
        one, other = (_logits(model, task, seed=seed, training=True) for seed in (1, 2))
    finally:
        restore()
    if torch.equal(one, other) if rate else not _equal(one, other):
        found = "has no dropout" if rate else "is random in training in another way than dropout"
        raise UsageError(
            f"recover.dropout is {rate:g}, which has no effect: {type(model).__name__} {found}; "
            "allowed: null"
        )


@torch.no_grad()
def _logits(
    model: nn.Module, task: Task, alone: bool = False, seed: int = 0, training: bool = False
) -> Tensor:
    """Return the logits of the shortest and, unless ``alone``, the longest train row."""
    device, train = next(model.parameters()).device, task.train
    rows = np.concatenate(list(train.in_order(len(train))))[[-1] if alone else [-1, 0]]
    batch = to_device(train.batch(rows), device)
    model.train(training)
    with seeded(seed, device):
        return logits_of(model, batch, bf16=False)


def _equal(one: Tensor, other: Tensor) -> bool:
    return bool((one - other).abs().max() <= SAME * one.abs().max())
