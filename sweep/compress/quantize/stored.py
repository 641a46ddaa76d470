"""What a model on a grid holds of each tensor: how many values that are not zero, in how many bits.

Counted are bits a weight and bits a bias as the scheme has them, and two bytes for each scale of
``int8`` (a bfloat16 an output channel). Its biases are floats of four bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from sweep.compress.quantize.layers import grid_layers, on_grid

SCALE_BYTES = 2


@dataclass(frozen=True)
class Held:
    """One tensor: ``filled`` values of ``item`` bytes (a fraction of 8 bits) are not zero.

    ``beside`` are bytes that come on top, whatever its zeros.
    """

    filled: int
    item: float
    beside: int = 0


@torch.no_grad()
def held(model: nn.Module) -> dict[int, Held]:
    """Of each parameter that is on a grid, by its id."""
    found = {}
    for layer in grid_layers(model).values():
        weight, bias = on_grid(layer)
        whole = layer.scheme.name == "fixed"
        scales = 0 if whole else SCALE_BYTES * layer.out_features
        filled = int(weight.count_nonzero())
        found[id(layer.weight)] = Held(filled, layer.scheme.bits / 8, scales)
        if bias is not None and whole:
            found[id(layer.bias)] = Held(int(bias.count_nonzero()), layer.scheme.bits / 8)
    return found
