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
        inner = _mapping({key: _domain_schema(name) for key, name in names.items()})
        properties[group] = {
            "description": f"the tutorial's form of {', '.join(names.values())}",
            "anyOf": [{"type": "null"}, inner],
        }
    return _mapping(properties)


def points_schema() -> dict[str, Any]:
    """JSON schema of a list of points."""
    point = _mapping({name: _value(known.rule) for name, known in PARAMETERS.items()})
    return {"type": "array", "items": {**point, "minProperties": 1}}


def _mapping(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, **more, "additionalProperties": False}


def _domain_schema(name: str) -> dict[str, Any]:
    rule = PARAMETERS[name].rule
    value = _value(rule)
    several = {"type": "array", "items": value, "minItems": 1, "uniqueItems": True}
    values = _mapping({"values": several, "when": _when()}, required=["values"])
    forms: list[dict[str, Any]] = [value, several, values]
    if DEFAULTS[name] is None:
        forms.append({"type": "null"})
    if isinstance(rule, Number):
        step = {"anyOf": [{"type": "null"}, _value(step_rule(rule))]}
        bounds = {"low": value, "high": value, "log": {"type": "boolean"}, "step": step}
        forms.append(_mapping({**bounds, "when": _when()}, required=["low", "high"]))
    return {"description": PARAMETERS[name].help, "default": DEFAULTS[name], "anyOf": forms}


def _when() -> dict[str, Any]:
    value = {"type": ["number", "string"]}
    span = _mapping({"low": {"type": "number"}, "high": {"type": "number"}})
    forms = [value, {"type": "array", "items": value}, {**span, "minProperties": 1}]
    return {
        "description": "the parameter is there only where these others have these values",
        "type": "object",
        "propertyNames": {"enum": list(PARAMETERS)},
        "additionalProperties": {"anyOf": forms},
        "minProperties": 1,
    }


def _value(rule: Number | OneOf) -> dict[str, Any]:
    if isinstance(rule, OneOf):
        return {"enum": list(rule.options)}
    found: dict[str, Any] = {"type": "integer" if rule.whole else "number"}
    found["exclusiveMinimum" if rule.above else "minimum"] = rule.low
    if rule.high is not None:
        found["exclusiveMaximum" if rule.below else "maximum"] = rule.high
    return found
