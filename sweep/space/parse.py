"""The search space: what each parameter of a trial may be.

A domain is a range (`Float`, `Int`), a list (`Choice`) or one value (`Constant`). In YAML:

    sparsity: {low: 0.3, high: 0.95}      # a range; with step: 0.05 or log: true if wanted
    method: [l1-norm, random]             # a choice
    scope: local                          # a constant
    learning_rate: {low: 1e-5, high: 1e-3, log: true, when: {finetune_epochs: {low: 1}}}
    activation_method: {values: [l1-norm, random], when: {activation_sparsity: {low: 0.1}}}

With a `when` the parameter is active only where all of its conditions hold (see
`sweep.space.active`); where it is not, a trial has its default. `sweep.space.params` has
the parameters themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sweep.space.conditions import Condition, read_when
from sweep.space.counting import condition_problems
from sweep.space.domains import Choice, Constant, Domain, Float, Int, width
from sweep.space.params import DEFAULTS, PARAMETERS, TUTORIAL
from sweep.space.values import Number, OneOf, Problem, Refused, Value, gathered, noting, unknown


def parse_space(raw: object) -> dict[str, Domain]:
    """Every parameter's domain, in the order of `PARAMETERS`, from the YAML mapping of a space.

    Accepts the tutorial's ``weight`` and ``activation`` groups too. Raises `Refused` with every
    problem.
    """
    if not isinstance(raw, Mapping):
        raise Refused(Problem((), "must be a mapping of parameters to domains", raw))
    domains: dict[str, Domain] = {name: Constant(DEFAULTS[name]) for name in PARAMETERS}
    seen: dict[str, tuple[str, ...]] = {}
    with gathered() as problems:
        for where, name, value in _entries(raw, problems):
            if name in seen:
                what = f"gives the same parameter as space.{'.'.join(seen[name])}"
                problems.append(Problem(where, what, value, "one of the two"))
            seen[name] = where
            with noting(problems, *where):
                domains[name] = parse_domain(name, value)
    with gathered() as problems:
        for name, problem in condition_problems(domains):
            problems.append(problem.under(*seen.get(name, (name,))))
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
        form = _parse_values if "values" in raw else _parse_range
        return form(parameter.rule, raw)
    if isinstance(raw, list | tuple):
        return _parse_choice(parameter.rule, raw)
    if raw is None and DEFAULTS[name] is None:
        return Constant(None)
    return Constant(parameter.rule.read(raw))


_MOST_STEPS = 1e9


def _parse_range(rule: Number | OneOf, raw: Mapping[Any, object]) -> Domain:
    if isinstance(rule, OneOf):
        raise Refused(Problem((), "a range needs numbers", raw, f"one or a list of {rule.allowed}"))
    step = step_rule(rule)
    readers: dict[str, Callable[[object], Any]] = {
        "low": rule.read,
        "high": rule.read,
        "log": _read_flag,
        "step": lambda raw: None if raw is None else step.read(raw),
        "when": _read_when,
    }
    with gathered() as problems:
        found = _read_keys(raw, readers, problems)
        for key in ("low", "high"):
            if key not in raw:
                problems.append(Problem((key,), "is required in a range", raw, rule.allowed))
        problems += _range_problems(found, raw)
    return _range(rule, found)


def _parse_values(rule: Number | OneOf, raw: Mapping[Any, object]) -> Choice:
    """``{values: [...], when: {...}}``: a choice that is there at times."""
    with gathered() as problems:
        readers = {"values": lambda items: _parse_choice(rule, items).values, "when": _read_when}
        found = _read_keys(raw, readers, problems)
    return Choice(found["values"], found.get("when", ()))


def _read_keys(
    raw: Mapping[Any, object],
    readers: Mapping[str, Callable[[object], Any]],
    problems: list[Problem],
) -> dict[str, Any]:
    """What each key's reader makes of its value; what is wrong goes to ``problems``."""
    problems += [unknown((str(k),), raw[k], list(readers)) for k in raw if k not in readers]
    found: dict[str, Any] = {}
    for key in (key for key in readers if key in raw):
        with noting(problems, key):
            found[key] = readers[key](raw[key])
    return found


def step_rule(rule: Number) -> Number:
    """What the step of a range of such numbers may be, beside null."""
    return Number(above=True, whole=rule.whole)


def _read_flag(raw: object) -> bool:
    if isinstance(raw, bool):
        return raw
    raise Refused(Problem((), "must be true or false", raw, "true, false"))


def _read_when(raw: object) -> tuple[Condition, ...]:
    return read_when(raw, {name: known.rule for name, known in PARAMETERS.items()})


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
    step, when = found.get("step"), found.get("when", ())
    if rule.whole:
        step = step or 1
        return Int(low, low + (high - low) // step * step, log, step, when)
    return Float(low, high if step is None else Float(low, high, log, step).last, log, step, when)


def _parse_choice(rule: Number | OneOf, raw: object) -> Choice:
    if not isinstance(raw, list | tuple) or not raw:
        raise Refused(Problem((), "a choice must not be empty", raw, f"a list of {rule.allowed}"))
    values: list[Value] = []
    with gathered() as problems:
        for index, item in enumerate(raw):
            with noting(problems, str(index)):
                value = rule.read(item)
                if value in values:
                    problems.append(Problem((str(index),), "is in the list already", item))
                values.append(value)
    return Choice(tuple(values))


def parse_points(raw: object) -> list[dict[str, Value]]:
    """Points of a space: a list of mappings, each of one parameter or more to a value.

    Whether the space has them is another question. Raises `Refused` with every problem.
    """
    if not isinstance(raw, list | tuple):
        allowed = "a list of {parameter: value}, such as [{sparsity: 0.5, method: random}]"
        raise Refused(Problem((), "must be a list", raw, allowed))
    points: list[dict[str, Value]] = []
    with gathered() as problems:
        for index, point in enumerate(raw):
            with noting(problems, str(index)):
                points.append(_parse_point(point))
    return points


def _parse_point(raw: object) -> dict[str, Value]:
    if not isinstance(raw, Mapping) or not raw:
        raise Refused(Problem((), "must be a mapping, not empty", raw, "{parameter: value}"))
    readers = {name: parameter.rule.read for name, parameter in PARAMETERS.items()}
    with gathered() as problems:
        point = _read_keys(raw, readers, problems)
    return {name: point[name] for name in raw}
