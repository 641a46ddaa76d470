"""Quantisation schemes: which grid of numbers a model computes on, and the rounding to it.

Rounding is done by pure functions. Zero is on every grid.

- ``fixed``: ``width`` bits, ``frac_width`` of them after the binary point. Inputs, weights and
  biases share one grid. MASE's tutorials 3 and 4 use width 8 and frac_width 4.
- ``int8``: integers from -127 to 127 times a scale. Each output channel of a weight and each token
  of an input has its own scale, computed from its values; inputs are scaled at run time. Biases
  stay floats. Scales are bfloat16, so each product is exact in float32 and rounding is idempotent.

Ties round to even. Gradients use the straight-through estimator (Bengio et al. 2013,
arXiv:1308.3432). As in MASE, they also pass outside the range of the grid, so that training can
bring a weight back into the range.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

_TINY = torch.finfo(torch.float32).tiny

ToGrid = Callable[[Tensor], Tensor]


def fixed(x: Tensor, width: int = 8, frac_width: int = 4) -> Tensor:
    """Round to the nearest multiple of 2^-frac_width that fits in ``width`` bits, sign included.

    ``width`` is in 2..24, since a float32 has 24 significant bits; ``frac_width`` is in 0..width.

    >>> fixed(torch.tensor([0.03, -0.04, 1.3, 99.0, -99.0])).tolist()
    [0.0, -0.0625, 1.3125, 7.9375, -8.0]
    """
    steps, end = 2.0**frac_width, 2.0 ** (width - 1)
    whole = x.float().mul(steps).round_().clamp_(-end, end - 1)
    return whole.mul_(1 / steps).to(x.dtype)


def int8(x: Tensor) -> Tensor:
    """Round each row of ``x`` (..., n) to integers from -127 to 127 times the row's own scale.

    >>> int8(torch.tensor([[127.0, -3.4, 0.2], [0.0, 0.0, 0.0]])).tolist()
    [[127.0, -3.0, 0.0], [0.0, 0.0, 0.0]]
    """
    scales = int8_scales(x)
    return x.float().div(scales).round_().mul_(scales).to(x.dtype)


def int8_scales(x: Tensor) -> Tensor:
    """Scales (..., 1) of the rows of ``x`` (..., n): the largest magnitude becomes 127."""
    largest = x.float().abs().amax(-1, keepdim=True)
    # bfloat16 changes a scale by at most 1 part in 512, so the largest value still rounds to 127.
    return largest.div_(127).bfloat16().float().clamp_min_(_TINY)


@dataclass(frozen=True)
class Scheme:
    """A grid: ``name`` is fixed or int8; only ``fixed`` uses the widths, which are in bits."""

    name: str = "fixed"
    width: int = 8
    frac_width: int = 4

    def value(self, x: Tensor) -> Tensor:
        """Round weights (outputs, inputs) or inputs (..., features), keeping shape and dtype."""
        return straight_through(self._to_grid, x)

    def bias(self, x: Tensor) -> Tensor:
        """Round a bias (outputs,); ``int8`` leaves it as it is."""
        return x if self.name == "int8" else straight_through(self._to_grid, x)

    @property
    def bits(self) -> int:
        """The number of bits of one weight."""
        return 8 if self.name == "int8" else self.width

    @property
    def _to_grid(self) -> ToGrid:
        in_bits = partial(fixed, width=self.width, frac_width=self.frac_width)
        known: dict[str, ToGrid] = {"fixed": in_bits, "int8": int8}
        return known[self.name]


def straight_through(to_grid: ToGrid, x: Tensor) -> Tensor:
    """Return ``to_grid(x)``, with the gradient of the identity."""
    if not (torch.is_grad_enabled() and x.requires_grad):
        return to_grid(x)
    found: Tensor = _StraightThrough.apply(x, to_grid)  # type: ignore[no-untyped-call]
    return found


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Tensor, to_grid: ToGrid) -> Tensor:
        return to_grid(x)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None
