"""Convert pydantic's errors to messages: what is wrong with a value, and what is allowed.

The allowed values come from the JSON schema, which has every constraint of pydantic.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sweep.space.values import Problem, closest

Schema = Mapping[str, Any]

_WHAT = {
    "model_type": "must be a mapping of settings",
    "dict_type": "must be a mapping",
    "list_type": "must be a list",
    "too_short": "must not be empty",
    "string_type": "must be a text",
    "string_too_short": "must not be empty",
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
    "literal_error": "is not one of the known names",
    "union_tag_invalid": "has none of the allowed forms",
}
"""Type of a pydantic error -> its message, with placeholders for the error's context."""


def problem_of(
    where: tuple[str, ...], item: Any, node: Schema, definitions: Schema | None = None
) -> Problem:
    """The problem of the setting at the path ``where``.

    ``item`` is an element of ``ValidationError.errors()``, ``node`` the JSON schema of the setting,
    and ``definitions`` the ``$defs`` to which the schema may refer.
    """
    kind, got = item["type"], item["input"]
    what = _WHAT[kind].format(**item.get("ctx", {})) if kind in _WHAT else item["msg"]
    if kind == "string_pattern_mismatch" and not got.strip():
        what = "must not be empty"
    elif kind == "string_type" and isinstance(got, int | float):
        what += " (in quotes)"
    defaults = "leave the key out for the defaults"
    allowed = defaults if kind == "model_type" else in_words(node, definitions)
    names = _names(node, definitions)
    return Problem(where, what, got, allowed, closest(got, names) if isinstance(got, str) else "")


def in_words(node: Schema, definitions: Schema | None = None) -> str:
    """A JSON schema in words, such as ``an integer >= 1, or null``; "" for an empty schema.

    >>> in_words({"type": "number", "minimum": 0, "exclusiveMaximum": 1})
    'a number >= 0 and < 1'
    """
    node = resolved(node, definitions)
    if "anyOf" in node or "oneOf" in node:
        return ", or ".join(in_words(each, definitions) for each in members(node, definitions))
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
        return f"a list, each item {in_words(node['items'], definitions)}"
    if "propertyNames" in node:
        keys, values = node["propertyNames"], node["additionalProperties"]
        names = in_words(keys, definitions)
        return f"{{key: value, ...}}, keys {names}, values {in_words(values, definitions)}"
    return {"null": "null", "boolean": "true, false"}.get(kind, "{key: value, ...}")


_TEXTS = {
    1: "a text that is not empty",
    r"\S": "a text that is not empty",
    r"^[A-Za-z0-9][A-Za-z0-9._-]*$": "letters, digits and . _ - after a letter or digit",
}
"""Pattern or minimal length -> its description."""


def resolved(node: Schema, definitions: Schema | None = None) -> Schema:
    """The schema itself, or the schema that it refers to."""
    reference = node.get("$ref")
    if reference is None or definitions is None:
        return node
    found: Schema = definitions[reference.rpartition("/")[2]]
    return found


def members(node: Schema, definitions: Schema | None = None) -> list[Schema]:
    """The alternatives of a schema, or the schema itself."""
    node = resolved(node, definitions)
    several = node.get("anyOf") or node.get("oneOf") or [node]
    return [resolved(member, definitions) for member in several]


def _names(node: Schema, definitions: Schema | None) -> list[str]:
    return [name for each in members(node, definitions) for name in each.get("enum", ())]
