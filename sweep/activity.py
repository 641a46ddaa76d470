"""Which parameters of a space are there, and which of them matter.

A parameter is *active* where all conditions of its domain hold; a condition on an inactive parent
does not hold. Inactive ones are left out of a trial's params, and the trial has their defaults. An
active parameter can still be *moot*: a learning rate where nothing is trained. Two configurations
that differ in moot parameters alone are one and the same, and have one :func:`identity`.
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
from sweep.params import Params
from sweep.problems import Problem
from sweep.yaml_text import one_line

MOOT = {
    "learning_rate": "finetune_epochs",
    "method": "sparsity",
    "scope": "sparsity",
    "activation_method": "activation_sparsity",
    "activation_scope": "activation_sparsity",
    "ramp_epochs": "sparsity",
    "distill_weight": "finetune_epochs",
    "distill_temperature": "distill_weight",
}
"""Parameter -> the one that, at 0 or with nothing to do itself, leaves it nothing to do."""

Identity = tuple[tuple[str, Any], ...]

_DEFAULTS = Params().to_dict()
_MOST_COUNTED = 100_000


def order(space: Mapping[str, Domain]) -> list[str]:
    """The parameters, each after those that it depends on, else in the order of the space.

    Raises ``graphlib.CycleError`` where conditions go round in a circle.
    """
    needs = {name: {c.parent for c in domain.when} & set(space) for name, domain in space.items()}
    for name, parent in MOOT.items():
        if name in needs and parent in needs and not _depends(needs, parent, name):
            needs[name] = needs[name] | {parent}
    TopologicalSorter(needs).prepare()
    placed: list[str] = []
    while len(placed) < len(needs):
        ready = (name for name in space if name not in placed and needs[name] <= set(placed))
        placed.append(next(ready))
    return placed


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

    ``names`` is the :func:`order` of ``space``. Constants are included, but those of no value.
    """
    found: dict[str, Any] = {}
    for name in names:
        domain = space[name]
        if isinstance(domain, Constant):
            if domain.value is not None:
                found[name] = domain.value
        elif is_active(domain, found):
            found[name] = value(name, found)
    return {name: found[name] for name in space if name in found}


def identity(params: Mapping[str, Any]) -> Identity:
    """What makes two params one configuration: hashable, defaults filled in, moot ones left out.

    Floats count up to twelve digits, since samplers add steps up.
    """
    whole = {**_DEFAULTS, **params}
    kept = (name for name in sorted(whole) if not is_moot(name, whole))
    return tuple((name, _rounded(whole[name])) for name in kept)


def is_moot(name: str, params: Mapping[str, Any]) -> bool:
    """Whether, of these whole params, this one changes nothing."""
    parent = MOOT.get(name)
    return parent is not None and (params.get(parent) == 0 or is_moot(parent, params))


def _mooted_by(parent: str) -> set[str]:
    """The parameters that have nothing to do where ``parent`` is 0."""
    own = {name for name, its in MOOT.items() if its == parent}
    return own.union(*map(_mooted_by, own))


def _rounded(value: Any) -> Any:
    return float(f"{value:.12g}") if isinstance(value, float) else value


# How many there are.


def size(space: Mapping[str, Domain]) -> int | float:
    """How many configurations a space has; infinitely many with a range without a step.

    An upper bound where a parameter that others depend on has more than 100,000 values.
    """
    return _Tree.of(space).count(0, frozenset(), frozenset(), set())


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
    _Tree.of(space).count(0, frozenset(), frozenset(), reached)
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
class _Tree:
    """A space as a walk over its parameters, in which values that decide alike are one branch."""

    names: list[str]
    branches: dict[str, dict[tuple[frozenset[str], frozenset[str]], int | float]]
    """Parameter -> (children switched off, children made moot) -> number of its values."""
    without: dict[str, tuple[frozenset[str], frozenset[str]]]
    """The same of a parameter that is inactive itself."""

    @classmethod
    def of(cls, space: Mapping[str, Domain]) -> _Tree:
        tests = {name: _Tests.on(name, space) for name in space}
        return cls(
            order(space),
            {name: _branches(space[name], test) for name, test in tests.items()},
            {name: test.inactive(name) for name, test in tests.items()},
        )

    def count(
        self, index: int, off: frozenset[str], moot: frozenset[str], reached: set[str]
    ) -> int | float:
        """Configurations from the ``index``-th parameter on; ``reached`` gets the active ones."""
        if index == len(self.names):
            return 1
        name = self.names[index]
        if name in off:
            more_off, more_moot = self.without[name]
            return self.count(index + 1, off | more_off, moot | more_moot, reached)
        reached.add(name)
        total: int | float = 0
        for (more_off, more_moot), number in self.branches[name].items():
            below = self.count(index + 1, off | more_off, moot | more_moot, reached)
            total += below if name in moot else number * below
            if name in moot:
                break
        return total


@dataclass(frozen=True)
class _Tests:
    """What hangs on the value of one parameter."""

    conditions: list[tuple[str, Condition]]
    mooted: list[str]

    @classmethod
    def on(cls, name: str, space: Mapping[str, Domain]) -> _Tests:
        conditions = [
            (child, c) for child, domain in space.items() for c in domain.when if c.parent == name
        ]
        mooted = [
            child for child in sorted(_mooted_by(name)) if child in space and space[child].size > 1
        ]
        return cls(conditions, mooted)

    def decide(self, value: Any) -> tuple[frozenset[str], frozenset[str]]:
        off = frozenset(child for child, c in self.conditions if not c.holds(value))
        return off, frozenset(self.mooted if value == 0 else ())

    def inactive(self, name: str) -> tuple[frozenset[str], frozenset[str]]:
        _, moot = self.decide(_DEFAULTS.get(name))
        return frozenset(child for child, _ in self.conditions), moot


def _branches(
    domain: Domain, tests: _Tests
) -> dict[tuple[frozenset[str], frozenset[str]], int | float]:
    if not (tests.conditions or tests.mooted):
        return {(frozenset(), frozenset()): domain.size}
    if domain.size <= _MOST_COUNTED:
        return dict(Counter(tests.decide(value) for value in domain.grid()))
    some = samples(domain, [condition for _, condition in tests.conditions])
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
