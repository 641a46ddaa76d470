"""Which parameters of a space are there, and which of them matter.

A parameter is *active* where all conditions of its domain hold; a condition on an inactive parent
does not hold. Inactive ones are left out of a trial's params, and the trial has their defaults. An
active parameter can still be *moot*: a learning rate where nothing is trained. Two configurations
that differ in moot parameters alone are one and the same, and have one :func:`identity`. And one
can be :func:`decided` by another: the sparsity of 2:4 is a half.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from graphlib import TopologicalSorter
from typing import Any

from sweep.space.domains import Condition, Constant, Domain, samples
from sweep.space.parameters import GRANULARITIES
from sweep.space.params import Params, n_of_m

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


DEFAULTS = Params().to_dict()
"""What an inactive parameter is."""

RULES = {name: _rules(name) for name in {**MOOT, **MOOT_UNDER}}
# The same for `is_moot`, which a search asks of each parameter of each point that it looks at.
_MOOTING = {
    name: [(rule.parent, frozenset(rule.values)) for rule in rules] for name, rules in RULES.items()
}
"""Parameter -> all conditions that leave it nothing to do."""


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
    kept = n_of_m(params.get(DECIDED_BY[name], DEFAULTS[DECIDED_BY[name]]))
    return kept and 1 - kept[0] / kept[1]


def identity(params: Mapping[str, Any]) -> Identity:
    """What makes two params one configuration: hashable, defaults filled in, moot ones left out.

    Floats count up to twelve digits, since samplers add steps up.
    """
    whole = {**DEFAULTS, **params}
    for name in DECIDED_BY:
        only = decided(name, whole)
        whole[name] = whole[name] if only is None else only
    kept = (name for name in sorted(whole) if not is_moot(name, whole))
    return tuple((name, _rounded(whole[name])) for name in kept)


def is_moot(name: str, params: Mapping[str, Any]) -> bool:
    """Whether, of these whole params, this one changes nothing."""
    return any(params.get(parent) in values for parent, values in _MOOTING.get(name, ()))


def _rounded(value: Any) -> Any:
    return float(f"{value:.12g}") if isinstance(value, float) else value


# Starting points: params that a person gives in part, completed so that they are all there.


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
