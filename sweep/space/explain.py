"""Convert pydantic's errors to problems: what is wrong with a value, and what is allowed.

The allowed values come from the JSON schema, which has every constraint of pydantic.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from sweep.space.values import ABSENT, Problem, Refused, closest

Schema = Mapping[str, Any]

_UNKNOWN = ("extra_forbidden", "invalid_key")

_FORM = re.compile(r"\[(\d)\]")
"""The part of a path that is the form of a value in a union (`sweep.space.parse`)."""

MOST_PROBLEMS = 100
"""How many errors are listed: each takes milliseconds, and nobody reads more."""

UNKNOWN_NAME = "is not one of the known names"

_WHAT = {
    "model_type": "must be a mapping of settings",
    "dict_type": "must be a mapping",
    "list_type": "must be a list",
    "too_short": "must not be empty",
    "string_type": "must be a text",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "has characters that are not allowed",
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
    "literal_error": UNKNOWN_NAME,
    "union_tag_invalid": "has none of the allowed forms",
}
"""Type of a pydantic error -> its message, with placeholders for the error's context."""


def problems_of(error: ValidationError, schema: Schema) -> list[Problem]:
    """The problems in ``error`` with full paths. For an unknown key, the hint is a similar key.

    ``schema`` is the JSON schema of the model that raised the error.
    """
    found: list[Problem] = []
    root = _inlined(schema, schema.get("$defs", {}))
    errors = error.errors(include_url=False)
    for item in errors[:MOST_PROBLEMS]:
        cause = item.get("ctx", {}).get("error")
        where = _where(item["loc"], item["type"], root)
        shown = tuple(part for part in where if not _FORM.fullmatch(part))
        if isinstance(cause, Refused):
            found += [problem.under(*shown) for problem in cause.problems]
        elif all(problem.where != shown for problem in found):
            # Otherwise it is another member of a union, or the value of a key that is wrong itself.
            found.append(replace(_problem(where, item, root), where=shown))
    if len(errors) > MOST_PROBLEMS:
        found.append(Problem((), f"only the first {MOST_PROBLEMS} problems are listed"))
    return found


def _inlined(node: Any, definitions: Schema) -> Any:
    """A JSON schema in which definitions replace the references to them."""
    if isinstance(node, list):
        return [_inlined(each, definitions) for each in node]
    if not isinstance(node, Mapping):
        return node
    if "$ref" in node:
        node = {**definitions[node["$ref"].rpartition("/")[2]], **node}
    return {
        key: _inlined(each, definitions)
        for key, each in node.items()
        if key not in ("$defs", "$ref")
    }


def _where(loc: tuple[int | str, ...], kind: str, root: Schema) -> tuple[str, ...]:
    """The path in the config. The path of an error in a union also has the member."""
    where = tuple(str(part) for part in loc if part != "[key]")
    while kind not in _UNKNOWN and not _schema_at(where, root):
        where = where[:-1]
    return where


def _problem(where: tuple[str, ...], item: Any, root: Schema) -> Problem:
    kind, got = item["type"], item["input"]
    if kind in _UNKNOWN:
        return _unknown(where, got if kind == "extra_forbidden" else ABSENT, root)
    node = _schema_at(where, root)
    if kind == "missing":
        return Problem(where, f"is required: {node['description']}")
    if item["loc"][-1] == "[key]":
        forms = _members(_schema_at(where[:-1], root))
        node = next(form["propertyNames"] for form in forms if "propertyNames" in form)
    what = _WHAT[kind].format(**item.get("ctx", {})) if kind in _WHAT else item["msg"]
    if kind == "string_pattern_mismatch" and not got.strip():
        what = "must not be empty"
    elif kind == "string_type" and isinstance(got, int | float):
        what += " (in quotes)"
    defaults = "leave the key out for the defaults"
    allowed = defaults if kind == "model_type" else in_words(node)
    names = [name for each in _members(node) for name in each.get("enum", ())]
    return Problem(where, what, got, allowed, closest(got, names) if isinstance(got, str) else "")


def _schema_at(where: tuple[str, ...], root: Schema) -> Schema:
    """The JSON schema of the setting at a path, or {} if there is no such setting."""
    node = root
    for key in where:
        forms = _members(node)
        if match := _FORM.fullmatch(key):
            node = forms[int(match[1])]
            continue
        inner = [form["properties"].get(key) for form in forms if "properties" in form]
        inner += [form.get("items") or form.get("additionalProperties") for form in forms]
        node = next((found for found in inner if isinstance(found, dict)), {})
    return node


def _members(node: Schema) -> list[Schema]:
    """The alternatives of a schema, or the schema itself."""
    return node.get("anyOf") or node.get("oneOf") or [node]


def _unknown(where: tuple[str, ...], got: object, root: Schema) -> Problem:
    siblings = _keys(_schema_at(where[:-1], root))
    # A setting in the wrong section is more likely than a similar name in this section.
    elsewhere = _elsewhere(root)
    hint = elsewhere.get(where[-1]) or closest(where[-1], siblings)
    if not hint and len(where) <= 2:
        hint = elsewhere.get(closest(where[-1], elsewhere), "")
    return Problem(where, "unknown key", got, ", ".join(siblings), hint)


def _keys(node: Schema) -> list[str]:
    """The keys of a section."""
    return [name for member in _members(node) for name in member.get("properties", {})]


def _elsewhere(root: Schema) -> dict[str, str]:
    """Setting -> its dotted path, for settings whose name occurs in only one section."""
    paths = [
        (name, f"{key}.{name}") for key, node in root["properties"].items() for name in _keys(node)
    ]
    count = Counter(name for name, _ in paths)
    return {name: path for name, path in paths if count[name] == 1}


def in_words(node: Schema | bool) -> str:
    """A JSON schema in words, such as ``an integer >= 1, or null``; True allows every value.

    >>> in_words({"type": "number", "minimum": 0, "exclusiveMaximum": 1})
    'a number >= 0 and < 1'
    """
    if isinstance(node, bool):
        return "of any kind"
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
"""Pattern or minimal length -> its description."""
