"""How many configurations a space has, and which of its parameters can never be there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import CycleError
from typing import Any

from sweep.space.conditions import DECIDED_BY, DEFAULTS, RULES, decided, order
from sweep.space.domains import MOST_LISTED, Condition, Domain, samples
from sweep.space.values import Problem
from sweep.space.yaml import one_line


def size(space: Mapping[str, Domain]) -> int | float:
    """How many configurations a space has; infinitely many with a range without a step.

    An upper bound where a parameter that others depend on has more than 100,000 values.
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
    """What the values of some parameters make of others: switched off, moot, or decided."""

    off: frozenset[str] = frozenset()
    moot: frozenset[str] = frozenset()
    decided: frozenset[tuple[str, float]] = frozenset()

    def __or__(self, more: _Outcome) -> _Outcome:
        return _Outcome(self.off | more.off, self.moot | more.moot, self.decided | more.decided)


@dataclass(frozen=True)
class _Tree:
    """A space as a walk over its parameters, in which values that decide alike are one branch."""

    names: list[str]
    tests: dict[str, _Tests]
    branches: dict[str, dict[_Outcome, int | float]]
    """Parameter -> outcome -> number of its values."""

    @classmethod
    def of(cls, space: Mapping[str, Domain]) -> _Tree:
        tests = {name: _Tests.on(name, space) for name in space}
        found = {name: _branches(space[name], test) for name, test in tests.items()}
        return cls(order(space), tests, found)

    def count(self, index: int, known: _Outcome, reached: set[str]) -> int | float:
        """Configurations from the ``index``-th parameter on; ``reached`` gets the active ones."""
        if index == len(self.names):
            return 1
        name, decided_ones = self.names[index], dict(known.decided)
        if name in known.off and name not in decided_ones:
            return self.count(index + 1, known | self.tests[name].inactive(), reached)
        reached.add(name)
        if name in decided_ones:
            outcome = self.tests[name].decide(decided_ones[name])
            return self.count(index + 1, known | outcome, reached)
        total: int | float = 0
        for outcome, number in self.branches[name].items():
            below = self.count(index + 1, known | outcome, reached)
            if name in known.moot:
                return below
            total += number * below
        return total


@dataclass(frozen=True)
class _Tests:
    """What hangs on the value of one parameter."""

    name: str
    conditions: list[tuple[str, Condition]]
    mooted: list[tuple[str, Condition]]
    decides: list[str]

    @classmethod
    def on(cls, name: str, space: Mapping[str, Domain]) -> _Tests:
        conditions = [
            (child, c) for child, domain in space.items() for c in domain.when if c.parent == name
        ]
        mooted = [
            (child, rule)
            for child, rules in RULES.items()
            for rule in rules
            if rule.parent == name and child in space and space[child].size > 1
        ]
        decides = [child for child, by in DECIDED_BY.items() if by == name and child in space]
        return cls(name, conditions, mooted, decides)

    def __bool__(self) -> bool:
        return bool(self.conditions or self.mooted or self.decides)

    def decide(self, value: Any) -> _Outcome:
        known = {self.name: value}
        values = ((child, decided(child, known)) for child in self.decides)
        return _Outcome(
            frozenset(child for child, c in self.conditions if not c.holds(value)),
            frozenset(child for child, rule in self.mooted if rule.holds(value)),
            frozenset((child, only) for child, only in values if only is not None),
        )

    def inactive(self) -> _Outcome:
        default = self.decide(DEFAULTS.get(self.name))
        off = frozenset(child for child, _ in self.conditions)
        return _Outcome(off, default.moot, default.decided)


def _branches(domain: Domain, tests: _Tests) -> dict[_Outcome, int | float]:
    if not tests:
        return {_Outcome(): domain.size}
    if domain.size <= MOST_LISTED:
        return dict(Counter(tests.decide(value) for value in domain.grid()))
    some = samples(domain, [condition for _, condition in (*tests.conditions, *tests.mooted)])
    return {tests.decide(value): domain.size for value in some}
