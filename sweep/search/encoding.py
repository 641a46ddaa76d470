"""Params as points that a distance can be taken between."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sweep.search.distributions import FIDELITY
from sweep.search.surrogate import Inputs
from sweep.space.domains import Choice, Constant, Domain

UNKNOWN = -1
"""The index of a choice that is not there."""

SPARSITIES = ("sparsity", "activation_sparsity")

Spot = tuple[Mapping[str, Any], int]
"""Params, and the finetune epoch at which they are looked at."""


class Encoding:
    """The searched parameters of a space, and the epoch, as numbers in [0, 1] and choices.

    A log range is even on its log scale. A sparsity s counts as log(1 / (1 - s)), the log of how
    many times smaller: accuracy falls off a cliff near the sparse end, where 0.97 and 0.99 are as
    far apart as 0.5 and 0.83. An epoch counts as log(1 + epoch), since the first ones matter most.
    A parameter that is not there sits in the middle of its range.
    """

    def __init__(self, space: Mapping[str, Domain], most_epochs: int) -> None:
        searched = {
            name: domain
            for name, domain in space.items()
            if not isinstance(domain, Constant) and name not in (FIDELITY, "seed")
        }
        self._choices = {
            name: {value: index for index, value in enumerate(domain.values)}
            for name, domain in searched.items()
            if isinstance(domain, Choice) and any(isinstance(v, str) for v in domain.values)
        }
        self._ends = {n: _ends(d) for n, d in searched.items() if n not in self._choices}
        self._ranges = {n for n, d in searched.items() if not isinstance(d, Choice)}
        self._most = math.log1p(max(most_epochs, 1))

    @property
    def numbers(self) -> list[str]:
        """The names of the columns of numbers."""
        return [*self._ends, FIDELITY]

    @property
    def choices(self) -> list[str]:
        """The names of the columns of choices."""
        return list(self._choices)

    def inputs(self, spots: Sequence[Spot]) -> Inputs:
        """n spots as n points."""
        numbers = [[*self._row(params), math.log1p(epoch) / self._most] for params, epoch in spots]
        choices = [
            [known.get(params.get(name, ""), UNKNOWN) for name, known in self._choices.items()]
            for params, _ in spots
        ]
        return Inputs(
            np.array(numbers, dtype=float).reshape(len(spots), len(self.numbers)),
            np.array(choices, dtype=np.int64).reshape(len(spots), len(self._choices)),
        )

    def share(self, name: str, value: float) -> float | None:
        """How far through its range a value lies, in [0, 1]; None for a parameter that has none."""
        return _share(float(value), *self._ends[name]) if name in self._ranges else None

    def _row(self, params: Mapping[str, Any]) -> list[float]:
        return [
            0.5 if params.get(name) is None else self._coordinate(name, float(params[name]))
            for name in self._ends
        ]

    def _coordinate(self, name: str, value: float) -> float:
        low, high, log = self._ends[name]
        if name in SPARSITIES:
            value, low, high = (-math.log1p(-share) for share in (value, low, high))
        return _share(value, low, high, log and name not in SPARSITIES)


def _ends(domain: Domain) -> tuple[float, float, bool]:
    """Lowest, highest, whether on a log scale."""
    if isinstance(domain, Choice):
        values = [float(value) for value in domain.values]
        return min(values), max(values), False
    assert not isinstance(domain, Constant)
    return float(domain.low), float(domain.high), domain.log


def _share(value: float, low: float, high: float, log: bool) -> float:
    if low == high:
        return 0.5
    if log:
        value, low, high = math.log(value), math.log(low), math.log(high)
    return (value - low) / (high - low)
