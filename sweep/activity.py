"""Which parameters of a space are there, and which of them matter.

A parameter is *active* where all conditions of its domain hold; a condition on an inactive parent
does not hold. Inactive ones are left out of a trial's params, and the trial has their defaults. An
active parameter can still be *moot*: a learning rate where nothing is trained. Two configurations
that differ in moot parameters alone are one and the same, and have one :func:`identity`. And one
can be :func:`decided` by another: the sparsity of 2:4 is a half.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import Any

from sweep.condition import Condition
from sweep.domains import Choice, Constant, Domain, Int
from sweep.names import GRANULARITIES
from sweep.params import Params, n_of_m
from sweep.problems import Problem
from sweep.yaml_text import one_line

MOOT = {
    "learning_rate": "finetune_epochs",
    "method": "sparsity",
    "scope": "sparsity",
    "normalise": "sparsity",
    "layer_profile": "sparsity",
    "activation_method": "activation_sparsity",
    "activation_scope": "activation_sparsity",
    "ramp_epochs": "sparsity",
    "distill_weight": "finetune_epochs",
    "distill_temperature": "distill_weight",
}
"""Parameter -> the one that, at 0 or with nothing to do itself, leaves it nothing to do."""

_N_OF_M = tuple(name for name in GRANULARITIES if n_of_m(name))

MOOT_UNDER: dict[str, tuple[Condition, ...]] = {
    "scope": (Condition("granularity", _N_OF_M),),
    "normalise": (Condition("granularity", _N_OF_M), Condition("scope", ("local", "row"))),
    "layer_profile": (Condition("granularity", _N_OF_M), Condition("scope", ("global",))),
}
"""Parameter -> conditions, each of which leaves it nothing to do."""

DECIDED_BY = {"sparsity": "granularity"}
"""Parameter -> the one of which some values leave it no choice: see :func:`decided`."""

Identity = tuple[tuple[str, Any], ...]


def _rules(name: str) -> tuple[Condition, ...]:
    """All that leaves a parameter nothing to do: also what leaves its parent nothing to do."""
    parent = MOOT.get(name)
    above = () if parent is None else (Condition(parent, (0,)), *_rules(parent))
    return above + MOOT_UNDER.get(name, ())


_DEFAULTS = Params().to_dict()
_RULES = {name: _rules(name) for name in {**MOOT, **MOOT_UNDER}}
_MOST_COUNTED = 100_000


def order(space: Mapping[str, Domain]) -> list[str]:
    """The parameters, each after those that it depends on, else in the order of the space.

    Raises ``graphlib.CycleError`` where conditions go round in a circle.
    """
    needs = {name: {c.parent for c in domain.when} & set(space) for name, domain in space.items()}
    for name, parent in DECIDED_BY.items():
        if name in needs and _can_hold(space, Condition(parent, _N_OF_M)):
            needs[name] = needs[name] | {parent}
    for name, parent in MOOT.items():
        if name in needs and parent in needs and not _depends(needs, parent, name):
            needs[name] = needs[name] | {parent}
    for name, conditions in MOOT_UNDER.items():
        for condition in conditions if name in needs else ():
            if _can_hold(space, condition) and not _depends(needs, condition.parent, name):
                needs[name] = needs[name] | {condition.parent}
    TopologicalSorter(needs).prepare()
    placed: list[str] = []
    while len(placed) < len(needs):
        ready = (name for name in space if name not in placed and needs[name] <= set(placed))
        placed.append(next(ready))
    return placed


def _can_hold(space: Mapping[str, Domain], condition: Condition) -> bool:
    """Whether any value of its parent fulfils a condition."""
    domain = space.get(condition.parent)
    return domain is not None and any(map(condition.holds, samples(domain, [condition])))


def _depends(needs: Mapping[str, set[str]], name: str, on: str) -> bool:
    """Whether ``name`` is, through any number of parents, conditional on ``on``."""
    waiting, seen = [name], set()
    while waiting:
        current = waiting.pop()
        seen.add(current)
        waiting += [parent for parent in needs[current] if parent not in seen]
    return on in seen


def is_active(domain: Domain, params: Mapping[str, Any]) -> bool:
    """Whether a parameter is there, given the active ones that it depends on."""
    return all(c.parent in params and c.holds(params[c.parent]) for c in domain.when)


def active(
    space: Mapping[str, Domain], names: list[str], value: Callable[[str, Mapping[str, Any]], Any]
) -> dict[str, Any]:
    """Params of a trial: ``value(name, params so far)`` of each active parameter.

    ``names`` is the :func:`order` of ``space``. Constants are included, but those of no value; what
    is :func:`decided` is not asked for.
    """
    found: dict[str, Any] = {}
    for name in names:
        domain, only = space[name], decided(name, found)
        if only is not None:
            found[name] = only
        elif isinstance(domain, Constant):
            if domain.value is not None:
                found[name] = domain.value
        elif is_active(domain, found):
            found[name] = value(name, found)
    return {name: found[name] for name in space if name in found}


def decided(name: str, params: Mapping[str, Any]) -> float | None:
    """The value that other params leave this one, whatever its domain is; None: it is free.

    >>> decided("sparsity", {"granularity": "2:4"})
    0.5
    """
    if name not in DECIDED_BY:
        return None
    kept = n_of_m(params.get(DECIDED_BY[name], _DEFAULTS[DECIDED_BY[name]]))
    return kept and 1 - kept[0] / kept[1]


def identity(params: Mapping[str, Any]) -> Identity:
    """What makes two params one configuration: hashable, defaults filled in, moot ones left out.

    Floats count up to twelve digits, since samplers add steps up.
    """
    whole = {**_DEFAULTS, **params}
    for name in DECIDED_BY:
        only = decided(name, whole)
        whole[name] = whole[name] if only is None else only
    kept = (name for name in sorted(whole) if not is_moot(name, whole))
    return tuple((name, _rounded(whole[name])) for name in kept)


def is_moot(name: str, params: Mapping[str, Any]) -> bool:
    """Whether, of these whole params, this one changes nothing."""
    return any(rule.holds(params.get(rule.parent)) for rule in _RULES.get(name, ()))


def _rounded(value: Any) -> Any:
    return float(f"{value:.12g}") if isinstance(value, float) else value


# How many there are.


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
            for child, rules in _RULES.items()
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
        default = self.decide(_DEFAULTS.get(self.name))
        off = frozenset(child for child, _ in self.conditions)
        return _Outcome(off, default.moot, default.decided)


def _branches(domain: Domain, tests: _Tests) -> dict[_Outcome, int | float]:
    if not tests:
        return {_Outcome(): domain.size}
    if domain.size <= _MOST_COUNTED:
        return dict(Counter(tests.decide(value) for value in domain.grid()))
    some = samples(domain, [condition for _, condition in (*tests.conditions, *tests.mooted)])
    return {tests.decide(value): domain.size for value in some}


def samples(domain: Domain, conditions: Sequence[Condition]) -> Iterator[Any]:
    """Values of a domain: all of a short one, and one for which each condition holds, if any is."""
    if domain.size <= _MOST_COUNTED or isinstance(domain, Choice | Constant):
        yield from domain.grid()
        return
    ends = [domain.low, domain.high]
    for condition in conditions:
        ends += [end for end in (condition.low, condition.high) if end is not None]
        ends += [value for value in condition.values if not isinstance(value, str)]
    ends = sorted({min(max(end, domain.low), domain.high) for end in ends})
    for value in [*ends, *((a + b) / 2 for a, b in pairwise(ends))]:
        step = domain.step
        if step is None:
            yield value
        else:
            whole = domain.low + math.floor((value - domain.low) / step) * step
            near = (whole, min(whole + step, domain.high))
            yield from (int(v) if isinstance(domain, Int) else v for v in near)
