"""Accuracy as a formula of a trial's params and epoch, shaped like what small BERTs do.

Made up, not fitted, and with the traits that make the search hard: accuracy falls off a cliff of
sparsity, sooner for random scores than for magnitudes; finetuning moves the cliff, as fast as the
learning rate suits; the sparse end is at chance after one epoch, and recovers from the second.
"""

from __future__ import annotations

import math

from sweep.space.params import Params

DENSE, CHANCE = 0.92, 0.1
"""Expected accuracy of the dense model, and of one that knows nothing (ten classes)."""

CLIFF = {"random": 0.35}
"""Sparsity at which half of what was known is gone without finetuning, by method."""

OTHER_CLIFF, GLOBAL_BONUS, WIDTH = 0.68, 0.05, 0.05
RECOVERY, PACE, BEST_LEARNING_RATE = 0.27, 0.7, 1e-3
ACTIVATIONS = 0.2
"""What activation sparsity costs, as a share of what as much weight sparsity would."""

SLOW_FROM, DIVERGES_FROM = 0.8, 0.1
"""The sparsity from which the first epoch recovers nothing; a learning rate that no model bears."""


def expected_accuracy(params: Params, recovered: float) -> float:
    """In (CHANCE, DENSE); ``recovered`` in [0, 1] is how far finetuning has come."""
    load = params.sparsity + ACTIVATIONS * params.activation_sparsity
    cliff = CLIFF.get(params.method, OTHER_CLIFF) + GLOBAL_BONUS * (params.scope == "global")
    distance = (cliff + RECOVERY * recovered - load) / WIDTH
    return CHANCE + (DENSE - CHANCE) / (1 + math.exp(-distance))


def recover(params: Params, epoch: int, recovered: float) -> float:
    """How far finetuning has come after one more epoch, of which ``epoch`` (>= 1) is the number.

    Each epoch makes up the same share of what is left, so after e epochs (less the one that the
    sparse end waits) it is ``1 - (1 - share) ** e``.
    """
    if epoch == 1 and params.sparsity >= SLOW_FROM:
        return recovered
    return recovered + (1 - recovered) * share(params.learning_rate)


def share(learning_rate: float) -> float:
    """What an epoch makes up of what is left, in (0, PACE]: best at BEST_LEARNING_RATE.

    >>> share(1e-3), round(share(1e-4), 3)
    (0.7, 0.258)
    """
    return PACE * math.exp(-((math.log10(learning_rate / BEST_LEARNING_RATE)) ** 2))
