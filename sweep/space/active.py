"""Which parameters of a trial are active, and when two trials have the same configuration.

A parameter is *active* if all of its conditions hold. A condition on an inactive parameter does not
hold. There are two kinds of conditions:

- ``when`` in a space. If it does not hold, the params of a trial omit the parameter, and the trial
  uses its default.
- ``WHEN`` in `sweep.space.params`: in any space, a learning rate needs at least one epoch. If it
  does not hold, the params still have a value (samplers propose one), but the value has no effect:
  :func:`effective` omits it, and configurations that differ only in such values have the same
  :func:`identity`.

Some values determine another parameter: the sparsity of 2:4 is :func:`fixed`, and a ramp is at most
as long as the trial (`sweep.space.params.longest_ramp`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter
from typing import Any

from sweep.space.domains import Condition, Constant, Domain, samples
from sweep.space.params import DEFAULTS, FIXED, PARAMETERS, WHEN, longest_ramp

Identity = frozenset[tuple[str, Any]]


# A space: its parameters in the order in which they are chosen.


def order(space: Mapping[str, Domain]) -> list[str]:
    """The parameters, each after those that it depends on, otherwise in the order of the space.

    Raises ``graphlib.CycleError`` if the conditions form a cycle.
    """
    needs = {name: {c.parent for c in domain.when} & set(space) for name, domain in space.items()}
    for name, (parent, value_of) in FIXED.items():
        fixes = parent in space and any(value_of(str(v)) is not None for v in space[parent].grid())
        if name in needs and fixes:
            needs[name] = needs[name] | {parent}
    built_in = [(name, condition) for name, found in WHEN.items() for condition in found]
    # If two conditions contradict each other, the first one is kept. The sequence must stay that of
    # 0.1, whose sweeps can be resumed: first numbers that may be 0, then choices.
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
    """Whether a built-in condition may fail in a space. Numbers are assumed to reach 0."""
    domain = space.get(condition.parent)
    if domain is None or condition.unless == (0,):
        return domain is not None
    return not all(map(condition.holds, domain.grid()))


def is_active(domain: Domain, params: Mapping[str, Any]) -> bool:
    """Whether a parameter of this domain is active, given the active ``params`` before it."""
    return all(c.parent in params and c.holds(params[c.parent]) for c in domain.when)


def active(
    space: Mapping[str, Domain], names: list[str], value: Callable[[str, Mapping[str, Any]], Any]
) -> dict[str, Any]:
    """Params of a trial, in the order of ``space``: each active parameter with its value.

    ``value(name, params so far)`` is called for each active parameter that is neither constant nor
    :func:`fixed`. ``names`` is the :func:`order` of ``space``. Constants of None are omitted.
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
    """The only value that other params allow for this one, or None if it is free.

    >>> fixed("sparsity", {"granularity": "2:4"})
    0.5
    """
    if name not in FIXED:
        return None
    parent, value_of = FIXED[name]
    return value_of(params.get(parent, DEFAULTS[parent]))


# A trial: the values that its params result in.


def conditions_on(name: str) -> tuple[Condition, ...]:
    """The built-in conditions on a parameter, on their parents, and so on."""
    own = WHEN.get(name, ())
    return own + tuple(more for condition in own for more in conditions_on(condition.parent))


# Computed once, because a search needs the identity of very many points.
_RULES = {
    name: [(c.parent, frozenset(c.values), frozenset(c.unless)) for c in conditions_on(name)]
    for name in PARAMETERS
}
"""Parameter -> (parent, the values that it needs or none, the values that switch it off)."""


def effective(params: Mapping[str, Any]) -> dict[str, Any]:
    """Every parameter that has an effect on a trial of ``params``, with its final value.

    Defaults are filled in, parameters that the built-in conditions make inactive are omitted, fixed
    values are replaced, and a ramp that is longer than the trial is shortened.
    """
    whole = {**DEFAULTS, **params}
    for name in FIXED:
        only = fixed(name, whole)
        whole[name] = whole[name] if only is None else only
    longest = longest_ramp(whole["finetune_epochs"], whole["granularity"])
    whole["ramp_epochs"] = min(whole["ramp_epochs"], longest)
    found: dict[str, Any] = {}
    for name, value in whole.items():
        for parent, on, off in _RULES.get(name, ()):
            if whole[parent] in off or (on and whole[parent] not in on):
                break
        else:
            found[name] = value
    return found


def identity(params: Mapping[str, Any]) -> Identity:
    """The hashable :func:`effective` values: equal for params of the same configuration.

    Floats are rounded to twelve digits, because samplers add up steps.
    """
    return frozenset(
        (name, float(f"{value:.12g}") if isinstance(value, float) else value)
        for name, value in effective(params).items()
    )


# Starting points: a user gives some params, and the others are chosen so that these are active.


def complete(
    space: Mapping[str, Domain], given: Mapping[str, Any], spread: Callable[[str], Any]
) -> dict[str, Any]:
    """Params of a trial with the ``given`` values; ``spread(name)`` gives the other values.

    If a given parameter has conditions, its parents that are not given take the value nearest to
    ``spread`` that fulfils them. A given parameter that cannot be active is omitted.
    """
    required = _required(space, given)

    def value(name: str, found: Mapping[str, Any]) -> Any:
        if name in given:
            return given[name]
        return _nearest(space[name], required.get(name, []), spread(name))

    return active(space, order(space), value)


def _required(space: Mapping[str, Domain], given: Mapping[str, Any]) -> dict[str, list[Condition]]:
    """Parent -> the conditions on it that must hold for all given parameters to be active."""
    required: dict[str, list[Condition]] = {}
    waiting = list(given)
    while waiting:
        for condition in space[waiting.pop()].when:
            if condition.parent not in required:
                waiting.append(condition.parent)
            required.setdefault(condition.parent, []).append(condition)
    return required


def _nearest(domain: Domain, conditions: list[Condition], near: Any) -> Any:
    """The value nearest to ``near`` that fulfils the conditions; ``near`` if no value does."""
    if all(condition.holds(near) for condition in conditions):
        return near
    allowed = [v for v in samples(domain, conditions) if all(c.holds(v) for c in conditions)]
    if not allowed or isinstance(near, str):
        return allowed[0] if allowed else near
    return min(allowed, key=lambda v: abs(v - near) if isinstance(v, int | float) else 0.0)
