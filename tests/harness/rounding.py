"""What rounding may change: processors, threads and sizes of batches sum in orders of their own."""

from __future__ import annotations

import torch
from torch import Tensor


def rounding(of: Tensor, steps: int = 1000) -> float:
    """How far apart ``steps`` roundings may bring two floats of the size of the largest of ``of``.

    A thousand is about how many lie between the ids and the logits of `tests.harness.tiny.bert`.
    """
    return steps * torch.finfo(of.dtype).eps * float(of.detach().abs().max())


def assert_near(found: Tensor, expected: Tensor, steps: int = 1000) -> None:
    """The same but for so many roundings of floats as large as the largest that is expected."""
    torch.testing.assert_close(found, expected, rtol=0, atol=rounding(expected, steps))
