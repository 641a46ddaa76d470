"""Convert pydantic's errors about a config to problems (`sweep.space.explain`)."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from functools import cache
from typing import Any

from pydantic import ValidationError

from sweep.config.sections import Settings
from sweep.registry import REGISTRIES
from sweep.space.explain import Schema, members, problem_of
from sweep.space.values import ABSENT, Problem, Refused, closest

_UNKNOWN = ("extra_forbidden", "invalid_key")

_FORM = re.compile(r"\[(\d)\]")
"""The part of a path that is the form of a value in a union (`sweep.space.parse`)."""


def problems_of(error: ValidationError) -> list[Problem]:
    """All problems in ``error`` with full paths. For an unknown key, the hint is a similar key."""
    found: list[Problem] = []
    for item in error.errors(include_url=False):
        cause = item.get("ctx", {}).get("error")
        where = _where(item["loc"], item["type"])
        shown = tuple(part for part in where if not _FORM.fullmatch(part))
        if isinstance(cause, Refused):
            found += [problem.under(*shown) for problem in cause.problems]
        elif all(problem.where != shown for problem in found):
            # Otherwise it is another member of a union, or the value of a key that is wrong itself.
            found.append(replace(_problem(where, item), where=shown))
    return found


def _where(loc: tuple[int | str, ...], kind: str) -> tuple[str, ...]:
    """The path in the config. The path of an error in a union also has the member."""
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
    return problem_of(where, item, node, _schema()["$defs"])


def _schema() -> dict[str, Any]:
    return _schema_of(sum(map(len, REGISTRIES.values())))


@cache
def _schema_of(names: int) -> dict[str, Any]:
    """The schema, cached by the number of registered names, which it lists."""
    return Settings.model_json_schema()


def _schema_at(where: tuple[str, ...]) -> Schema:
    """The JSON schema of the setting at a path, or {} if there is no such setting."""
    node: Schema = _schema()
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
    return members(node, _schema()["$defs"])


def _unknown(where: tuple[str, ...], got: object) -> Problem:
    siblings = _names(_schema_at(where[:-1]))
    # A setting in the wrong section is more likely than a similar name in this section.
    elsewhere = _elsewhere()
    hint = elsewhere.get(where[-1]) or closest(where[-1], siblings)
    if not hint and len(where) <= 2:
        hint = elsewhere.get(closest(where[-1], elsewhere), "")
    return Problem(where, "unknown key", got, ", ".join(siblings), hint)


def _names(node: Schema) -> list[str]:
    """The keys of a section."""
    return [name for member in _members(node) for name in member.get("properties", {})]


def _elsewhere() -> dict[str, str]:
    """Setting -> its dotted path, for settings whose name occurs in only one section."""
    sections = {section: _names(node) for section, node in _schema()["properties"].items()}
    count = Counter(name for names in sections.values() for name in names)
    return {
        name: f"{section}.{name}"
        for section, names in sections.items()
        for name in names
        if count[name] == 1
    }
