"""What a reader of a sweep's figures must know of the model that it starts from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sweep.compress.models import has_head
from sweep.compress.start_masks import has_masks, read_masks, share
from sweep.export.grid import grid_setting

if TYPE_CHECKING:
    from sweep.compress.dense.bench import Workbench
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
OFF_GRID = (
    "the model is quantised (its weights lie on a grid), and baseline.quantization is not set: it "
    "is taken for a model in floats, and finetuning lets its weights off the grid; to go on there, "
    "set baseline.quantization={{{setting}}}"
)


def caveats(bench: Workbench) -> list[str]:
    """A sentence each."""
    config = bench.config
    if config.baseline.epochs > 0:
        return _of_before(config)
    untrained = not has_head(bench.dense.model.config)
    return [SEEN] * bench.task.carved + [UNTRAINED] * untrained + _of_before(config)


def _of_before(config: SweepConfig) -> list[str]:
    """What an exported model brings along, and the config does not ask for."""
    return _regrow(config) + _off_grid(config)


def _regrow(config: SweepConfig) -> list[str]:
    if config.pruning.start_masks == "keep" or not has_masks(config.model):
        return []
    return [REGROW.format(share=share(read_masks(config.model)))]


def _off_grid(config: SweepConfig) -> list[str]:
    setting = grid_setting(config.model) if config.baseline.quantization is None else None
    if setting is None:
        return []
    return [OFF_GRID.format(setting=", ".join(f"{k}: {v}" for k, v in setting.items()))]
