"""Pruning of weights (criteria score them, a scope compares the scores) and of activations."""

from sweep.compress.prune.activations import ActivationPruner
from sweep.compress.prune.criteria import CRITERIA
from sweep.compress.prune.masks import apply_masks, make_masks
from sweep.compress.prune.targets import Targets, prunable_weights

__all__ = [
    "CRITERIA",
    "ActivationPruner",
    "Targets",
    "apply_masks",
    "make_masks",
    "prunable_weights",
]
