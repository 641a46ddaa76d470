"""What criteria know of a model beside its weights: a tensor a module, by kind.

Those of :data:`COLLECTORS` are of the dense model, collected over calibration examples, one at a
time, so that no padding is ever in it whatever a model does with its inputs. ``losses`` below are a
generator that runs the model on one example and yields its loss, as often as there are examples;
hooks and gradients do the rest. :data:`MOVEMENT` is of the trial itself, recorded while it trains.

======================  =========================================================  =============
kind                    what                                                       shape
======================  =========================================================  =============
``gradient``            root mean square over examples of the loss's gradient      the weight's
``input-norm``          l2 norm of each input feature over all tokens              (in,)
``inverse-factor``      :func:`inverse_factor` of the inputs' X^T X                  (in, in)
``movement``            sum of the steps that are :func:`recorded`                  the weight's
======================  =========================================================  =============
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from sweep.errors import UsageError

Statistics = dict[str, Tensor]
Losses = Iterable[Tensor]

MOVEMENT = "movement"
"""The kind that a trial records itself: there is no collector of it."""

DAMPENING = 0.01
"""Of X^T X by its mean diagonal, as in SparseGPT (arXiv:2301.00774): a feature that never varies
would make it singular."""


def collect(kind: str, modules: Mapping[str, nn.Module], losses: Losses) -> Statistics:
    """The statistic ``kind`` of each module, by name.

    Raises :class:`~sweep.errors.UsageError` for a module that was not run.
    """
    found = COLLECTORS[kind](modules, losses)
    if missing := [name for name in modules if name not in found]:
        raise UsageError(
            f"module {missing[0]} was never run on the calibration examples, so there is no "
            f"{kind} of it: leave it out with pruning.exclude, or take another method"
        )
    return found


def gradients(modules: Mapping[str, nn.Module], losses: Losses) -> Statistics:
    """Root mean square of the gradient of each weight over the losses."""
    weights = {name: module.weight for name, module in modules.items()}
    sums: Statistics = {}
    count = 0
    for loss in losses:
        count += 1
        found = torch.autograd.grad(loss, list(weights.values()), allow_unused=True)  # type: ignore[arg-type]
        for name, gradient in zip(weights, found, strict=True):
            if gradient is not None:
                sums[name] = sums.get(name, torch.zeros_like(gradient)).addcmul_(gradient, gradient)
    return {name: total.div_(count).sqrt_() for name, total in sums.items()}


def input_norms(modules: Mapping[str, nn.Module], losses: Losses) -> Statistics:
    """l2 norm of each input feature over all tokens of all examples."""
    sums = _summed_inputs(modules, losses, lambda x: x.square().sum(0))
    return {name: total.sqrt_() for name, total in sums.items()}


def inverse_factors(modules: Mapping[str, nn.Module], losses: Losses) -> Statistics:
    """`inverse_factor` of X^T X, X (tokens, in) being all inputs of a module."""
    hessians = _summed_inputs(modules, losses, lambda x: x.T @ x)
    return {name: inverse_factor(hessian) for name, hessian in hessians.items()}


def inverse_factor(hessian: Tensor) -> Tensor:
    """U (in, in), upper triangular, with U^T U = (H + dampening)^-1, for H (in, in) float32.

    Row j of U says how what lies right of column j makes up for it. An H of zeros (the layer only
    ever saw zeros) counts as the identity: then magnitudes decide.
    """
    damped = hessian.double()
    mean = float(damped.diagonal().mean())
    damped.diagonal().add_(DAMPENING * mean if mean > 0 else 1.0)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(damped))
    factor: Tensor = torch.linalg.cholesky(inverse, upper=True)
    return factor.to(hessian.dtype).contiguous()


def _summed_inputs(
    modules: Mapping[str, nn.Module], losses: Losses, what: Callable[[Tensor], Tensor]
) -> Statistics:
    """The sum over examples of ``what`` of each module's inputs (tokens, in)."""
    sums: Statistics = {}

    def add(name: str, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        x = inputs[0].detach()
        part = what(x.reshape(-1, x.shape[-1]).float())
        sums[name] = sums[name].add_(part) if name in sums else part

    with ExitStack() as hooks, torch.no_grad():
        for name, module in modules.items():
            hooks.enter_context(module.register_forward_pre_hook(partial(add, name)))
        for _ in losses:
            pass
    return sums


COLLECTORS: dict[str, Callable[[Mapping[str, nn.Module], Losses], Statistics]] = {
    "gradient": gradients,
    "input-norm": input_norms,
    "inverse-factor": inverse_factors,
}


@contextmanager
def recorded(weights: Mapping[str, Tensor], moved: Mapping[str, Tensor]) -> Iterator[None]:
    """Record which weights training moves away from zero (Sanh, Wolf and Rush 2020,
    arXiv:2005.07683): while it is open, each ``backward`` adds a step to ``moved``, in place.

    ``moved``, by name, is ``S = -sum of w * dL/dw`` over the steps that are recorded, each of its
    leaf tensor's shape and device. S is positive where steps against the gradient take a weight
    away from zero, negative where they shrink it. Magnitude says where a weight is, movement where
    it goes, which matters where finetuning has little time. Before training nothing is known, so
    nothing is pruned at once by it (`sweep.compress.loop`).

    The gradients are those of the loss that is trained (a distilled one, where it is distilled), as
    ``backward`` leaves them: before they are clipped, so that one steep batch counts as what it is.
    Learning rate and moments of the optimiser are left out, as in the paper. A pruned weight is
    zero and adds nothing; unlike in the paper, whose masks are soft until the end, it does not come
    back.
    """
    with ExitStack() as hooks:
        for name, score in moved.items():
            add = partial(_add, score)
            hooks.enter_context(weights[name].register_post_accumulate_grad_hook(add))  # type: ignore[no-untyped-call]
        yield


@torch.no_grad()
def _add(score: Tensor, weight: Tensor) -> None:
    assert weight.grad is not None  # the hook runs when it is there
    score.addcmul_(weight, weight.grad, value=-1)
