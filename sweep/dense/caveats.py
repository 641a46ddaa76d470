"""What a reader of a sweep's figures must know of the model that it starts from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sweep.handover.start import has_masks, read_masks, share
from sweep.model import has_head

if TYPE_CHECKING:
    from sweep.baseline import Workbench
    from sweep.config import SweepConfig

SEEN = (
    "validation is carved from the train split, and the model was finetuned before this sweep "
    "(baseline.epochs: 0): it may have seen these examples, so validation figures flatter it"
)
UNTRAINED = (
    "the model has no trained classifier head, and baseline.epochs is 0: its answers are chance"
)
REGROW = (
    "the model was pruned before ({share:.1%} of the weights that have a mask), and "
    "pruning.start_masks is drop: where a trial keeps such a weight, finetuning may let it grow"
)


def caveats(bench: Workbench) -> list[str]:
    """A sentence each."""
    config = bench.config
    if config.baseline.epochs > 0:
        return _regrow(config)
    untrained = not has_head(bench.dense.model.config)
    return [SEEN] * bench.task.carved + [UNTRAINED] * untrained + _regrow(config)


def _regrow(config: SweepConfig) -> list[str]:
    if config.pruning.start_masks == "keep" or not has_masks(config.model):
        return []
    return [REGROW.format(share=share(read_masks(config.model)))]
