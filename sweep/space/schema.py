"""JSON schema of a space as it stands in YAML, for editors."""

from __future__ import annotations

from typing import Any

from sweep.space.params import DEFAULTS, PARAMETERS, TUTORIAL
from sweep.space.parse import step_rule
from sweep.space.values import Number, OneOf


def space_schema() -> dict[str, Any]:
    """JSON schema of the YAML form of a space, with the tutorial's groups."""
    properties = {name: _domain_schema(name) for name in PARAMETERS}
    for group, names in TUTORIAL.items():
        inner = {key: _domain_schema(name) for key, name in names.items()}
        properties[group] = {
            "description": f"the tutorial's form of {', '.join(names.values())}",
            "anyOf": [
                {"type": "null"},
                {"type": "object", "properties": inner, "additionalProperties": False},
            ],
        }
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _domain_schema(name: str) -> dict[str, Any]:
    rule = PARAMETERS[name].rule
    value = _value(rule)
    several = {"type": "array", "items": value, "minItems": 1, "uniqueItems": True}
    forms: list[dict[str, Any]] = [
        value,
        several,
        {
            "type": "object",
            "properties": {"values": several, "when": _when()},
            "required": ["values"],
            "additionalProperties": False,
        },
    ]
    if DEFAULTS[name] is None:
        forms.append({"type": "null"})
    if isinstance(rule, Number):
        step = {"anyOf": [{"type": "null"}, _value(step_rule(rule))]}
        bounds = {"low": value, "high": value, "log": {"type": "boolean"}, "step": step}
        forms.append(
            {
                "type": "object",
                "properties": {**bounds, "when": _when()},
                "required": ["low", "high"],
                "additionalProperties": False,
            }
        )
    return {"description": PARAMETERS[name].help, "default": DEFAULTS[name], "anyOf": forms}


def _when() -> dict[str, Any]:
    value = {"type": ["number", "string"]}
    ends = {"low": {"type": "number"}, "high": {"type": "number"}}
    span = {
        "type": "object",
        "properties": ends,
        "additionalProperties": False,
        "minProperties": 1,
    }
    return {
        "description": "the parameter is there only where these others have these values",
        "type": "object",
        "propertyNames": {"enum": list(PARAMETERS)},
        "additionalProperties": {"anyOf": [value, {"type": "array", "items": value}, span]},
        "minProperties": 1,
    }


def points_schema() -> dict[str, Any]:
    """JSON schema of a list of points."""
    point = {
        "type": "object",
        "properties": {name: _value(known.rule) for name, known in PARAMETERS.items()},
        "additionalProperties": False,
        "minProperties": 1,
    }
    return {"type": "array", "items": point}


def _value(rule: Number | OneOf) -> dict[str, Any]:
    if isinstance(rule, OneOf):
        return {"enum": list(rule.options)}
    found: dict[str, Any] = {"type": "integer" if rule.whole else "number"}
    if rule.low is not None:
        found["exclusiveMinimum" if rule.above else "minimum"] = rule.low
    if rule.high is not None:
        found["exclusiveMaximum" if rule.below else "maximum"] = rule.high
    return found
