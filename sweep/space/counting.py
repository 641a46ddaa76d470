"""How many configurations a space has, and which of its parameters can never be there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from graphlib import CycleError
from math import inf
from typing import Any

from sweep.space.active import DEFAULTS, conditions_on, fixed, order
from sweep.space.conditions import Condition
from sweep.space.domains import MOST_LISTED, Constant, Domain, samples
from sweep.space.parameters import FIXED
from sweep.space.params import longest_ramp
from sweep.space.values import Problem
from sweep.space.yaml import one_line


def size(space: Mapping[str, Domain]) -> int | float:
    """How many configurations a space has; infinitely many with a range without a step.

    An upper bound where a parameter that others depend on has more than 100,000 values, or where
    the finetune epochs depend on the ramp that they shorten.
    """
    return _Tree.of(space).count(0, _Outcome(), set())


def condition_problems(space: Mapping[str, Domain]) -> list[tuple[str, Problem]]:
    """(parameter, problem) of every ``when`` that goes round in a circle or can never hold."""
    try:
        names = order(space)
    except CycleError as error:
        circle = [str(name) for name in error.args[1]]
        what = f"its conditions go round in a circle: {' on '.join(reversed(circle))}"
        name = next(name for name in space if name in circle)
        return [(name, Problem(("when",), what, _plain_of(space[name]), "parents that come first"))]
    found: list[tuple[str, Problem]] = []
    for name in names:
        for condition in space[name].when:
            parent = space[condition.parent]
            if not any(condition.holds(value) for value in samples(parent, [condition])):
                allowed = f"what space.{condition.parent} can be: {one_line(parent.plain())}"
                where = ("when", condition.parent)
                found.append((name, Problem(where, "can never hold", condition.plain(), allowed)))
    reached: set[str] = set()
    _Tree.of(space).count(0, _Outcome(), reached)
    said = {name for name, _ in found}
    for name in names:
        if not found and name not in reached and name not in said:
            what = "its conditions never hold together"
            found.append((name, Problem(("when",), what, _plain_of(space[name]))))
    return found


def _plain_of(domain: Domain) -> dict[str, Any]:
    """The YAML form of a domain's conditions."""
    return {condition.parent: condition.plain() for condition in domain.when}


@dataclass(frozen=True)
class _Outcome:
    """What the values of some parameters make of others.

    ``off``: left out by the space; ``idle``: made inactive by a built-in condition; ``fixed``: with
    the value that is left; ``capped``: with the most that a value counts as.
    """

    off: frozenset[str] = frozenset()
    idle: frozenset[str] = frozenset()
    fixed: frozenset[tuple[str, float]] = frozenset()
    capped: frozenset[tuple[str, float]] = frozenset()

    def __or__(self, more: _Outcome) -> _Outcome:
        return _Outcome(
            self.off | more.off,
            self.idle | more.idle,
            self.fixed | more.fixed,
            self.capped | more.capped,
        )


@dataclass(frozen=True)
class _Tree:
    """A space as a walk over its parameters, in which values of the same outcome are one branch."""

    names: list[str]
    tests: dict[str, _Tests]
    branches: dict[str, dict[_Outcome, int | float]]
    """Parameter -> outcome -> number of its values."""

    @classmethod
    def of(cls, space: Mapping[str, Domain]) -> _Tree:
        tests = {name: _Tests.on(name, space) for name in space}
        found = {name: test.branches() for name, test in tests.items()}
        return cls(order(space), tests, found)

    def count(self, index: int, known: _Outcome, reached: set[str]) -> int | float:
        """Configurations from the ``index``-th parameter on; ``reached`` gets the active ones."""
        if index == len(self.names):
            return 1
        name, left = self.names[index], dict(known.fixed)
        tests = self.tests[name]
        if name in known.off and name not in left:
            return self.count(index + 1, known | tests.inactive(), reached)
        reached.add(name)
        if name in left:
            return self.count(index + 1, known | tests.outcome(left[name]), reached)
        most = min((most for child, most in known.capped if child == name), default=inf)
        branches = self.branches[name] if most == inf else tests.branches(most)
        total: int | float = 0
        for outcome, number in branches.items():
            below = self.count(index + 1, known | outcome, reached)
            if name in known.idle:
                return below
            total += number * below
        return total


@dataclass(frozen=True)
class _Tests:
    """What hangs on the value of one parameter."""

    name: str
    domain: Domain
    conditions: list[tuple[str, Condition]]
    built_in: list[tuple[str, Condition]]
    fixes: list[str]
    ramp: float
    """The longest ramp of the space, if this parameter can shorten it, else 0."""

    @classmethod
    def on(cls, name: str, space: Mapping[str, Domain]) -> _Tests:
        conditions = [
            (child, c) for child, domain in space.items() for c in domain.when if c.parent == name
        ]
        built_in = [
            (child, condition)
            for child, domain in space.items()
            for condition in conditions_on(child)
            if condition.parent == name and domain.size > 1
        ]
        fixes = [child for child, (parent, _) in FIXED.items() if parent == name and child in space]
        ramp = space.get("ramp_epochs", Constant(0))
        shortens = name in ("finetune_epochs", "granularity") and ramp.size > 1
        longest = max(map(float, samples(ramp, []))) if shortens else 0
        return cls(name, space[name], conditions, built_in, fixes, longest)

    def __bool__(self) -> bool:
        return bool(self.conditions or self.built_in or self.fixes or self.ramp)

    def outcome(self, value: Any) -> _Outcome:
        known = {self.name: value}
        values = ((child, fixed(child, known)) for child in self.fixes)
        most = longest_ramp(**known) if self.ramp else inf
        return _Outcome(
            frozenset(child for child, c in self.conditions if not c.holds(value)),
            frozenset(child for child, c in self.built_in if not c.holds(value)),
            frozenset((child, only) for child, only in values if only is not None),
            frozenset([("ramp_epochs", most)] if most < self.ramp else []),
        )

    def inactive(self) -> _Outcome:
        default = self.outcome(DEFAULTS.get(self.name))
        return replace(default, off=frozenset(child for child, _ in self.conditions))

    def branches(self, most: float = inf) -> dict[_Outcome, int | float]:
        """Outcome -> number of values, where those above ``most`` are all as good as ``most``."""
        if not self and most == inf:
            return {_Outcome(): self.domain.size}
        if self.domain.size <= MOST_LISTED:
            values = self.domain.grid()
            if most < inf:
                kinds = {(min(value, most), self.outcome(value)) for value in values}
                return dict(Counter(outcome for _, outcome in kinds))
            return dict(Counter(map(self.outcome, values)))
        some = samples(self.domain, [c for _, c in (*self.conditions, *self.built_in)])
        return {self.outcome(value): self.domain.size for value in some}
