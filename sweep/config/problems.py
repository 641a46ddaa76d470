"""What pydantic says is wrong with a config, in the words of `sweep.space.values`.

What is allowed at a path is read from the JSON schema of the settings, where pydantic has put every
constraint, and told by :func:`in_words`.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from functools import cache
from typing import Any

from pydantic import ValidationError

from sweep.config.sections import Settings
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
    "union_tag_invalid": "has none of the forms that it may have",
}
"""Type of a pydantic error -> what is wrong, with the error's own figures."""

_UNKNOWN = ("extra_forbidden", "invalid_key")

_FORM = re.compile(r"\[(\d)\]")
"""The part of a path that says which of several forms a value has (`sweep.space.parse`)."""


def problems_of(error: ValidationError) -> list[Problem]:
    """Every problem in ``error`` with its whole path; for an unknown key, the nearest known one."""
    found: list[Problem] = []
    for item in error.errors(include_url=False):
        cause = item.get("ctx", {}).get("error")
        where = _where(item["loc"], item["type"])
        shown = tuple(part for part in where if not _FORM.fullmatch(part))
        if isinstance(cause, Refused):
            found += [problem.under(*shown) for problem in cause.problems]
        elif all(problem.where != shown for problem in found):
            # Else it is another member of a union, or the value of a key that is wrong itself.
            found.append(replace(_problem(where, item), where=shown))
    return found


def _where(loc: tuple[int | str, ...], kind: str) -> tuple[str, ...]:
    """The path in the config: an error in a union also names the member that was tried."""
    where = tuple(str(part) for part in loc if part != "[key]")
    while kind not in _UNKNOWN and not _schema_at(where):
        where = where[:-1]
    return where


def _problem(where: tuple[str, ...], item: Any) -> Problem:
    kind, got = item["type"], item["input"]
    if kind in _UNKNOWN:
        return _unknown(where, got if kind == "extra_forbidden" else ABSENT)
    if kind == "missing":
        return Problem(where, f"is required: {_schema_at(where)['description']}")
    node = _schema_at(where)
    if item["loc"][-1] == "[key]":
        node = _schema_at(where[:-1])["propertyNames"]
    node = _resolved(node)
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
    """The JSON schema of the setting at a path; empty where there is none."""
    node = _schema()
    for key in where:
        members = _members(node)
        if form := _FORM.fullmatch(key):
            node = members[int(form[1])]
            continue
        inner = [m["properties"].get(key) for m in members if "properties" in m]
        inner += [m.get("items") or m.get("additionalProperties") for m in members]
        node = next((found for found in inner if isinstance(found, dict)), {})
    return node


def _members(node: dict[str, Any]) -> list[dict[str, Any]]:
    """The schemas that a setting may follow, one or several."""
    node = _resolved(node)
    return [_resolved(member) for member in node.get("anyOf") or node.get("oneOf") or [node]]


def in_words(node: dict[str, Any]) -> str:
    """A JSON schema in words, such as ``an integer >= 1, or null``; "" where it says nothing.

    >>> in_words({"type": "number", "minimum": 0, "exclusiveMaximum": 1})
    'a number >= 0 and < 1'
    """
    node = _resolved(node)
    if "anyOf" in node or "oneOf" in node:
        return ", or ".join(map(in_words, _members(node)))
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
    siblings = _names(_schema_at(where[:-1]))
    # A setting put into the wrong section is likelier meant than a sibling that looks alike.
    elsewhere = _elsewhere()
    hint = elsewhere.get(where[-1]) or closest(where[-1], siblings)
    if not hint and len(where) <= 2:
        hint = elsewhere.get(closest(where[-1], elsewhere), "")
    return Problem(where, "unknown key", got, ", ".join(siblings), hint)


def _names(node: dict[str, Any]) -> list[str]:
    """The keys of a section."""
    return [name for member in _members(node) for name in member.get("properties", {})]


def _elsewhere() -> dict[str, str]:
    """Setting -> its dotted path, of the settings in sections that have a name of their own."""
    sections = {section: _names(node) for section, node in _schema()["properties"].items()}
    count = Counter(name for names in sections.values() for name in names)
    return {
        name: f"{section}.{name}"
        for section, names in sections.items()
        for name in names
        if count[name] == 1
    }
