"""YAML as data, with what PyYAML lets pass: a key that is given twice, a node that holds itself."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import yaml

from sweep.space.values import Problem, Refused

Path = tuple[str, ...]

# YAML 1.1 reads 2:4 as 124, a number to base 60; YAML 1.2, and whoever writes it, as a text.
_BASE_60 = re.compile(r"[-+]?\d[\d_]*(:[0-5]?\d)+(\.[\d_]*)?")

# Texts that need no quotes, unless YAML takes them for something else, as it does "no" or "1e5".
_PLAIN = re.compile(r"[A-Za-z][\w./-]*")


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, but for numbers to base 60."""

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> Any:
        if kind is yaml.ScalarNode and implicit[0] and _BASE_60.fullmatch(value):
            return self.DEFAULT_SCALAR_TAG
        return super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]


def parse_yaml(text: str) -> tuple[Any, list[Problem]]:
    """The value that ``text`` holds, and a problem for each key in it that is given twice.

    Raises `Refused` with the line and the column where ``text`` is not YAML.
    """
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None, []
        # First, since construction moves merged keys (<<) in among a mapping's own.
        problems = list(_repeats(node, (), [], set()))
        return loader.construct_document(node), problems
    except Refused:
        raise
    except yaml.MarkedYAMLError as error:
        raise Refused(_syntax_problem(error)) from None
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        # ValueError: a date such as 2024-13-45, or an integer of thousands of digits.
        reason = " ".join(str(error).split()) or "too deep"
        raise Refused(Problem((), f"cannot be read as YAML: {reason}")) from None


def _syntax_problem(error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    reason = error.problem or error.context or "not YAML"
    hint = "; indent with spaces" if "'\\t'" in reason else ""
    return Problem((), f"cannot be read as YAML, {place}{reason}{hint}")


def _repeats(node: yaml.Node, where: Path, above: list[int], done: set[int]) -> Iterator[Problem]:
    if id(node) in above:
        line = node.start_mark.line + 1
        raise Refused(Problem(where, f"holds itself, through its anchor on line {line}"))
    if id(node) in done or isinstance(node, yaml.ScalarNode):
        return
    inner = [*above, id(node)]
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _repeats(item, (*where, str(index)), inner, done)
    elif isinstance(node, yaml.MappingNode):
        yield from _repeats_in_mapping(node, where, inner, done)
    done.add(id(node))


def _repeats_in_mapping(
    node: yaml.MappingNode, where: Path, above: list[int], done: set[int]
) -> Iterator[Problem]:
    lines: dict[tuple[str, str], int] = {}
    for key, value in node.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else "?"
        line = key.start_mark.line + 1
        if first := lines.get((key.tag, name)):
            place = f"twice on line {line}" if first == line else f"on lines {first} and {line}"
            yield Problem((*where, name), f"the key is given {place}")
        lines.setdefault((key.tag, name), line)
        yield from _repeats(value, (*where, name), above, done)


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
