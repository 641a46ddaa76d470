"""Whether values of several parameters can meet in one trial, whatever conditions lie between."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sweep.space.conditions import DECIDED_BY, decided, is_active, order
from sweep.space.domains import Condition, Domain, samples
from sweep.space.params import Params

Test = Callable[[Any], bool]
_DEFAULTS = Params().to_dict()


def meeting(space: Mapping[str, Domain], tests: Mapping[str, Test]) -> dict[str, Any] | None:
    """The tested parameters of a trial that passes all ``tests`` (by parameter); None: no trial.

    A parameter that is not there is tested at its default. Of values that no condition and no test
    tells apart one is looked at, so it is exact, but for ranges of over 100,000 values, of which
    only the ends and the bounds of conditions are seen.
    """
    concerned = _with_parents(space, tests)
    names = [name for name in order(space) if name in concerned]
    found = _Walk(space, tests).on(names, {})
    return None if found is None else {name: found.get(name, _DEFAULTS[name]) for name in tests}


def _with_parents(space: Mapping[str, Domain], names: Iterable[str]) -> set[str]:
    """``names``, and all that decides whether they are there, or what they are."""
    waiting, seen = list(names), set[str]()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += [condition.parent for condition in space[name].when]
            waiting += [DECIDED_BY[name]] if name in DECIDED_BY else []
    return seen


@dataclass(frozen=True)
class _Walk:
    space: Mapping[str, Domain]
    tests: Mapping[str, Test]

    def on(self, names: list[str], found: dict[str, Any]) -> dict[str, Any] | None:
        """``found``, and values of ``names`` (in their order), so that all tests are passed."""
        if not names:
            return found
        name, *rest = names
        test = self.tests.get(name, lambda value: True)
        for more in self._choices(name, found):
            if test(more.get(name, _DEFAULTS[name])):
                whole = self.on(rest, found | more)
                if whole is not None:
                    return whole
        return None

    def _choices(self, name: str, found: dict[str, Any]) -> list[dict[str, Any]]:
        """What a parameter can add to ``found``; nothing where it is not there."""
        only, domain = decided(name, found), self.space[name]
        if only is not None:
            return [{name: only}]
        if not is_active(domain, found):
            return [{}]
        return [{} if value is None else {name: value} for value in self._values(name)]

    def _values(self, name: str) -> list[Any]:
        """One value, the smallest, of each kind that the test, or what hangs on it, tells apart."""
        conditions = [c for domain in self.space.values() for c in domain.when if c.parent == name]
        kinds: dict[tuple[Any, ...], Any] = {}
        for value in samples(self.space[name], conditions):
            kind = self._kind(name, value, conditions)
            kinds[kind] = min(kinds[kind], value) if kind in kinds else value
        return sorted(kinds.values())

    def _kind(self, name: str, value: Any, conditions: list[Condition]) -> tuple[Any, ...]:
        tested = self.tests[name](value) if name in self.tests else None
        decides = [decided(child, {name: value}) for child, by in DECIDED_BY.items() if by == name]
        return (tested, *decides, *(condition.holds(value) for condition in conditions))
