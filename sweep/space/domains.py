"""Domains: what one parameter may be. Small frozen values that know no YAML and no sampler.

All conditions in ``when`` must hold for the parameter to be active (see `sweep.space.active`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any, ClassVar

from sweep.space.conditions import Condition, plain_when
from sweep.space.values import Value, as_number


@dataclass(frozen=True)
class Float:
    """The numbers from ``low`` to ``high``, both included; with a step, every step from ``low``."""

    low: float
    high: float
    log: bool = False
    step: float | None = None
    when: tuple[Condition, ...] = ()

    @property
    def size(self) -> int | float:
        """How many values there are: infinitely many without a step."""
        if self.low == self.high:
            return 1
        if self.step is None:
            return math.inf
        return int((_decimal(self.high) - _decimal(self.low)) // _decimal(self.step)) + 1

    def contains(self, value: object) -> bool:
        """Whether a trial of this space can have ``value``."""
        number = _as_own_number(value)
        if number is None:
            return False
        if self.step is None:
            return self.low <= number <= self.high
        steps = (number - self.low) / self.step
        # A sampler adds steps up in floats, so its values lie a rounding error off the grid: Optuna
        # allows for as much.
        return abs(steps - round(steps)) < 1e-8 and 0 <= round(steps) < self.size

    def grid(self) -> list[Value]:
        """Every value, in order. Raises ValueError where there are infinitely many."""
        if math.isinf(self.size):
            raise ValueError("a grid needs a step or a list here: a range has no end of values")
        return [self.nth(index) for index in range(int(self.size))]

    def nth(self, index: int) -> float:
        """The ``index``-th of the values; the one that lies lowest where there is no step."""
        return float(_decimal(self.low) + index * _decimal(self.step or 0.0))

    @property
    def last(self) -> float:
        """The highest value: ``high``, or the last whole step below it."""
        return self.high if self.step is None else self.nth(int(self.size) - 1)

    def plain(self) -> dict[str, Any]:
        """The YAML form."""
        log = {"log": True} if self.log else {}
        step = {} if self.step is None else {"step": self.step}
        return {"low": self.low, "high": self.high, **log, **step, **plain_when(self.when)}


@dataclass(frozen=True)
class Int:
    """The integers from ``low`` to ``high``, both included, every ``step``-th of them."""

    low: int
    high: int
    log: bool = False
    step: int = 1
    when: tuple[Condition, ...] = ()

    @property
    def size(self) -> int | float:
        return (self.high - self.low) // self.step + 1

    def contains(self, value: object) -> bool:
        number = _as_own_number(value)
        if number is None or not self.low <= number <= self.high:
            return False
        return (number - self.low) % self.step == 0

    def grid(self) -> list[Value]:
        return list(range(self.low, self.high + 1, self.step))

    def nth(self, index: int) -> int:
        return self.low + index * self.step

    def plain(self) -> dict[str, Any]:
        log = {"log": True} if self.log else {}
        step = {} if self.step == 1 else {"step": self.step}
        return {"low": self.low, "high": self.high, **log, **step, **plain_when(self.when)}


@dataclass(frozen=True)
class Choice:
    """A few values, no two alike."""

    values: tuple[Value, ...]
    when: tuple[Condition, ...] = ()

    @property
    def size(self) -> int | float:
        return len(self.values)

    def contains(self, value: object) -> bool:
        return not isinstance(value, bool) and value in self.values

    def grid(self) -> list[Value]:
        return list(self.values)

    def nth(self, index: int) -> Value:
        return self.values[index]

    def plain(self) -> list[Value] | dict[str, Any]:
        values = list(self.values)
        return {"values": values, **plain_when(self.when)} if self.when else values


@dataclass(frozen=True)
class Constant:
    """One value, always; None: none is given, and what it stands for is chosen elsewhere."""

    value: Value | None
    when: ClassVar[tuple[Condition, ...]] = ()

    @property
    def size(self) -> int | float:
        return 1

    def contains(self, value: object) -> bool:
        return not isinstance(value, bool) and value == self.value

    def grid(self) -> list[Any]:
        return [self.value]

    def nth(self, index: int) -> Value | None:
        return self.value

    def plain(self) -> Value | None:
        return self.value


Domain = Float | Int | Choice | Constant

MOST_LISTED = 100_000
"""Domains of more values are not gone through value by value."""


def samples(domain: Domain, conditions: Sequence[Condition]) -> Iterator[Any]:
    """Values of a domain: all of a short one, and one for which each condition holds, if any is."""
    if domain.size <= MOST_LISTED or isinstance(domain, Choice | Constant):
        yield from domain.grid()
        return
    ends = [domain.low, domain.high]
    for condition in conditions:
        ends += [end for end in (condition.low, condition.high) if end is not None]
        listed = (*condition.values, *condition.unless)
        ends += [value for value in listed if not isinstance(value, str)]
    ends = sorted({min(max(end, domain.low), domain.high) for end in ends})
    for value in [*ends, *((a + b) / 2 for a, b in pairwise(ends))]:
        step = domain.step
        if step is None:
            yield value
        else:
            whole = domain.low + math.floor((value - domain.low) / step) * step
            near = (whole, min(whole + step, domain.high))
            yield from (int(v) if isinstance(domain, Int) else v for v in near)


def _decimal(value: float) -> Decimal:
    """``value`` as it is written: 0.1 is a tenth, so that 0.1 + 2 * 0.1 is 0.3."""
    return Decimal(repr(value))


def width(low: float, high: float) -> float:
    """``high - low`` without the rounding error of floats: 0.3 - 0.2 is 0.1."""
    return float(_decimal(high) - _decimal(low))


def _as_own_number(value: object) -> int | float | None:
    """``value`` if it is a finite number and not the text of one."""
    number = None if isinstance(value, str) else as_number(value)
    return number if number is not None and math.isfinite(number) else None
