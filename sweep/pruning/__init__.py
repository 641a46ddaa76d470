"""Pruning: a criterion scores, a scope compares, a mask holds; activations likewise."""

from sweep.pruning.activations import ActivationPruner
from sweep.pruning.criteria import CRITERIA
from sweep.pruning.masks import Masks, make_masks
from sweep.pruning.targets import Targets, prunable_weights

__all__ = ["CRITERIA", "ActivationPruner", "Masks", "Targets", "make_masks", "prunable_weights"]
