"""Readers of the search's larger settings: starting points, constraints, a reference point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sweep.space.parameters import PARAMETERS
from sweep.space.values import Number, Problem, Reader, Refused, Value, unknown

_NUMBER = Number()


@dataclass(frozen=True)
class Keyed:
    """A mapping of names, each read by a reader of its own."""

    readers: Mapping[str, Reader]
    allowed: str
    empty: bool = False
    """Whether it may have no entry."""

    def read(self, raw: object) -> dict[str, Any]:
        if not isinstance(raw, Mapping) or not (raw or self.empty):
            raise Refused(Problem((), "must be a mapping, not empty", raw, self.allowed))
        problems: list[Problem] = []
        found: dict[str, Any] = {}
        for key, value in raw.items():
            if key not in self.readers:
                problems.append(unknown((str(key),), value, list(self.readers)))
                continue
            try:
                found[key] = self.readers[key].read(value)
            except Refused as refused:
                problems += [problem.under(str(key)) for problem in refused.problems]
        if problems:
            raise Refused(*problems)
        return found

    def schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {name: reader.schema() for name, reader in self.readers.items()},
            "additionalProperties": False,
            **({} if self.empty else {"minProperties": 1}),
        }


@dataclass(frozen=True)
class Bounds:
    """``{min: x, max: y}``, or one of the two."""

    allowed: str = "{min: x}, {max: y}, or both with x <= y"

    def read(self, raw: object) -> dict[str, float]:
        found = Keyed({"min": _NUMBER, "max": _NUMBER}, self.allowed).read(raw)
        if len(found) == 2 and found["min"] > found["max"]:
            raise Refused(Problem((), "min is above max", raw, self.allowed))
        return found

    def schema(self) -> dict[str, Any]:
        return Keyed({"min": _NUMBER, "max": _NUMBER}, self.allowed).schema()


@dataclass(frozen=True)
class Points:
    """A list of points of a space, each with one parameter or more."""

    allowed: str = "a list of {parameter: value}, such as [{sparsity: 0.5, method: random}]"

    def read(self, raw: object) -> list[dict[str, Value]]:
        if not isinstance(raw, list | tuple):
            raise Refused(Problem((), "must be a list", raw, self.allowed))
        problems: list[Problem] = []
        points: list[dict[str, Value]] = []
        for index, point in enumerate(raw):
            try:
                points.append(self._point.read(point))
            except Refused as refused:
                problems += [problem.under(str(index)) for problem in refused.problems]
        if problems:
            raise Refused(*problems)
        return points

    @property
    def _point(self) -> Keyed:
        rules = {name: known.rule for name, known in PARAMETERS.items()}
        return Keyed(rules, "{parameter: value}")

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": self._point.schema()}
