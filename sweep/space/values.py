"""What one value of a parameter may be, and what is wrong with one that may not.

`Number` and `OneOf` are rules: ``read(raw)`` returns the value or raises `Refused`, which names the
rule, the value got and what is ``allowed``.
"""

from __future__ import annotations

import difflib
import json
import math
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import yaml

# What is wrong with a setting, as data first and as one line of text at the end.

ABSENT: Final = object()
"""Stands for "no value was got", which is not the same as null."""


@dataclass(frozen=True)
class Problem:
    """One wrong setting. ``depends``: the other dotted paths that the verdict rests on."""

    where: tuple[str, ...]
    what: str
    got: object = ABSENT
    allowed: str = ""
    hint: str = ""
    depends: tuple[str, ...] = ()

    def under(self, *prefix: str) -> Problem:
        """The same problem, seen from further out."""
        return replace(self, where=(*prefix, *self.where))

    @property
    def reason(self) -> str:
        """The line without its path."""
        got = "" if self.got is ABSENT else f", got {show(self.got)}"
        allowed = f"; allowed: {self.allowed}" if self.allowed else ""
        hint = f"; did you mean '{self.hint}'?" if self.hint else ""
        return f"{self.what}{got}{allowed}{hint}"

    @property
    def line(self) -> str:
        """``path: what is wrong, got VALUE; allowed: ...; did you mean 'x'?``"""
        return f"{'.'.join(self.where) or '(top level)'}: {self.reason}"


class Refused(ValueError):
    """One or more problems with a value; their paths are relative to it."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__("; and ".join(p.line if p.where else p.reason for p in problems))


@contextmanager
def gathered() -> Iterator[list[Problem]]:
    """A list for problems; at the end of the block, one `Refused` with all that are in it."""
    problems: list[Problem] = []
    yield problems
    if problems:
        raise Refused(*problems)


@contextmanager
def noting(problems: list[Problem], *where: str) -> Iterator[None]:
    """Adds the problems of a `Refused`, under the path ``where``, to a list, and goes on."""
    try:
        yield
    except Refused as refused:
        problems += [problem.under(*where) for problem in refused.problems]


def unknown(where: tuple[str, ...], got: object, known: list[str]) -> Problem:
    """The problem of a key that is none of the ``known`` ones."""
    return Problem(where, "unknown key", got, ", ".join(known), closest(where[-1], known))


# Texts that need no quotes, unless YAML takes them for something else, as it does "no" or "1e5".
_PLAIN = re.compile(r"[A-Za-z][\w./-]*")


def show(value: object) -> str:
    """``value`` as it would stand in a YAML file, on one short line."""
    if isinstance(value, str):
        text = repr(value)
    elif isinstance(value, Mapping | list | tuple | bool) or value is None:
        text = json.dumps(value, default=str)
    else:
        text = str(value)
    return text if len(text) <= 80 else text[:77] + "..."


def one_line(value: Any) -> str:
    """A plain value (JSON's kinds) as YAML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{one_line(k)}: {one_line(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(one_line, value)) + "]"
    if isinstance(value, str):
        if _PLAIN.fullmatch(value) and yaml.safe_load(value) == value:
            return value
        quoted = yaml.safe_dump(value, default_style='"', allow_unicode=True, width=math.inf)
        return str(quoted).rstrip("\n")
    return str(yaml.safe_dump(value)).partition("\n")[0]


def closest(name: object, options: Iterable[str]) -> str:
    """The option most like ``name``, upper or lower case alike, or '' if none is near."""
    folded = {option.lower(): option for option in options}
    found = difflib.get_close_matches(str(name).lower(), folded, n=1)
    return folded[found[0]] if found else ""


Value = int | float | str
"""One value of one parameter."""

# What PyYAML leaves a string because YAML 1.1 wants a dot and a signed exponent: 1e-3, 2E5.
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?")


def as_number(raw: object) -> int | float | None:
    """``raw`` if it is a number or the text of one, else None; booleans are no numbers."""
    if isinstance(raw, bool):
        return None
    if isinstance(raw, str):
        text = raw.strip()
        if not _NUMBER.fullmatch(text):
            return None
        return int(text) if re.fullmatch(r"[-+]?\d{1,300}", text) else float(text)
    return raw if isinstance(raw, int | float) else None


@dataclass(frozen=True)
class Number:
    """A finite number in a range; ``whole`` for integers, ``above`` / ``below`` for an open end."""

    low: float = 0
    high: float | None = None
    whole: bool = False
    above: bool = False
    below: bool = False

    @property
    def allowed(self) -> str:
        return f"{self._noun} {' and '.join(rule for rule, _ in self._bounds(0))}"

    @property
    def _noun(self) -> str:
        return "an integer" if self.whole else "a number"

    def _bounds(self, value: float) -> Iterator[tuple[str, bool]]:
        """Each bound in words, and whether ``value`` keeps to it."""
        if self.above:
            yield f"> {self.low}", value > self.low
        else:
            yield f">= {self.low}", value >= self.low
        if self.high is not None and self.below:
            yield f"< {self.high}", value < self.high
        elif self.high is not None:
            yield f"<= {self.high}", value <= self.high

    def read(self, raw: object) -> int | float:
        value = as_number(raw)
        if value is None:
            raise self._refused(f"must be {self._noun}", raw)
        if not abs(value) <= sys.float_info.max:  # nan too, and an integer that no float can hold
            raise self._refused("must be finite", raw)
        if self.whole and value != int(value):
            raise self._refused("must be an integer", raw)
        if self.whole and abs(value) >= 2**63:
            raise self._refused("must fit in 64 bits", raw)
        for rule, holds in self._bounds(value):
            if not holds:
                raise self._refused(f"must be {rule}", raw)
        return int(value) if self.whole else float(value)

    def _refused(self, what: str, raw: object) -> Refused:
        return Refused(Problem((), what, raw, self.allowed))


@dataclass(frozen=True)
class OneOf:
    """One of a few names."""

    options: tuple[str, ...]

    @property
    def allowed(self) -> str:
        return ", ".join(self.options)

    def read(self, raw: object) -> str:
        if isinstance(raw, str) and raw in self.options:
            return raw
        hint = closest(raw, self.options) if isinstance(raw, str) else ""
        raise Refused(Problem((), "is not one of the known names", raw, self.allowed, hint))
