"""Count the configurations of a space, and find parameters that can never be active."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from graphlib import CycleError
from math import inf
from typing import Any

from sweep.space.active import conditions_on, fixed, is_active, order
from sweep.space.domains import MOST_LISTED, Constant, Domain, plain_when, samples
from sweep.space.params import DEFAULTS, FIXED, longest_ramp
from sweep.space.values import Problem, one_line

_SHORTENS = ("finetune_epochs", "granularity")
"""The parameters of `longest_ramp`."""


def size(space: Mapping[str, Domain]) -> int | float:
    """The number of configurations of a space; infinity with a range without a step.

    This is an upper bound if a parameter that others depend on has more than 100,000 values, or if
    the finetune epochs depend on the ramp that they shorten.
    """
    return _Walk(space).count()


def condition_problems(space: Mapping[str, Domain]) -> list[tuple[str, Problem]]:
    """(parameter, problem) for every ``when`` that is part of a cycle or can never hold."""
    try:
        names = order(space)
    except CycleError as error:
        cycle = [str(name) for name in error.args[1]]
        what = f"its conditions form a cycle: {' on '.join(reversed(cycle))}"
        name = next(name for name in space if name in cycle)
        return [(name, Problem(("when",), what, plain_when(space[name].when), "no cycle"))]
    found: list[tuple[str, Problem]] = []
    for name in names:
        for condition in space[name].when:
            parent = space[condition.parent]
            if not any(condition.holds(value) for value in samples(parent, [condition])):
                allowed = f"values of space.{condition.parent}: {one_line(parent.plain())}"
                where = ("when", condition.parent)
                found.append((name, Problem(where, "can never hold", condition.plain(), allowed)))
    if found:
        return found
    walk = _Walk(space)
    walk.count()
    what = "its conditions never hold at the same time"
    unreachable = [name for name in names if name not in walk.reached][:1]
    return [(name, Problem(("when",), what, plain_when(space[name].when))) for name in unreachable]


class _Walk:
    """A walk over the parameters of a space. Values with equal effects form one branch."""

    def __init__(self, space: Mapping[str, Domain]) -> None:
        self.names = order(space)
        self.reached: set[str] = set()
        """The parameters that are active in some configuration, after :meth:`count`."""
        self._space = space
        ramp = space.get("ramp_epochs", Constant(0))
        self._longest = max(map(float, samples(ramp, ()))) if ramp.size > 1 else 0
        self._branches = cache(self._branches_up_to)

    def count(self, index: int = 0, found: Mapping[str, Any] | None = None) -> int | float:
        """The number of configurations of the parameters from ``index`` on, given ``found``."""
        if index == len(self.names):
            return 1
        name, found = self.names[index], found or {}
        only = fixed(name, found)
        if only is None and not is_active(self._space[name], found):
            return self.count(index + 1, found)
        self.reached.add(name)
        if only is not None:
            return self.count(index + 1, {**found, name: only})
        known = {before: found.get(before, DEFAULTS.get(before)) for before in self.names[:index]}
        shortens = {one: known[one] for one in _SHORTENS if one in known}
        most = longest_ramp(**shortens) if name == "ramp_epochs" else inf
        parents = [c for c in conditions_on(name) if c.parent in known]
        total: int | float = 0
        for value, number in self._branches(name, most if most < self._longest else inf):
            below = self.count(index + 1, {**found, name: value})
            if not all(c.holds(known[c.parent]) for c in parents):
                return below  # the value has no effect
            total += number * below
        return total

    def _branches_up_to(self, name: str, most: float) -> list[tuple[Any, int | float]]:
        """One value for each effect on other parameters, and the number of values with that effect.

        Values above ``most`` have the same effect as ``most``.
        """
        domain = self._space[name]
        tests = [
            condition
            for child, other in self._space.items()
            for condition in (*other.when, *(conditions_on(child) if other.size > 1 else ()))
            if condition.parent == name
        ]
        fixes = [child for child, (parent, _) in FIXED.items() if parent == name]
        if not tests and not fixes and name not in _SHORTENS and most == inf:
            return [(domain.nth(0), domain.size)]
        found: dict[tuple[Any, ...], dict[Any, Any]] = {}
        for value in samples(domain, tests):
            known = {name: value}
            ramp = min(longest_ramp(**known), self._longest) if name in _SHORTENS else inf
            left = (fixed(child, known) for child in fixes)
            effect = (ramp, *left, *(c.holds(value) for c in tests))
            found.setdefault(effect, {})[value if most == inf else min(value, most)] = value
        return [
            (next(iter(some.values())), len(some) if domain.size <= MOST_LISTED else domain.size)
            for some in found.values()
        ]
