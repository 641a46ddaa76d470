"""The pristine weights of a dense model, and the working copy that trials use in turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from sweep.compress.quantize.layers import set_scheme
from sweep.compress.quantize.scheme import Scheme


@dataclass
class Dense:
    """A dense model that trials start from.

    ``model`` is the worker's only working copy; several dense models may share it. :meth:`reset`
    copies the pristine ``weights`` back into it, which is much faster than loading a model. With a
    ``scheme`` the model computes on a grid (`sweep.compress.quantize.layers`). ``undo`` holds
    functions that take a trial's hooks and dropout from the working copy.
    """

    model: nn.Module
    weights: dict[str, Tensor]
    scheme: Scheme | None = None
    undo: list[Callable[[], None]] = field(default_factory=list)

    @classmethod
    def of(cls, model: nn.Module, device: torch.device | str = "cpu") -> Dense:
        """Make a dense model of the current state of ``model``."""
        model = model.to(device)
        weights = {name: value.clone() for name, value in model.state_dict().items()}
        return cls(model, weights)

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    def reset(self) -> nn.Module:
        """Return the model with its dense weights, dropout and grid, without hooks or gradients."""
        while self.undo:
            self.undo.pop()()
        set_scheme(self.model, self.scheme)
        self.model.zero_grad(set_to_none=True)
        self.model.load_state_dict(self.weights)
        return self.model
