"""Pruning: a criterion scores, a scope compares, a mask holds; activations likewise."""

from sweep.compress.prune.activations import ActivationPruner
from sweep.compress.prune.criteria import CRITERIA
from sweep.compress.prune.masks import Masks, make_masks
from sweep.compress.prune.targets import Targets, prunable_weights

__all__ = ["CRITERIA", "ActivationPruner", "Masks", "Targets", "make_masks", "prunable_weights"]
