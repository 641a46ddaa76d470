"""What a config must be resolved to: PyYAML's reading of it over the defaults of the settings."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import yaml

GROUPS = {
    "weight": {key: key for key in ("sparsity", "method", "scope")},
    "activation": {key: f"activation_{key}" for key in ("sparsity", "method", "scope")},
}
"""The tutorial's form of parameters."""

_NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*")


class Unreadable(Exception):
    """The text is no config, so it must be refused."""


class _Reader(yaml.SafeLoader):
    """PyYAML's loader; a key that is given twice is an error, and 2:4 is no number to base 60."""

    def construct_mapping(self, node: yaml.Node, deep: bool = False) -> dict[Any, Any]:
        own = [key for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        keys = [self.construct_object(key, deep=True) for key in own]
        if any(key in keys[:i] for i, key in enumerate(keys)):
            raise Unreadable("a key twice")
        return super().construct_mapping(node, deep)


def _without_base_60() -> dict[Any, Any]:
    numbers = {
        "tag:yaml.org,2002:int": r"[-+]?(0b[01_]+|0[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+)$",
        "tag:yaml.org,2002:float": r"([-+]?([0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)([eE][-+][0-9]+)?"
        r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$",
    }
    return {
        first: [(tag, re.compile(numbers[tag]) if tag in numbers else form) for tag, form in forms]
        for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_Reader.yaml_implicit_resolvers = _without_base_60()


def read_yaml(text: str) -> Any:
    """The value of a YAML text; `Unreadable` if it is none."""
    try:
        return yaml.load(text, _Reader)
    except Unreadable:
        raise
    except Exception as error:
        raise Unreadable(str(error)) from error


def read_config(data: bytes, settings: Sequence[str]) -> dict[str, Any]:
    """The settings that a file and overrides give; `Unreadable` if they give none."""
    try:
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(str(error)) from error
    given = read_yaml(text)
    if not isinstance(given, dict):
        raise Unreadable("not a mapping")
    for setting in settings:
        key, equals, raw = setting.partition("=")
        path = key.strip().split(".")
        if not equals or not all(path):
            raise Unreadable(setting)
        given = _with(given, path, read_yaml(raw))
    return given


def _with(mapping: Any, path: Sequence[str], value: Any) -> Any:
    if not path:
        return value
    inside = mapping if isinstance(mapping, dict) else {}
    return {**inside, path[0]: _with(inside.get(path[0]), path[1:], value)}


def difference(given: Mapping[Any, Any], found: Mapping[str, Any], base: Mapping[str, Any]) -> str:
    """Say where the resolved config ``found`` differs from what ``given`` says, "" if nowhere.

    ``base`` has the defaults: the resolved config of the settings that are required.
    """
    return _section({**given, "space": _flat(given.get("space") or {})}, found, base, ())


def _flat(space: Any) -> Any:
    if not isinstance(space, dict):
        return space
    flat = {name: value for name, value in space.items() if name not in GROUPS}
    for group, keys in GROUPS.items():
        for key, value in (space.get(group) or {}).items():
            flat[keys.get(key, key)] = value
    return flat


SECTIONS = {
    *(("task",), ("baseline",), ("pruning",), ("space",), ("recover",), ("search",)),
    *(("resources",), ("search", "budget"), ("task", "dataset"), ("recover", "distill")),
    *(("baseline", "quantization"), ("search", "budget", "plateau")),
}


def _section(given: Any, found: Any, base: Any, path: tuple[str, ...]) -> str:
    where = ".".join(path)
    for key in given:
        if key not in found:
            return f"{where}: the unknown key {key!r} was accepted"
    for key, value in found.items():
        inner, default = (*path, key), base.get(key) if isinstance(base, dict) else None
        if key not in given:
            if isinstance(base, dict) and not _equal(value, default):
                return f"{'.'.join(inner)} is {value!r}, which nothing says; default {default!r}"
        elif inner in SECTIONS and isinstance(given[key], dict) and isinstance(value, dict):
            if problem := _section(given[key], value, default, inner):
                return problem
        elif not _means(given[key], value, inner):
            return f"{'.'.join(inner)} is {value!r}, but {given[key]!r} was given"
    return ""


def _equal(one: Any, other: Any) -> bool:
    return type(one) is type(other) and one == other


def _means(given: Any, found: Any, path: tuple[str, ...]) -> bool:
    if path[0] == "space" and len(path) == 2:
        return _domain(given, found)
    if path == ("listeners",) and isinstance(given, list):
        given = {name: {} for name in given}
    if path == ("listeners",) and isinstance(given, dict):
        given = {name: options or {} for name, options in given.items()}
    if path == ("task", "label_names") and isinstance(given, list):
        given = [value if isinstance(value, str) else str(value) for value in given]
    return same(given, found)


def same(given: Any, found: Any) -> bool:
    """Whether a setting is the value that was given; the text of a number is that number."""
    if isinstance(given, bool) or isinstance(found, bool) or given is None or found is None:
        return given is found
    if isinstance(given, dict) and isinstance(found, dict):
        keys = [*given] == [*found]
        return keys and all(same(given[key], found[key]) for key in given)
    if isinstance(given, list | tuple) and isinstance(found, list):
        return len(given) == len(found) and all(map(same, given, found))
    if isinstance(found, int | float):
        if isinstance(given, str):
            return bool(_NUMBER.fullmatch(given)) and _close(Fraction(given.strip()), found)
        return isinstance(given, int | float) and math.isfinite(given) and given == found
    return type(given) is type(found) and bool(given == found)


def _close(given: Fraction, found: float) -> bool:
    """Whether a decimal number is this integer, or is rounded to this float."""
    return given == found if isinstance(found, int) else float(given) == found


def _domain(given: Any, found: Any) -> bool:
    """Whether the domain of a parameter has the form that was given; defaults may be omitted."""
    if not isinstance(given, dict):
        return same(given, found)
    if "values" in given:
        whole = {"values": found} if isinstance(found, list) else found
        return (
            same(given["values"], whole["values"])
            and {*given} <= {"values", "when"}
            and _when(given.get("when"), whole.get("when"))
        )
    if not isinstance(found, dict) or {*given} - {"low", "high", "log", "step", "when"}:
        return False
    log, step = given.get("log", False), given.get("step")
    if step is None or "step" not in found:
        steps = step is None or (float(step) == 1 and isinstance(found["low"], int))
        ends = same(given["high"], found["high"])
    else:
        steps = same(step, found["step"])
    if step is not None:
        low, high, size = (Fraction(str(each)) for each in (given["low"], given["high"], step))
        ends = math.isclose(float(low + (high - low) // size * size), found["high"])
    return (
        same(given["low"], found["low"])
        and ends
        and steps
        and same(log, found.get("log", False))
        and _when(given.get("when"), found.get("when"))
    )


def _when(given: Any, found: Any) -> bool:
    """Whether conditions are those that were given; a list of one value is that value."""
    short = {
        name: test[0] if isinstance(test, list) and len(test) == 1 else test
        for name, test in (given or {}).items()
    }
    return same(short, found or {})
