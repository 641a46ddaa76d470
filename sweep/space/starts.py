"""Starting points: params that a person gives in part, completed so that they are all there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sweep.space.condition import Condition
from sweep.space.conditions import active, order
from sweep.space.domains import Domain, samples


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
