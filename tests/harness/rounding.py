"""Tolerances for rounding: the order of a sum depends on processor, threads and batch size."""

from __future__ import annotations

import torch
from torch import Tensor


def rounding(of: Tensor, steps: int = 1000) -> float:
    """Return the possible difference of two floats, as large as the largest in ``of``, after
    ``steps`` roundings. The ids and logits of `tests.harness.tiny.bert` are about 1000 apart.
    """
    return steps * torch.finfo(of.dtype).eps * float(of.detach().abs().max())


def assert_near(found: Tensor, expected: Tensor, steps: int = 1000) -> None:
    """Assert equality up to ``steps`` roundings of floats as large as the largest expected one."""
    torch.testing.assert_close(found, expected, rtol=0, atol=rounding(expected, steps))
