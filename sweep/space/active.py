"""Which parameters of a trial are active, and what makes two trials one and the same.

A parameter is *active* where all of its conditions hold; a condition on an inactive parameter does
not hold. Conditions come from two places:

- ``when``, of a space. Where it does not hold, a trial's params leave the parameter out, and the
  trial has its default.
- ``WHEN``, of `sweep.space.params`: a learning rate needs an epoch, whatever the space says.
  Where it does not hold, the params still have a value (samplers ask for it), but the value changes
  nothing: :func:`effective` leaves it out, and configurations that differ in such values alone have
  one :func:`identity`.

Some values leave a parameter no choice: the sparsity of 2:4 is :func:`fixed`, and a ramp is no
longer than the trial (`sweep.space.params.longest_ramp`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter
from typing import Any

from sweep.space.conditions import Condition
from sweep.space.domains import Constant, Domain, samples
from sweep.space.params import DEFAULTS, FIXED, PARAMETERS, WHEN, longest_ramp

Identity = frozenset[tuple[str, Any]]


# A space: what it asks for, and in which order.


def order(space: Mapping[str, Domain]) -> list[str]:
    """The parameters, each after those that it depends on, else in the order of the space.

    Raises ``graphlib.CycleError`` where conditions go round in a circle.
    """
    needs = {name: {c.parent for c in domain.when} & set(space) for name, domain in space.items()}
    for name, (parent, value_of) in FIXED.items():
        fixes = parent in space and any(value_of(str(v)) is not None for v in space[parent].grid())
        if name in needs and fixes:
            needs[name] = needs[name] | {parent}
    built_in = [(name, condition) for name, found in WHEN.items() for condition in found]
    # Where two of them cannot both be had, the first stays. So the sequence is that of 0.1, whose
    # sweeps are resumed: numbers that may be 0, then choices.
    for name, condition in sorted(built_in, key=lambda rule: bool(rule[1].values)):
        if name in needs and _may_fail(space, condition):
            more = {**needs, name: needs[name] | {condition.parent}}
            with suppress(CycleError):
                TopologicalSorter(more).prepare()
                needs = more
    TopologicalSorter(needs).prepare()
    placed: list[str] = []
    while len(placed) < len(needs):
        ready = (name for name in space if name not in placed and needs[name] <= set(placed))
        placed.append(next(ready))
    return placed


def _may_fail(space: Mapping[str, Domain], condition: Condition) -> bool:
    """Whether a built-in condition may fail in a space; numbers are taken to reach 0."""
    domain = space.get(condition.parent)
    if domain is None or condition.unless == (0,):
        return domain is not None
    return not all(map(condition.holds, domain.grid()))


def is_active(domain: Domain, params: Mapping[str, Any]) -> bool:
    """Whether a trial has a parameter of this domain, given its active ones in ``params``."""
    return all(c.parent in params and c.holds(params[c.parent]) for c in domain.when)


def active(
    space: Mapping[str, Domain], names: list[str], value: Callable[[str, Mapping[str, Any]], Any]
) -> dict[str, Any]:
    """Params of a trial: ``value(name, params so far)`` of each parameter that it has.

    ``names`` is the :func:`order` of ``space``. Constants are included, but those of no value; what
    is :func:`fixed` is not asked for.
    """
    found: dict[str, Any] = {}
    for name in names:
        domain, only = space[name], fixed(name, found)
        if only is not None:
            found[name] = only
        elif isinstance(domain, Constant):
            if domain.value is not None:
                found[name] = domain.value
        elif is_active(domain, found):
            found[name] = value(name, found)
    return {name: found[name] for name in space if name in found}


def fixed(name: str, params: Mapping[str, Any]) -> Any:
    """The value that other params leave this one, whatever its domain is; None: it is free.

    >>> fixed("sparsity", {"granularity": "2:4"})
    0.5
    """
    if name not in FIXED:
        return None
    parent, value_of = FIXED[name]
    return value_of(params.get(parent, DEFAULTS[parent]))


# A trial: what its params come to.


def conditions_on(name: str) -> tuple[Condition, ...]:
    """The built-in conditions on a parameter, with those on the parameters that they look at."""
    own = WHEN.get(name, ())
    return own + tuple(more for condition in own for more in conditions_on(condition.parent))


# Made once, since a search asks for the identity of each point that it looks at.
_RULES = {name: conditions_on(name) for name in PARAMETERS}


def effective(params: Mapping[str, Any]) -> dict[str, Any]:
    """What a trial of ``params`` depends on: every active parameter, with the value it comes to.

    Defaults are filled in, and what the built-in conditions make inactive is left out. A value that
    others fix, and a ramp that is longer than the trial, are as the trial has them.
    """
    whole = {**DEFAULTS, **params}
    for name in FIXED:
        only = fixed(name, whole)
        whole[name] = whole[name] if only is None else only
    longest = longest_ramp(whole["finetune_epochs"], whole["granularity"])
    whole["ramp_epochs"] = min(whole["ramp_epochs"], longest)
    found: dict[str, Any] = {}
    for name, value in whole.items():
        if all(rule.holds(whole[rule.parent]) for rule in _RULES.get(name, ())):
            found[name] = value
    return found


def identity(params: Mapping[str, Any]) -> Identity:
    """What makes two params one configuration: their :func:`effective` values, hashable.

    Floats count up to twelve digits, since samplers add steps up.
    """
    return frozenset((name, _rounded(value)) for name, value in effective(params).items())


def _rounded(value: Any) -> Any:
    return float(f"{value:.12g}") if isinstance(value, float) else value


# Starting points: params that a person gives in part, completed so that all are active.


def complete(
    space: Mapping[str, Domain], given: Mapping[str, Any], spread: Callable[[str], Any]
) -> dict[str, Any]:
    """Params of a trial with the ``given`` values; ``spread(name)`` gives those of the others.

    Where a given parameter is there only under conditions, the parents that are not given take
    the value nearest to the spread's that fulfils them. What cannot be there is left out.
    """
    wanted = _wanted(space, given)

    def value(name: str, found: Mapping[str, Any]) -> Any:
        if name in given:
            return given[name]
        return _fitting(space[name], wanted.get(name, []), spread(name))

    return active(space, order(space), value)


def _wanted(space: Mapping[str, Domain], given: Mapping[str, Any]) -> dict[str, list[Condition]]:
    """Parent -> the conditions on it that must hold for all given parameters to be there."""
    wanted: dict[str, list[Condition]] = {}
    waiting = list(given)
    while waiting:
        for condition in space[waiting.pop()].when:
            if condition.parent not in wanted:
                waiting.append(condition.parent)
            wanted.setdefault(condition.parent, []).append(condition)
    return wanted


def _fitting(domain: Domain, conditions: list[Condition], near: Any) -> Any:
    if all(condition.holds(near) for condition in conditions):
        return near
    able = [v for v in samples(domain, conditions) if all(c.holds(v) for c in conditions)]
    if not able or isinstance(near, str):
        return able[0] if able else near
    return min(able, key=lambda v: abs(v - near) if isinstance(v, int | float) else 0.0)
