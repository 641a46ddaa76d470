"""What is wrong with a setting, as data first and as one line of text at the end."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

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


def unknown(where: tuple[str, ...], got: object, known: list[str]) -> Problem:
    """The problem of a key that is none of the ``known`` ones."""
    return Problem(where, "unknown key", got, ", ".join(known), closest(where[-1], known))


def show(value: object, limit: int = 80) -> str:
    """``value`` as it would stand in a YAML file, on one short line."""
    if isinstance(value, str):
        text = repr(value)
    elif isinstance(value, Mapping | list | tuple | bool) or value is None:
        text = json.dumps(value, default=str)
    else:
        text = str(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def closest(name: object, options: Iterable[str]) -> str:
    """The option most like ``name``, upper or lower case alike, or '' if none is near."""
    folded = {option.lower(): option for option in options}
    found = difflib.get_close_matches(str(name).lower(), folded, n=1)
    return folded[found[0]] if found else ""
