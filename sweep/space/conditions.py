"""Conditions: a parameter is active only if another parameter has certain values.

The ``when`` of a parameter is a list of conditions, and so are the built-in rules in
`sweep.space.params`. `sweep.space.active` evaluates them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sweep.space.values import Value


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
