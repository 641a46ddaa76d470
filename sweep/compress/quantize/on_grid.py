"""A dense model on a grid: which grid, and how it was finetuned there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sweep.compress.quantize.scheme import Scheme

if TYPE_CHECKING:
    from sweep.config import BaselineConfig


@dataclass(frozen=True)
class OnGrid:
    """``epochs`` 0: post-training quantisation (PTQ); else so many are finetuned on the grid (QAT).

    ``learning_rate`` is the peak of that finetuning.
    """

    scheme: Scheme
    epochs: int = 0
    learning_rate: float = 0.0

    @property
    def untrained(self) -> OnGrid:
        """The same grid right after rounding."""
        return replace(self, epochs=0, learning_rate=0.0)


def grid_of(config: BaselineConfig, name: str | None) -> OnGrid | None:
    """What a trial's ``quantization`` means; None: what ``baseline.quantization`` says.

    ``none`` is no grid. A scheme that the config does not describe has the usual widths, and as
    many epochs as the one that it does.
    """
    chosen = config.quantization
    if name is None:
        name = chosen.scheme if chosen else "none"
    if name == "none":
        return None
    scheme = Scheme(name)
    if chosen and chosen.scheme == name == "fixed":
        scheme = Scheme(name, *chosen.widths)
    if chosen is None or chosen.epochs == 0:
        return OnGrid(scheme)
    return OnGrid(scheme, chosen.epochs, chosen.learning_rate)
