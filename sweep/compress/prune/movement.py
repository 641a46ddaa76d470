"""Movement (Sanh, Wolf and Rush 2020, arXiv:2005.07683): which weights training moves from zero.

The score of a weight is ``S = -sum of w * dL/dw`` over finetuning steps: positive where steps
against the gradient take it away from zero, negative where they shrink it. Magnitude says where a
weight is, movement where it goes, which is what matters where finetuning has little time. Nothing
is known of it before training, so there is no pruning at once by it (`sweep.compress.ramp`).

The gradients are those of the loss that is trained (a distilled one, where it is distilled), as
``backward`` leaves them: before they are clipped, so that one steep batch counts as what it is.
Learning rate and moments of the optimiser are left out, as in the paper. A pruned weight is zero
and adds nothing; unlike the paper's, whose masks are soft until the end, it does not come back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor

KIND = "movement"
"""What a criterion needs that scores by it: of the trial itself, not of the dense model."""


class Movement:
    """Sums of ``-w * dL/dw`` of leaf tensors ``weights``, each of its weight's shape and device.

    ``scores``, by name, are zero at first and are added to in place.
    """

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        self.weights = dict(weights)
        self.scores = {name: torch.zeros_like(w.detach()) for name, w in weights.items()}

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """While it is open, each ``backward`` adds a step; afterwards no hook is left."""
        handles = []
        try:
            for name, weight in self.weights.items():
                add = partial(_add, self.scores[name])
                handles.append(weight.register_post_accumulate_grad_hook(add))  # type: ignore[no-untyped-call]
            yield
        finally:
            for handle in handles:
                handle.remove()

    def load(self, scores: Mapping[str, Tensor]) -> None:
        """Go on from the ``scores`` of a checkpoint."""
        for name, score in scores.items():
            self.scores[name].copy_(score)


@torch.no_grad()
def _add(score: Tensor, weight: Tensor) -> None:
    assert weight.grad is not None  # the hook runs when it is there
    score.addcmul_(weight, weight.grad, value=-1)
