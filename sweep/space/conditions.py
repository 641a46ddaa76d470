"""Conditions: a parameter is active only while another one has certain values.

A ``when`` of a space is a list of them, and so are the built-in rules of `sweep.space.params`;
`sweep.space.active` says what follows from them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sweep.space.values import Value


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
