"""The configurations of a space, one after the other, without those that were tried."""

from __future__ import annotations

import math
import random
from collections.abc import Container, Iterator, Mapping
from typing import Any

import numpy as np

from sweep.search.startup import value_at
from sweep.space.conditions import Identity, active, identity, order
from sweep.space.counting import size
from sweep.space.domains import Domain

TRIES = 1000
"""Random draws from an endless space before it counts as exhausted: what is left is too rare."""


class Untried:
    """The points of a space in an order: that of a grid (the last parameter turns fastest), or,
    with a ``seed``, one that jumps about. An endless space is drawn from at random.
    """

    def __init__(self, space: Mapping[str, Domain], seed: int | None) -> None:
        self._space, self._names = space, order(space)
        self._endless = math.isinf(size(space))
        # An endless domain in a space with an end is moot throughout: one value stands for all.
        self._sizes = {n: 1 if math.isinf(d.size) else int(d.size) for n, d in space.items()}
        self._total = math.prod(self._sizes.values())
        self._seed = seed or 0
        self._step, self._offset = (1, 0) if seed is None else _jumps(self._total, seed)
        self._next = 0

    def point(self, tried: Container[Identity], number: int, skip: int = 0) -> dict[str, Any]:
        """The first point that is not ``tried``, or the one ``skip`` further; {} if none is left.

        What is tried may only grow from one call to the next. ``number`` seeds random draws.
        """
        passed: set[Identity] = set()
        for point in self._drawn(number) if self._endless else self._from(tried):
            one = identity(point)
            if one in tried or one in passed:
                continue
            if len(passed) == skip:
                return point
            passed.add(one)
        return {}

    def _from(self, tried: Container[Identity]) -> Iterator[dict[str, Any]]:
        while self._next < self._total and identity(self._at(self._next)) in tried:
            self._next += 1
        return map(self._at, range(self._next, self._total))

    def _at(self, index: int) -> dict[str, Any]:
        index = (self._offset + self._step * index) % self._total
        picked: dict[str, Any] = {}
        for name in reversed(self._names):
            index, nth = divmod(index, self._sizes[name])
            picked[name] = self._space[name].nth(nth)
        return active(self._space, self._names, lambda name, found: picked[name])

    def _drawn(self, number: int) -> Iterator[dict[str, Any]]:
        chance = np.random.default_rng([self._seed, number, 3])
        for _ in range(TRIES):
            yield active(
                self._space,
                self._names,
                lambda name, found: value_at(self._space[name], float(chance.random())),
            )


def _jumps(total: int, seed: int) -> tuple[int, int]:
    """(step, offset), such that offset + step * i mod total meets every index once."""
    chance = random.Random(seed)
    offset, step = chance.randrange(total), total * 5 // 8 + chance.randrange(total // 8 + 1)
    while math.gcd(step, total) != 1:
        step += 1
    return step, offset
