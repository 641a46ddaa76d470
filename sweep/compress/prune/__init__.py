"""Pruning: a criterion scores, a scope compares, a mask holds; activations likewise."""

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
