"""Parse the YAML of a config, and apply ``key=value`` overrides.

PyYAML accepts duplicate keys, nodes that contain themselves, and a few lines of aliases that stand
for millions of values; here these are problems.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import yaml

from sweep.printable import has_password
from sweep.space.params import PARAMETERS, TUTORIAL
from sweep.space.values import Problem, Refused

Path = tuple[str, ...]

_GROUPED = {flat: (group, key) for group, keys in TUTORIAL.items() for key, flat in keys.items()}

# YAML 1.1 reads 2:4 as 124, a number to base 60. YAML 1.2 reads it as a text, as users expect.
_BASE_60 = re.compile(r"[-+]?\d[\d_]*(:[0-5]?\d)+(\.[\d_]*)?")


MOST_BYTES, MOST_VALUES, MOST_DEPTH = 500_000, 30_000, 50
"""Limits of a config, so that every config is checked within seconds: the size of its text, the
number of its keys and values with all aliases written out, and how deep they are nested."""

_OF_VALUES = f"at most {MOST_VALUES} keys and values, with aliases written out"
_LONGEST_NUMBER = 300

# The loader in C is 20 times as fast, but PyYAML may be installed without it.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_SafeLoader):  # type: ignore[misc]
    """PyYAML's safe loader without numbers to base 60, and without numbers of many digits."""

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> Any:
        is_plain = kind is yaml.ScalarNode and implicit[0]
        if is_plain and (len(value) > _LONGEST_NUMBER or _BASE_60.fullmatch(value)):
            return self.DEFAULT_SCALAR_TAG
        return super().resolve(kind, value, implicit)


def parse_yaml(text: str) -> tuple[Any, list[Problem]]:
    """The value of a YAML text, and a problem for each duplicate key.

    Raises `Refused` with line and column if ``text`` is not YAML, and where it is too large.
    """
    if len(text) > MOST_BYTES:
        raise Refused(_too_large(f"a text of at most {MOST_BYTES} characters"))
    try:
        _check_size(text)
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None, []
        # Before construction, which adds merged keys (<<) to the keys of a mapping.
        sizes: dict[int, int] = {}
        problems = list(_duplicates(node, (), [], sizes))
        if sizes[id(node)] > MOST_VALUES:
            raise Refused(_too_large(_OF_VALUES))
        return loader.construct_document(node), problems
    except Refused:
        raise
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        # ValueError: a date such as 2024-13-45, or an integer of thousands of digits.
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        reason = getattr(error, "problem", None) or " ".join(str(error).split()) or "too deep"
        hint = "; indent with spaces" if "'\\t'" in reason else ""
        raise Refused(Problem((), f"is not valid YAML: {place}{reason}{hint}")) from None


def _too_large(allowed: str) -> Problem:
    return Problem((), "is too large", allowed=allowed)


def _check_size(text: str) -> None:
    """Refuse deep and long texts before they are composed, which is recursive."""
    depth = 0
    events: Iterator[Any] = yaml.parse(text, Loader=_Loader)
    for count, event in enumerate(events):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MOST_DEPTH:
            what = f"is nested too deep on line {event.start_mark.line + 1}"
            raise Refused(Problem((), what, allowed=f"at most {MOST_DEPTH} levels"))
        if count > 2 * MOST_VALUES:
            raise Refused(_too_large(_OF_VALUES))


def _duplicates(
    node: yaml.Node, where: Path, above: list[int], sizes: dict[int, int]
) -> Iterator[Problem]:
    """The duplicate keys. ``sizes`` gets the number of keys and values in each node."""
    if id(node) in above:
        line = node.start_mark.line + 1
        raise Refused(Problem(where, f"contains itself through its anchor on line {line}"))
    if id(node) in sizes:
        return
    sizes[id(node)] = 1
    lines: dict[tuple[str, str], int] = {}
    children = node.value if isinstance(node, yaml.CollectionNode) else ()
    for index, child in enumerate(children):
        name, value = str(index), child
        if isinstance(node, yaml.MappingNode):
            key, value = child
            sizes[id(node)] += 1
            name = key.value if isinstance(key, yaml.ScalarNode) else "?"
            line = key.start_mark.line + 1
            if first := lines.get((key.tag, name)):
                place = f"twice on line {line}" if first == line else f"on lines {first} and {line}"
                yield Problem((*where, name), f"the key is given {place}")
            lines.setdefault((key.tag, name), line)
        yield from _duplicates(value, (*where, name), [*above, id(node)], sizes)
        sizes[id(node)] += sizes[id(value)]


def apply_overrides(
    data: dict[str, Any], overrides: Iterable[str | tuple[str, Any]], single_trial: bool = False
) -> tuple[dict[str, Any], list[Problem]]:
    """Apply overrides in order to a copy of ``data``. Returns the copy and the problems.

    An override is a text ``key=value`` with a YAML value, or a key with a value. A path into a
    plain value replaces that value by a mapping: ``task.dataset.train=FILE`` turns
    ``dataset: imdb`` into ``dataset: {train: FILE}``. With ``single_trial`` a bare parameter name
    (or the tutorial's ``weight``, ``activation``) is short for ``space.<name>``.
    """
    result = dict(data)
    problems: list[Problem] = []
    for override in overrides:
        try:
            path, value = _parse(override)
        except Refused as refused:
            problems += refused.problems
            continue
        if single_trial and path[0] in (*PARAMETERS, *TUTORIAL):
            path = ("space", *path)
        if path[0] == "space":
            _drop_other_form(result, path[1:], value)
        _set(result, path, value)
    return result, problems


def _parse(override: str | tuple[str, Any]) -> tuple[Path, Any]:
    if not isinstance(override, str):
        return tuple(override[0].split(".")), override[1]
    key, equals, raw = override.partition("=")
    path = tuple(key.strip().split("."))
    if not equals or not all(path):
        raise Refused(
            Problem((key,), "must have the form key=value", override, "a.dotted.path=value")
        )
    try:
        value, problems = parse_yaml(raw)
    except Refused as refused:
        allowed = "a YAML value; put a text with : # { [ * & ! % or @ in quotes"
        problems = [replace(problem, got=raw, allowed=allowed) for problem in refused.problems]
    if problems:
        raise Refused(*(problem.under(*path) for problem in problems))
    return path, value


def _set(data: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for key in path[:-1]:
        inner = data.get(key)
        # A copy, because YAML anchors can share an object, and the caller's data must not change.
        data[key] = dict(inner) if isinstance(inner, dict) else {}
        data = data[key]
    data[path[-1]] = value


def _drop_other_form(data: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """Remove a parameter from the space if an override sets it in the other form.

    Otherwise ``sparsity=0.6`` and the tutorial's ``weight: {sparsity: 0.5}`` would both set it.
    """
    space = data.get("space")
    if not path or not isinstance(space, dict):
        return
    space = data["space"] = dict(space)
    name, inner = path[0], path[1:]
    if name in _GROUPED:
        group, key = _GROUPED[name]
        if isinstance(space.get(group), dict):
            space[group] = {k: v for k, v in space[group].items() if k != key}
    elif name in TUTORIAL:
        given = inner[:1] or (value if isinstance(value, dict) else ())
        for key in given:
            space.pop(TUTORIAL[name].get(key, ""), None)


def passwords(value: object, where: tuple[str, ...]) -> Iterator[Problem]:
    """Addresses with a password: the config is printed, and saved in the ledger and the report."""
    if isinstance(value, str) and has_password(value):
        allowed = "an address without a user and a password; give them through the environment"
        yield Problem(where, "has a password, which would be saved and printed", allowed=allowed)
    pairs = value.items() if isinstance(value, Mapping) else ()
    for key, inner in enumerate(value) if isinstance(value, list | tuple) else pairs:
        yield from passwords(inner, (*where, str(key)))
