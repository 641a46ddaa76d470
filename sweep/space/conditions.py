"""Conditions: a parameter is active only while another one has certain values.

A ``when`` of a space is a list of them, and so are the built-in rules of `sweep.space.params`;
`sweep.space.active` says what follows from them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sweep.space.values import Number, OneOf, Problem, Refused, Value, gathered, noting, unknown

ALLOWED = "{parameter: value | [values] | {low: x, high: y}}"


@dataclass(frozen=True)
class Condition:
    """Holds where ``parent`` has one of ``values``, none of ``unless``, or lies in a range.

    The range is from ``low`` to ``high``, both included; an end that is None is open. Where
    ``parent`` is inactive itself, no condition on it holds.
    """

    parent: str
    values: tuple[Value, ...] = ()
    low: float | None = None
    high: float | None = None
    unless: tuple[Value, ...] = ()

    def holds(self, value: object) -> bool:
        """Whether ``value`` of the parent lets the parameter be active."""
        if self.unless:
            return value not in self.unless
        if self.values:
            return any(_same(value, own) for own in self.values)
        if not isinstance(value, int | float):
            return False
        low = -math.inf if self.low is None else self.low
        return low <= value <= (math.inf if self.high is None else self.high)

    def plain(self) -> Any:
        """The YAML form of what the parent must be; ``unless`` has none."""
        if self.values:
            return self.values[0] if len(self.values) == 1 else list(self.values)
        ends = {"low": self.low, "high": self.high}
        return {name: end for name, end in ends.items() if end is not None}


def _same(value: object, own: Value) -> bool:
    """Equal, but for the rounding error of a sum of steps."""
    if isinstance(value, int | float) and isinstance(own, int | float):
        return math.isclose(value, own, rel_tol=1e-9, abs_tol=1e-12)
    return value == own


def plain_when(conditions: Sequence[Condition]) -> dict[str, Any]:
    """``{"when": ...}`` for a domain's YAML form; nothing where there is no condition."""
    if not conditions:
        return {}
    return {"when": {condition.parent: condition.plain() for condition in conditions}}


def read_when(raw: object, rules: Mapping[str, Number | OneOf]) -> tuple[Condition, ...]:
    """The conditions of a ``when``; ``rules`` says what each parameter of a trial may be.

    Raises `Refused` with every problem.
    """
    if not isinstance(raw, Mapping) or not raw:
        raise Refused(Problem((), "must be a mapping, not empty", raw, ALLOWED))
    found: list[Condition] = []
    with gathered() as problems:
        for key, test in raw.items():
            if key not in rules:
                problems.append(unknown((str(key),), test, list(rules)))
                continue
            with noting(problems, key):
                found.append(_read_test(key, test, rules[key]))
    return tuple(found)


def _read_test(parent: str, raw: object, rule: Number | OneOf) -> Condition:
    if isinstance(raw, Mapping):
        return _read_range(parent, raw, rule)
    items = raw if isinstance(raw, list | tuple) else [raw]
    if not items:
        raise Refused(Problem((), "must not be empty", raw, ALLOWED))
    return Condition(parent, values=tuple(rule.read(item) for item in items))


def _read_range(parent: str, raw: Mapping[Any, object], rule: Number | OneOf) -> Condition:
    if not isinstance(rule, Number):
        raise Refused(Problem((), "a range needs numbers", raw, f"one or a list of {rule.allowed}"))
    strange = [key for key in raw if key not in ("low", "high")]
    if strange or not raw:
        raise Refused(Problem((), "must have low, high or both", raw, "{low: x, high: y}"))
    low, high = (rule.read(raw[end]) if end in raw else None for end in ("low", "high"))
    if low is not None and high is not None and low > high:
        raise Refused(Problem((), "low is above high", raw, "low <= high"))
    return Condition(parent, low=low, high=high)
