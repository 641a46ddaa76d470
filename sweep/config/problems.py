"""What pydantic says is wrong with a config, in the words of `sweep.space.values`.

What is allowed at a path is read from the JSON schema of the settings, where pydantic has put every
constraint, and told by :func:`in_words`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from sweep.config.sections import Settings
from sweep.space.params import PARAMETERS, TUTORIAL
from sweep.space.values import ABSENT, Problem, Refused, closest

_WHAT = {
    "model_type": "must be a mapping of settings",
    "dict_type": "must be a mapping",
    "list_type": "must be a list",
    "too_short": "must not be empty",
    "string_type": "must be a text",
    "string_too_short": "must not be empty",
    "string_pattern_mismatch": "has characters that it must not have",
    "bool_type": "must be true or false",
    "int_type": "must be an integer",
    "int_from_float": "must be an integer",
    "int_parsing_size": "must fit in 64 bits",
    "float_type": "must be a number",
    "finite_number": "must be finite",
    "greater_than": "must be > {gt:.15g}",
    "greater_than_equal": "must be >= {ge:.15g}",
    "less_than": "must be < {lt:.15g}",
    "less_than_equal": "must be <= {le:.15g}",
    "literal_error": "is not one of the known names",
}
"""Type of a pydantic error -> what is wrong, with the error's own figures."""


def problems_of(error: ValidationError) -> list[Problem]:
    """Every problem in ``error`` with its whole path; for an unknown key, the nearest known one."""
    found: list[Problem] = []
    for item in error.errors(include_url=False):
        cause = item.get("ctx", {}).get("error")
        where = _where(item["loc"])
        if isinstance(cause, Refused):
            found += [problem.under(*where) for problem in cause.problems]
        elif all(problem.where != where for problem in found):
            # Else it is another member of a union, or the value of a key that is wrong itself.
            found.append(_problem(where, item))
    return found


def _where(loc: tuple[int | str, ...]) -> tuple[str, ...]:
    """The path in the config: an error in a union also names the member that was tried."""
    where: list[str] = []
    known: Mapping[str, Any] = Settings.model_fields
    for part in loc:
        if part == "[key]":
            break
        where.append(str(part))
        annotation = known[str(part)].annotation if part in known else None
        if _is_union(annotation):
            break
        known = getattr(_section(annotation), "model_fields", {})
    return tuple(where)


def _is_union(annotation: Any) -> bool:
    """Whether it is a union of plain values, but for one with null: that one pydantic hides."""
    union = get_origin(annotation) in (Union, UnionType) and _section(annotation) is None
    return union and NoneType not in get_args(annotation)


def _problem(where: tuple[str, ...], item: Any) -> Problem:
    kind, got = item["type"], item["input"]
    if kind in ("extra_forbidden", "invalid_key"):
        return _unknown(where, got if kind == "extra_forbidden" else ABSENT)
    if kind == "missing":
        return Problem(where, f"is required: {_help(where)}")
    node = _schema_at(where)
    if item["loc"][-1] == "[key]":
        node = _schema_at(where[:-1])["propertyNames"]
    what = _WHAT[kind].format(**item.get("ctx", {})) if kind in _WHAT else item["msg"]
    if kind == "string_pattern_mismatch" and not got.strip():
        what = "must not be empty"
    elif kind == "string_type" and isinstance(got, int | float):
        what += " (in quotes)"
    allowed = "leave the key out for the defaults" if kind == "model_type" else in_words(node)
    hint = closest(got, node.get("enum", ())) if isinstance(got, str) else ""
    return Problem(where, what, got, allowed, hint)


@cache
def _schema() -> dict[str, Any]:
    return Settings.model_json_schema()


def _resolved(node: dict[str, Any]) -> dict[str, Any]:
    reference = node.get("$ref")
    return _schema()["$defs"][reference.rpartition("/")[2]] if reference else node


def _schema_at(where: tuple[str, ...]) -> dict[str, Any]:
    """The JSON schema of the setting at a path."""
    node = _schema()
    for key in where:
        members = [_resolved(member) for member in node.get("anyOf", [node])]
        inner = [m["properties"].get(key) for m in members if "properties" in m]
        inner += [m.get("items") or m.get("additionalProperties") for m in members]
        node = _resolved(next((found for found in inner if isinstance(found, dict)), {}))
    return node


def in_words(node: dict[str, Any]) -> str:
    """A JSON schema in words, such as ``an integer >= 1, or null``; "" where it says nothing.

    >>> in_words({"type": "number", "minimum": 0, "exclusiveMaximum": 1})
    'a number >= 0 and < 1'
    """
    node = _resolved(node)
    if "anyOf" in node:
        return ", or ".join(map(in_words, node["anyOf"]))
    if "enum" in node or "const" in node:
        return ", ".join(node.get("enum", [node.get("const")]))
    kind = str(node.get("type"))
    if kind in ("integer", "number"):
        signs = {">": "exclusiveMinimum", ">=": "minimum", "<": "exclusiveMaximum", "<=": "maximum"}
        bounds = [f"{sign} {node[key]:.15g}" for sign, key in signs.items() if key in node]
        noun = "an integer" if kind == "integer" else "a number"
        return " ".join([noun, " and ".join(bounds)]).strip()
    if kind == "string" or "minLength" in node:
        return _TEXTS.get(node.get("pattern", node.get("minLength")), "a text")
    if kind == "array":
        return f"a list, each item {in_words(node['items'])}"
    if "propertyNames" in node:
        names, values = in_words(node["propertyNames"]), in_words(node["additionalProperties"])
        return f"{{key: value, ...}}, keys {names}, values {values}"
    return {"null": "null", "boolean": "true, false"}.get(kind, "{key: value, ...}")


_TEXTS = {
    1: "a text that is not empty",
    r"\S": "a text that is not empty",
    r"^[A-Za-z0-9][A-Za-z0-9._-]*$": "letters, digits and . _ - after a letter or digit",
}
"""Pattern, or least length -> what it says."""


def _unknown(where: tuple[str, ...], got: object) -> Problem:
    section = ".".join(where[:-1])
    siblings = [_name(path) for path in known_paths() if path.rpartition(".")[0] == section]
    # A setting put into the wrong section is likelier meant than a sibling that looks alike.
    elsewhere = _elsewhere()
    hint = elsewhere.get(where[-1]) or closest(where[-1], siblings)
    hint = hint or elsewhere.get(closest(where[-1], elsewhere), "")
    return Problem(where, "unknown key", got, ", ".join(siblings), hint)


def _name(path: str) -> str:
    return path.rpartition(".")[2]


def _elsewhere() -> dict[str, str]:
    """Setting -> its dotted path, of the settings in sections that have a name of their own."""
    inner = [path for path in known_paths() if path.count(".") == 1]
    count = Counter(map(_name, inner))
    return {_name(path): path for path in inner if count[_name(path)] == 1}


def _help(where: tuple[str, ...]) -> str:
    fields, text = Settings.model_fields, ""
    for key in where:
        text = fields[key].description or ""
        fields = getattr(_section(fields[key].annotation), "model_fields", {})
    return text


@cache
def known_paths() -> tuple[str, ...]:
    """The dotted path of every section and setting, with the parameters of the space."""
    groups = [f"{group}.{key}" for group, keys in TUTORIAL.items() for key in keys]
    space = [f"space.{name}" for name in (*PARAMETERS, *TUTORIAL, *groups)]
    return (*_walk(Settings, ""), *space)


def _walk(section: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in section.model_fields.items():
        yield f"{prefix}{name}"
        inner = _section(field.annotation)
        if inner is not None:
            yield from _walk(inner, f"{prefix}{name}.")


def _section(annotation: Any) -> type[BaseModel] | None:
    """The section in ``annotation``: itself, or the one in a union."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) is Annotated:
        return _section(get_args(annotation)[0])
    return next(filter(None, map(_section, get_args(annotation))), None)
