"""A dense model, pristine, and the one working copy of it that trials take in turns."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from sweep.compress.models import dropout_rates
from sweep.compress.quantize import Scheme
from sweep.compress.quantize.layers import set_scheme


@dataclass
class Dense:
    """A dense model that trials start from.

    ``model`` is the one working copy of a worker; :meth:`reset` puts the pristine weights back in
    it, which costs a memory copy where loading a model costs seconds. Several may share a working
    copy. With a ``scheme`` it computes on a grid (`sweep.compress.quantize.layers`). ``undo`` is
    what takes off the working copy what a trial put on it: its hooks.
    """

    model: nn.Module
    weights: dict[str, Tensor]
    dropout: dict[str, float]
    scheme: Scheme | None = None
    undo: list[Callable[[], None]] = field(default_factory=list)

    @classmethod
    def of(cls, model: nn.Module, device: torch.device | str = "cpu") -> Dense:
        """Take ``model`` as it is now for the pristine one."""
        model = model.to(device)
        weights = {name: value.clone() for name, value in model.state_dict().items()}
        return cls(model, weights, dropout_rates(model))

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device

    def reset(self) -> nn.Module:
        """The model with its dense weights, dropout and grid, no trial's hooks, no gradients."""
        while self.undo:
            self.undo.pop()()
        set_scheme(self.model, self.scheme)
        for name, module in self.model.named_modules():
            if isinstance(module, nn.Dropout):
                module.p = self.dropout[name]
        self.model.zero_grad(set_to_none=True)
        self.model.load_state_dict(self.weights)
        return self.model

    def another(self) -> nn.Module:
        """A dense model of its own, for who must not disturb the working copy."""
        model, undo = copy.deepcopy((self.model, self.undo))
        return replace(self, model=model, undo=undo).reset()
