"""Points of a space without a model: evenly spread ones for a start, and those not yet proposed.

TPE and GP begin with ten random points. Of 2 methods x 2 scopes, ten random points miss one
combination in about one sweep of five, and the model that learns from them may then never ask for
it (seen on SST-2: no l1-norm local in 32 trials). A scrambled Sobol sequence (Owen 1998) has every
half of every parameter, and every quarter of two, equally often among its first eight points.

Where a sampler repeats itself, the search goes on with the configurations that were not proposed
yet, in the order of :class:`Configurations`. A grid has no other proposals.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from scipy.stats import qmc

from sweep.search.samplers import TRIES, sampler_seed
from sweep.space.active import Identity, active, complete, identity, order
from sweep.space.counting import size
from sweep.space.domains import Constant, Domain, Float, Int

STARTUP = 10
"""How many evenly spread points: TPE and GP model nothing before they have seen so many."""

DRAWS = 1000
"""Random draws from an infinite space before it counts as exhausted: what is left is too rare."""


def completions(
    space: Mapping[str, Domain], given: Mapping[str, Any], seed: int, number: int
) -> Iterator[dict[str, Any]]:
    """Params for trial ``number`` with the ``given`` values; the others are spread evenly.

    There are several, so that one of them is new.
    """
    for attempt in range(TRIES, 2 * TRIES):
        spread = spread_values(space, sampler_seed(seed, number // 16, attempt), number % 16)
        yield complete(space, given, spread.__getitem__)


def spread_values(space: Mapping[str, Domain], seed: int, number: int) -> dict[str, Any]:
    """The values of point ``number`` in [0, 16) of an even spread, without constants.

    The same space, seed and number give the same values.
    """
    shares = spread_shares(space, seed, number)
    return {name: value_at(space[name], u) for name, u in shares.items()}


def spread_shares(space: Mapping[str, Domain], seed: int, number: int) -> dict[str, float]:
    """The positions of these values in their ranges or lists, in [0, 1)."""
    # The first dimensions of a Sobol sequence are the most even: they are used for short lists.
    names = sorted(
        (name for name, domain in space.items() if not isinstance(domain, Constant)),
        key=lambda name: space[name].size,
    )
    if not names:
        return {}
    points = qmc.Sobol(len(names), scramble=True, rng=seed).random_base2(4)
    return dict(zip(names, points[number].tolist(), strict=True))


def value_at(domain: Domain, u: float) -> Any:
    """The value at the position ``u`` in [0, 1) of a range or a list."""
    if isinstance(domain, Int) and domain.log:
        return min(domain.high, int(domain.low * ((domain.high + 1) / domain.low) ** u))
    if not isinstance(domain, Float) or domain.step is not None:
        return domain.nth(int(u * domain.size))
    if not domain.log:
        return domain.low + u * (domain.high - domain.low)
    low, high = math.log(domain.low), math.log(domain.high)
    return min(domain.high, max(domain.low, math.exp(low + u * (high - low))))


class Configurations:
    """The configurations of a space: which were proposed, and in which order the others follow.

    The order is that of a grid (the last parameter turns fastest), or, with a ``seed``, one that
    jumps about. An infinite space is drawn from at random.
    """

    def __init__(self, space: Mapping[str, Domain], seed: int | None) -> None:
        self._space, self._names = space, order(space)
        self._proposed: set[Identity] = set()
        self._is_infinite = math.isinf(size(space))
        # An infinite domain in a finite space is never active: one value stands for all.
        self._sizes = {n: 1 if math.isinf(d.size) else int(d.size) for n, d in space.items()}
        self._total = math.prod(self._sizes.values())
        self._seed = seed or 0
        self._step, self._offset = (1, 0) if seed is None else _jumps(self._total, seed)
        self._next = 0

    def add(self, params: Mapping[str, Any]) -> None:
        """A trial has these params."""
        self._proposed.add(identity(params))

    def __contains__(self, params: Mapping[str, Any]) -> bool:
        """Whether a trial had params that make the same configuration."""
        return identity(params) in self._proposed

    def following(self, number: int, skip: int = 0) -> dict[str, Any]:
        """The next one that was not proposed, or the one ``skip`` further; {} if none is left.

        ``number`` seeds random draws. Nothing changes until :meth:`add`.
        """
        passed: set[Identity] = set()
        for point in self._drawn(number) if self._is_infinite else self._rest():
            one = identity(point)
            if one in self._proposed or one in passed:
                continue
            if len(passed) == skip:
                return point
            passed.add(one)
        return {}

    def _rest(self) -> Iterator[dict[str, Any]]:
        while self._next < self._total and self._at(self._next) in self:
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
        for _ in range(DRAWS):
            yield active(
                self._space,
                self._names,
                lambda name, found: value_at(self._space[name], float(chance.random())),
            )


def _jumps(total: int, seed: int) -> tuple[int, int]:
    """(step, offset) such that (offset + step * i) mod total takes every index once."""
    chance = random.Random(seed)
    offset, step = chance.randrange(total), total * 5 // 8 + chance.randrange(total // 8 + 1)
    while math.gcd(step, total) != 1:
        step += 1
    return step, offset
