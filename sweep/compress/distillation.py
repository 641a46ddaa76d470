"""Distillation (Hinton et al. 2015, arXiv:1503.02531): learn from a teacher's logits too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div, log_softmax


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
