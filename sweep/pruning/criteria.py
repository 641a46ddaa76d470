"""Criteria: a function each, from a weight tensor to scores of its shape; high scores are kept.

A new method is one function here and one row in :data:`CRITERIA`; the contract tests run over the
table, and ``sweep/names.py`` lists the names for the config.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Criterion = Callable[[Tensor, torch.Generator], Tensor]


def l1_norm(weight: Tensor, generator: torch.Generator) -> Tensor:
    """Magnitude |w| (Han et al. 2015, arXiv:1506.02626); what the tutorial calls ``l1-norm``."""
    return weight.detach().abs()


def random(weight: Tensor, generator: torch.Generator) -> Tensor:
    """Uniform in [0, 1), drawn on the CPU so that a seed means the same on every device."""
    return torch.rand(weight.shape, generator=generator).to(weight.device)


CRITERIA: dict[str, Criterion] = {"l1-norm": l1_norm, "random": random}
