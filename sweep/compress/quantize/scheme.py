"""Numbers on the grid that a deployed model can hold, and which grid a dense model is on.

Rounding is by pure functions; 0 is on every grid.

- ``fixed``: ``width`` bits, ``frac_width`` of them behind the binary point: one grid for inputs,
  weights and biases (MASE's tutorials 3 and 4, 8 / 4).
- ``int8``: -127 to 127 times a scale that is found in the numbers: one for each output channel of
  a weight, one for each token of an input, at run time; biases stay floats. A scale is a bfloat16
  number, so that each product is exact in a float32, and rounding twice is rounding once.

Ties go to the even neighbour. Gradients pass straight through (Bengio et al. 2013,
arXiv:1308.3432), beyond the ends of the grid too, as in MASE: a weight that was pushed out finds
its way back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from sweep.config import BaselineConfig


LARGEST = 127
_TINY = torch.finfo(torch.float32).tiny

ToGrid = Callable[[Tensor], Tensor]


def fixed(x: Tensor, width: int = 8, frac_width: int = 4) -> Tensor:
    """The nearest multiples of 2^-frac_width with ``width`` bits, the sign among them.

    ``width`` is in 2..24 (more than that no float32 has), ``frac_width`` in 0..width.

    >>> fixed(torch.tensor([0.03, -0.04, 1.3, 99.0, -99.0])).tolist()
    [0.0, -0.0625, 1.3125, 7.9375, -8.0]
    """
    steps, end = 2.0**frac_width, 2.0 ** (width - 1)
    whole = x.float().mul(steps).round_().clamp_(-end, end - 1)
    return whole.mul_(1 / steps).to(x.dtype)


def int8(x: Tensor) -> Tensor:
    """Each row of ``x`` (..., n) as whole numbers of -127 to 127 times its own scale.

    >>> int8(torch.tensor([[127.0, -3.4, 0.2], [0.0, 0.0, 0.0]])).tolist()
    [[127.0, -3.0, 0.0], [0.0, 0.0, 0.0]]
    """
    scales = int8_scales(x)
    return x.float().div(scales).round_().mul_(scales).to(x.dtype)


def int8_scales(x: Tensor) -> Tensor:
    """The scales (..., 1) of the rows of ``x`` (..., n): the largest magnitude becomes 127."""
    largest = x.float().abs().amax(-1, keepdim=True)
    # Rounded to bfloat16 it is off by 1 in 512 at most: the largest still rounds to 127.
    return largest.div_(LARGEST).bfloat16().float().clamp_min_(_TINY)


@dataclass(frozen=True)
class Scheme:
    """A grid: ``name`` is fixed or int8; the widths, in bits, are those of ``fixed`` alone."""

    name: str = "fixed"
    width: int = 8
    frac_width: int = 4

    def value(self, x: Tensor) -> Tensor:
        """Weights (outputs, inputs), or inputs (..., features), on the grid; of the same type."""
        return straight(self._to_grid, x)

    def bias(self, x: Tensor) -> Tensor:
        """A bias (outputs,) on its grid."""
        return x if self.name == "int8" else straight(self._to_grid, x)

    @property
    def bits(self) -> int:
        """Bits of one weight."""
        return 8 if self.name == "int8" else self.width

    @property
    def _to_grid(self) -> ToGrid:
        in_bits = partial(fixed, width=self.width, frac_width=self.frac_width)
        known: dict[str, ToGrid] = {"fixed": in_bits, "int8": int8}
        return known[self.name]


def straight(to_grid: ToGrid, x: Tensor) -> Tensor:
    """``to_grid(x)``, whose gradient is that of ``x``."""
    if not (torch.is_grad_enabled() and x.requires_grad):
        return to_grid(x)
    found: Tensor = _Straight.apply(x, to_grid)  # type: ignore[no-untyped-call]
    return found


class _Straight(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Tensor, to_grid: ToGrid) -> Tensor:
        return to_grid(x)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


@dataclass(frozen=True)
class OnGrid:
    """A dense model's grid, and how it was finetuned there.

    ``epochs`` 0: post-training quantisation (PTQ); else so many are finetuned on the grid (QAT).
    ``learning_rate`` is the peak of that finetuning.
    """

    scheme: Scheme
    epochs: int = 0
    learning_rate: float = 0.0

    @property
    def untrained(self) -> OnGrid:
        """The same grid right after rounding."""
        return replace(self, epochs=0, learning_rate=0.0)


def grid_of(config: BaselineConfig, name: str | None) -> OnGrid | None:
    """What a trial's ``quantization`` means; None: what ``baseline.quantization`` says.

    ``none`` is no grid. A scheme that the config does not describe has the usual widths, and as
    many epochs as the one that it does.
    """
    chosen = config.quantization
    if name is None:
        name = chosen.scheme if chosen else "none"
    if name == "none":
        return None
    scheme = Scheme(name)
    if chosen and chosen.scheme == name == "fixed":
        scheme = Scheme(name, *chosen.widths)
    if chosen is None or chosen.epochs == 0:
        return OnGrid(scheme)
    return OnGrid(scheme, chosen.epochs, chosen.learning_rate)
