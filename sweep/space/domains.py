"""Domains: the values that a parameter may have, independent of YAML and samplers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise
from typing import Any, ClassVar, Generic, Self, TypeVar

from sweep.space.values import Value

Number = TypeVar("Number", int, float)


@dataclass(frozen=True)
class Condition:
    """Holds if ``parent`` has one of ``values``, none of ``unless``, or a value in a range.

    The range is from ``low`` to ``high``, both included; an end of None is unbounded. If ``parent``
    is inactive itself, no condition on it holds.
    """

    parent: str
    values: tuple[Value, ...] = ()
    low: float | None = None
    high: float | None = None
    unless: tuple[Value, ...] = ()

    def holds(self, value: object) -> bool:
        """Whether the condition holds for ``value`` of the parent."""
        if self.unless:
            return value not in self.unless
        if self.values:
            return any(_is_same(value, own) for own in self.values)
        if not isinstance(value, int | float):
            return False
        low = -math.inf if self.low is None else self.low
        return low <= value <= (math.inf if self.high is None else self.high)

    def plain(self) -> Any:
        """The YAML form of the condition; ``unless`` has none."""
        if self.values:
            return self.values[0] if len(self.values) == 1 else list(self.values)
        ends = {"low": self.low, "high": self.high}
        return {name: end for name, end in ends.items() if end is not None}


def _is_same(value: object, own: Value) -> bool:
    """Whether two values are equal, up to the rounding error of a sum of steps."""
    if isinstance(value, int | float) and isinstance(own, int | float):
        return math.isclose(value, own, rel_tol=1e-9, abs_tol=1e-12)
    return value == own


def plain_when(conditions: Sequence[Condition]) -> dict[str, Any]:
    """The YAML form of conditions."""
    return {condition.parent: condition.plain() for condition in conditions}


@dataclass(frozen=True)
class _Range(Generic[Number]):
    low: Number
    high: Number
    log: bool = False
    step: Any = None
    when: tuple[Condition, ...] = ()
    kind: ClassVar[Any] = float

    @property
    def size(self) -> int | float:
        """The number of values; infinity for a range without a step."""
        if self.low == self.high:
            return 1
        if self.step is None:
            return math.inf
        return int((_decimal(self.high) - _decimal(self.low)) // _decimal(self.step)) + 1

    def contains(self, value: object) -> bool:
        """Whether a trial of this space can have ``value``."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if self.step is None or not math.isfinite(value):
            return self.low <= value <= self.high
        steps = (value - self.low) / self.step
        # A sampler adds up steps in floats, so its values have rounding errors. The tolerance is
        # that of Optuna.
        return bool(abs(steps - round(steps)) < 1e-8 and 0 <= round(steps) < self.size)

    def grid(self) -> list[Value]:
        """Every value, in order. Raises ValueError if there are infinitely many."""
        if math.isinf(self.size):
            raise ValueError("a grid needs a step or a list: a range without a step is infinite")
        return [self.nth(index) for index in range(int(self.size))]

    def nth(self, index: int) -> Number:
        """The value at ``index``; the lowest value if there is no step."""
        value: Number = self.kind(_decimal(self.low) + index * _decimal(self.step or 0))
        return value

    def to_last_step(self) -> Self:
        """The same range with its highest value as ``high``, as samplers need it."""
        if self.step is None:
            return self
        return replace(self, high=self.nth(int(self.size) - 1))

    def plain(self) -> dict[str, Any]:
        """The YAML form."""
        log = {"log": True} if self.log else {}
        step = {} if self.step == type(self).step else {"step": self.step}
        when = {"when": plain_when(self.when)} if self.when else {}
        return {"low": self.low, "high": self.high, **log, **step, **when}


@dataclass(frozen=True)
class Float(_Range[float]):
    """Numbers from ``low`` to ``high``, both included; with a step: ``low``, ``low + step``, ..."""

    step: float | None = None


@dataclass(frozen=True)
class Int(_Range[int]):
    """Integers ``low``, ``low + step``, ... up to ``high``, both ends included."""

    step: int = 1
    kind: ClassVar[Any] = int


class _Listed:
    """Base of domains that list their values, with the methods of a range."""

    values: tuple[Any, ...]

    @property
    def size(self) -> int | float:
        return len(self.values)

    def contains(self, value: object) -> bool:
        return not isinstance(value, bool) and value in self.values

    def grid(self) -> list[Any]:
        return list(self.values)

    def nth(self, index: int) -> Any:
        return self.values[index]


@dataclass(frozen=True)
class Choice(_Listed):
    """A list of different values."""

    values: tuple[Value, ...]
    when: tuple[Condition, ...] = ()

    def plain(self) -> list[Value] | dict[str, Any]:
        values = list(self.values)
        return {"values": values, "when": plain_when(self.when)} if self.when else values


@dataclass(frozen=True)
class Constant(_Listed):
    """A single value. None: no value is given, and other settings decide."""

    value: Value | None
    when: ClassVar[tuple[Condition, ...]] = ()

    @property
    def values(self) -> tuple[Value | None]:  # type: ignore[override]
        return (self.value,)

    def plain(self) -> Value | None:
        return self.value


Domain = Float | Int | Choice | Constant

MOST_LISTED = 100_000
"""Domains with more values than this are not enumerated."""


def samples(domain: Domain, conditions: Sequence[Condition]) -> Iterator[Any]:
    """All values of a small domain; of a large one, values that fulfil each condition if any do."""
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
    """The decimal number that is written as ``value``: 0.1 is exactly a tenth."""
    return Decimal(repr(value))


def width(low: float, high: float) -> float:
    """``high - low`` without the rounding error of floats: 0.3 - 0.2 is 0.1."""
    return float(_decimal(high) - _decimal(low))
