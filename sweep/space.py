"""The search space: what each parameter of a trial may be.

A domain is a range (`Float`, `Int`), a list (`Choice`) or one value (`Constant`). In YAML:

    sparsity: {low: 0.3, high: 0.95}      # a range; with step: 0.05 or log: true if wanted
    method: [l1-norm, random]             # a choice
    scope: local                          # a constant

`PARAMETERS` is the one place that says which parameters there are, what each may be, and what it
is by default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sweep.domains import Choice, Constant, Domain, Float, Int, Value, width
from sweep.names import METHODS, SCOPES
from sweep.problems import Problem, Refused, closest
from sweep.values import Also, Flag, Number, OneOf, Reader


@dataclass(frozen=True)
class Parameter:
    """What a parameter may be (``rule``), what it is by default, and what it means."""

    rule: Number | OneOf
    default: Value
    help: str


_METHODS = " or ".join(METHODS)
_SHARE = Number(low=0, high=1, below=True)

PARAMETERS: dict[str, Parameter] = {
    "sparsity": Parameter(_SHARE, 0.5, "share of the prunable weights that become zero"),
    "method": Parameter(OneOf(METHODS), "l1-norm", f"scores of weights: {_METHODS}"),
    "scope": Parameter(OneOf(SCOPES), "local", "scores compared per matrix, or over all"),
    "finetune_epochs": Parameter(Number(low=0, whole=True), 1, "epochs of recovery"),
    "learning_rate": Parameter(Number(low=0, above=True), 5e-5, "peak learning rate of recovery"),
    "activation_sparsity": Parameter(_SHARE, 0.0, "share of a layer's inputs that become zero"),
    "activation_method": Parameter(OneOf(METHODS), "l1-norm", f"scores of activations: {_METHODS}"),
    "activation_scope": Parameter(
        OneOf(SCOPES), "local", "a sample's own threshold, or one for a layer"
    ),
}

TUTORIAL: dict[str, dict[str, str]] = {
    "weight": {key: key for key in ("sparsity", "method", "scope")},
    "activation": {key: f"activation_{key}" for key in ("sparsity", "method", "scope")},
}
"""The tutorial's dictionary: group -> its key -> the parameter that it means."""


def parse_space(raw: object) -> dict[str, Domain]:
    """Every parameter's domain, in the order of `PARAMETERS`, from the YAML mapping of a space.

    Accepts the tutorial's ``weight`` and ``activation`` groups too. Raises `Refused` with every
    problem.
    """
    if not isinstance(raw, Mapping):
        raise Refused(Problem((), "must be a mapping of parameters to domains", raw))
    problems: list[Problem] = []
    entries = _entries(raw, problems)
    domains: dict[str, Domain] = {n: Constant(p.default) for n, p in PARAMETERS.items()}
    seen: dict[str, tuple[str, ...]] = {}
    for where, name, value in entries:
        if name in seen:
            what = f"gives the same parameter as space.{'.'.join(seen[name])}"
            problems.append(Problem(where, what, value, "one of the two"))
        seen[name] = where
        try:
            domains[name] = parse_domain(name, value)
        except Refused as refused:
            problems += [problem.under(*where) for problem in refused.problems]
    if problems:
        raise Refused(*problems)
    return domains


def _entries(
    raw: Mapping[Any, object], problems: list[Problem]
) -> list[tuple[tuple[str, ...], str, object]]:
    """(path as written, parameter, value) of every known key; the others go to ``problems``."""
    entries: list[tuple[tuple[str, ...], str, object]] = []
    for key, value in raw.items():
        group = TUTORIAL.get(key)
        if key in PARAMETERS:
            entries.append(((key,), key, value))
        elif group is None:
            problems.append(unknown((str(key),), value, [*PARAMETERS, *TUTORIAL]))
        elif isinstance(value, Mapping):
            for inner, part in value.items():
                if inner in group:
                    entries.append(((key, inner), group[inner], part))
                else:
                    problems.append(unknown((key, str(inner)), part, list(group)))
        elif value is not None:
            problems.append(Problem((key,), "must be a mapping", value, ", ".join(group)))
    return entries


def unknown(where: tuple[str, ...], got: object, known: list[str]) -> Problem:
    """The problem of a key that is none of the ``known`` ones."""
    return Problem(where, "unknown key", got, ", ".join(known), closest(where[-1], known))


def parse_domain(name: str, raw: object) -> Domain:
    """The domain of the parameter ``name`` from its YAML form (or from a domain, checked again).

    Raises `Refused`, a ValueError, with every problem that ``raw`` has.
    """
    parameter = PARAMETERS.get(name)
    if parameter is None:
        raise Refused(unknown((name,), raw, list(PARAMETERS)))
    if isinstance(raw, Float | Int | Choice | Constant):
        raw = raw.plain()
    if isinstance(raw, Mapping):
        return _parse_range(parameter.rule, raw)
    if isinstance(raw, list | tuple):
        return _parse_choice(parameter.rule, raw)
    return Constant(parameter.rule.read(raw))


_BOUNDS = ("low", "high", "log", "step")
_MOST_STEPS = 1e9


def _parse_range(rule: Number | OneOf, raw: Mapping[Any, object]) -> Domain:
    if isinstance(rule, OneOf):
        raise Refused(Problem((), "a range needs numbers", raw, f"one or a list of {rule.allowed}"))
    problems = [unknown((str(key),), raw[key], list(_BOUNDS)) for key in raw if key not in _BOUNDS]
    found: dict[str, Any] = {}
    for key, reader in _range_rules(rule).items():
        if key not in raw:
            if key in ("low", "high"):
                problems.append(Problem((key,), "is required in a range", raw, rule.allowed))
            continue
        try:
            found[key] = reader.read(raw[key])
        except Refused as refused:
            problems += [problem.under(key) for problem in refused.problems]
    problems += _range_problems(found, raw)
    if problems:
        raise Refused(*problems)
    return _range(rule, found)


def _range_rules(rule: Number) -> dict[str, Reader]:
    step = Also(None, Number(low=0, above=True, whole=rule.whole))
    return {"low": rule, "high": rule, "log": Flag(), "step": step}


def _range_problems(found: Mapping[str, Any], raw: object) -> list[Problem]:
    """How the bounds, each fine by itself, do not go together."""
    low, step = found.get("low"), found.get("step")
    problems = []
    if low is not None and found.get("high") is not None:
        if low > found["high"]:
            problems.append(Problem((), "low is above high", raw, "low <= high"))
        elif step is not None and low < found["high"]:
            problems += _step_problems(step, width(low, found["high"]))
    if found.get("log") and low is not None and low <= 0:
        problems.append(Problem(("low",), "a log range cannot start here", low, "> 0"))
    if found.get("log") and step is not None:
        problems.append(Problem(("step",), "a log range takes no step", step, "log or step"))
    return problems


def _step_problems(step: float, whole: float) -> list[Problem]:
    if whole / _MOST_STEPS <= step <= whole:
        return []
    allowed = f">= {whole / _MOST_STEPS:g} and <= {whole:g}"
    return [Problem(("step",), "does not fit the range", step, allowed)]


def _range(rule: Number, found: Mapping[str, Any]) -> Domain:
    """The range; with a step, ``high`` comes down to the last step, as samplers want it."""
    low, high, log = found["low"], found["high"], found.get("log", False)
    step = found.get("step")
    if rule.whole:
        step = step or 1
        return Int(low, low + (high - low) // step * step, log, step)
    return Float(low, high if step is None else Float(low, high, log, step).last, log, step)


def _parse_choice(rule: Number | OneOf, raw: list[Any] | tuple[Any, ...]) -> Choice:
    if not raw:
        raise Refused(Problem((), "a choice must not be empty", raw, f"a list of {rule.allowed}"))
    problems: list[Problem] = []
    values: list[Value] = []
    for index, item in enumerate(raw):
        try:
            value = rule.read(item)
        except Refused as refused:
            problems += [problem.under(str(index)) for problem in refused.problems]
            continue
        if value in values:
            problems.append(Problem((str(index),), "is in the list already", item))
        values.append(value)
    if problems:
        raise Refused(*problems)
    return Choice(tuple(values))


def space_schema() -> dict[str, Any]:
    """JSON schema of the YAML form of a space, with the tutorial's groups."""
    properties = {name: _domain_schema(parameter) for name, parameter in PARAMETERS.items()}
    for group, names in TUTORIAL.items():
        inner = {key: _domain_schema(PARAMETERS[name]) for key, name in names.items()}
        properties[group] = {
            "description": f"the tutorial's form of {', '.join(names.values())}",
            "anyOf": [
                {"type": "null"},
                {"type": "object", "properties": inner, "additionalProperties": False},
            ],
        }
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _domain_schema(parameter: Parameter) -> dict[str, Any]:
    rule = parameter.rule
    value = rule.schema()
    forms = [value, {"type": "array", "items": value, "minItems": 1, "uniqueItems": True}]
    if isinstance(rule, Number):
        bounds = {key: reader.schema() for key, reader in _range_rules(rule).items()}
        forms.append(
            {
                "type": "object",
                "properties": bounds,
                "required": ["low", "high"],
                "additionalProperties": False,
            }
        )
    return {"description": parameter.help, "default": parameter.default, "anyOf": forms}
