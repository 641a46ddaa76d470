"""Pruning of activations: the inputs of the Linear layers whose weights are pruned.

An example's output must not depend on the rest of its batch or on padding, so no threshold is
computed over a batch:

- ``l1-norm``, ``local``: every token keeps its own largest features. Per token, padding needs no
  special treatment, and the sparsity of each token is exact.
- ``l1-norm``, ``global``: one threshold per layer, the quantile of |input| over the real tokens of
  a calibration batch of train data. It is computed once a trial with pruned weights, layer by
  layer, with the inputs of earlier layers already pruned. Sparsity is then met on average. A layer
  that runs several times in a forward pass (ALBERT) has the mean of its quantiles.
- ``random``: a mask over features, drawn once a trial. ``local`` drops the same share in each
  layer, ``global`` drops the share over the features of all layers together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from sweep.compress.prune.selection import keep_largest, kth_of_rows, ordered_keys, pruned_count
from sweep.errors import UsageError

Prune = Callable[[Tensor], Tensor]


def keep_per_token(x: Tensor, sparsity: float) -> Tensor:
    """Keep the features of largest magnitude of each token of ``x`` (..., features), and ties."""
    dropped = pruned_count(sparsity, x.shape[-1])
    if dropped == 0:
        return x
    magnitudes = x.detach().abs()
    return x * (magnitudes >= kth_of_rows(magnitudes, dropped))


def keep_above(x: Tensor, threshold: Tensor) -> Tensor:
    """Keep the features whose magnitude exceeds ``threshold`` (a scalar)."""
    return x * (x.detach().abs() > threshold)


def keep_features(x: Tensor, mask: Tensor) -> Tensor:
    """Keep the features (last dimension) where ``mask`` is True."""
    return x * mask.to(x.dtype)


def magnitude_quantile(x: Tensor, sparsity: float) -> Tensor:
    """Return the magnitude (a scalar tensor) below which a share ``sparsity`` of ``x`` lies."""
    magnitudes = x.detach().abs().reshape(-1)
    count = max(1, pruned_count(sparsity, magnitudes.numel()))
    return kth_of_rows(magnitudes, count - 1)[0].float()


def real_rows(x: Tensor, valid: Tensor) -> Tensor:
    """Return the rows (features last) of a layer's input ``x`` that belong to real tokens.

    ``valid`` (batch, tokens) is True for these. A layer may have them as (batch, tokens), as
    (tokens, batch) as in XLNet, or flat; Longformer appends columns of padding, and Funnel pools
    neighbours. Of an input in another form, such as one row per example, all rows are returned.
    """
    valid, (batch, tokens), places = valid.to(x.device), valid.shape, x.shape[:-1]
    if places == (batch, tokens):
        return x[valid]
    if places == (tokens, batch):
        return x[valid.t()]
    if places == (batch * tokens,):
        return x[valid.flatten()]
    if len(places) != 2 or places[0] != batch:
        return x
    if places[1] > tokens:
        return x[:, :tokens][valid]
    return x[valid[:, torch.arange(places[1], device=x.device) * tokens // places[1]]]


def check_form(given: Mapping[str, Any], form: Mapping[str, Tensor]) -> None:
    """Raise ValueError unless tensors or arrays have the names, shapes and types of ``form``."""
    if strange := sorted(given.keys() ^ form.keys()):
        raise ValueError(f"{strange[0]} is only in one of the two")
    for name, value in given.items():
        found, own = torch.as_tensor(value), form[name]
        if (found.shape, found.dtype) != (own.shape, own.dtype):
            what = f"{found.dtype} of shape {tuple(found.shape)}"
            raise ValueError(f"{name} is {what}, not {own.dtype} of shape {tuple(own.shape)}")


class ActivationPruner:
    """Prunes the inputs of ``modules`` through forward pre-hooks until :meth:`remove`.

    ``state`` holds the thresholds or feature masks of the trial by module name. Checkpoints save
    it, so that a resumed trial needs no new calibration.
    """

    def __init__(
        self, modules: Mapping[str, nn.Module], sparsity: float, method: str, scope: str
    ) -> None:
        # Only Linear layers have features in the last dimension of their input.
        self.modules: dict[str, nn.Linear] = {
            n: m for n, m in modules.items() if sparsity > 0 and isinstance(m, nn.Linear)
        }
        self.sparsity, self.method, self.scope = sparsity, method, scope
        self.state: dict[str, Tensor] = {}
        self._handles: list[RemovableHandle] = []

    def calibrate(self, forward: Callable[[], object], valid: Tensor) -> None:
        """Set each layer's threshold while ``forward`` runs once on a calibration batch.

        It does nothing if the method has no thresholds per layer.
        ``valid`` (batch, tokens) is True for real tokens; the quantile ignores padding. Raises
        :class:`~sweep.errors.UsageError` for a layer that did not run.
        """

        def threshold_then_prune(name: str, x: Tensor) -> Tensor:
            found[name].append(magnitude_quantile(real_rows(x, valid), self.sparsity))
            self.state[name] = torch.stack(found[name]).mean()
            return keep_above(x, self.state[name])

        if not self.modules or (self.method, self.scope) != ("l1-norm", "global"):
            return
        found: dict[str, list[Tensor]] = {name: [] for name in self.modules}
        self._hook({name: partial(threshold_then_prune, name) for name in self.modules})
        with torch.no_grad():
            forward()
        self.remove()
        if idle := [name for name in self.modules if name not in self.state]:
            raise UsageError(
                f"module {idle[0]} was never run on the calibration examples: leave it out with "
                f"pruning.exclude: [{idle[0]}], or use activation_scope local"
            )

    def draw(self, generator: torch.Generator) -> None:
        """Draw the feature masks of method ``random``."""
        if self.method != "random":
            return
        scores = {
            n: torch.rand(m.in_features, generator=generator) for n, m in self.modules.items()
        }
        groups = [list(scores)] if self.scope == "global" else [[name] for name in scores]
        for names in groups:
            group = [ordered_keys(scores[name]) for name in names]
            count = pruned_count(self.sparsity, sum(score.numel() for score in group))
            self.state |= dict(zip(names, keep_largest(group, count, generator), strict=True))

    def form(self) -> dict[str, Tensor]:
        """Return zeros in the place of the tensors that :attr:`state` has when pruning starts."""
        if self.method == "random":
            return {n: torch.zeros(m.in_features).bool() for n, m in self.modules.items()}
        return {} if self.scope == "local" else {name: torch.zeros(()) for name in self.modules}

    def attach(self) -> None:
        """Start pruning."""
        # A cache of size 1: the query, key and value layers prune the same input.
        per_token: Prune = lru_cache(maxsize=1)(partial(keep_per_token, sparsity=self.sparsity))
        self._hook({name: self._fixed(name) or per_token for name in self.modules})

    def _hook(self, prunes: Mapping[str, Prune]) -> None:
        self.remove()
        for name, prune in prunes.items():
            hook = partial(_prune_first, prune)
            self._handles.append(self.modules[name].register_forward_pre_hook(hook))

    def remove(self) -> None:
        """Stop pruning and remove all hooks."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def _fixed(self, name: str) -> Prune | None:
        """Return how a layer prunes by its mask or threshold; None if thresholds are per token."""
        if (self.method, self.scope) == ("l1-norm", "local"):
            return None
        state = self.state[name].to(self.modules[name].weight.device)
        if self.method == "random":
            return partial(keep_features, mask=state)
        return partial(keep_above, threshold=state)


def _prune_first(prune: Prune, module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (prune(inputs[0]), *inputs[1:])
