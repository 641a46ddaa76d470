"""Values of settings, their YAML text, and problems with wrong values."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import yaml

# Problems of settings: data, and one line of text.

ABSENT: Final = object()
"""Means that there is no value, which differs from null."""


@dataclass(frozen=True)
class Problem:
    """One wrong setting. ``depends``: dotted paths of other settings that the rule uses."""

    where: tuple[str, ...]
    what: str
    got: object = ABSENT
    allowed: str = ""
    hint: str = ""
    depends: tuple[str, ...] = ()

    def under(self, *prefix: str) -> Problem:
        """The same problem with a longer path."""
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
    """One or more problems with a value, whose paths are relative to it."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__("; and ".join(p.line if p.where else p.reason for p in problems))


# Texts that need no quotes, unless YAML reads them as another type, such as "no" or "1e5".
_PLAIN = re.compile(r"[A-Za-z][\w./-]*")


def show(value: object) -> str:
    """``value`` in messages: as in a YAML file, on one line of at most 80 characters."""
    if isinstance(value, str):
        text = repr(value)
    elif isinstance(value, Mapping | list | tuple | bool) or value is None:
        text = json.dumps(value, default=str)
    else:
        text = str(value)
    return text if len(text) <= 80 else text[:77] + "..."


def one_line(value: Any) -> str:
    """A plain value (of JSON types) as YAML on one line."""
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


def one_of(names: Sequence[str]) -> str:
    """Join names with commas and "or".

    >>> one_of(["a", "b", "c"])
    'a, b or c'
    """
    return f"{', '.join(names[:-1])} or {names[-1]}"


def closest(name: object, options: Iterable[str]) -> str:
    """The option most similar to ``name``, ignoring case, or '' if none is similar."""
    folded = {option.lower(): option for option in options}
    found = difflib.get_close_matches(str(name).lower(), folded, n=1)
    return folded[found[0]] if found else ""


Value = int | float | str
"""One value of one parameter."""

# PyYAML reads 1e-3 and 2E5 as strings: YAML 1.1 requires a dot and a signed exponent.
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?")


def as_number(raw: object) -> int | float | None:
    """``raw`` as a number if it is a number or the text of one, else None. Booleans give None."""
    if isinstance(raw, bool):
        return None
    if isinstance(raw, str):
        text = raw.strip()
        if not _NUMBER.fullmatch(text):
            return None
        return int(text) if re.fullmatch(r"[-+]?\d{1,300}", text) else float(text)
    return raw if isinstance(raw, int | float) else None
