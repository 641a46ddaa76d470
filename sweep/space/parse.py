"""Parse a search space: pydantic types for the domains of all parameters.

A domain is a range (`Float`, `Int`), a list (`Choice`) or one value (`Constant`). In YAML:

    sparsity: {low: 0.3, high: 0.95}      # a range, optionally with step: 0.05 or log: true
    method: [l1-norm, random]             # a choice
    scope: local                          # a constant
    learning_rate: {low: 1e-5, high: 1e-3, log: true, when: {finetune_epochs: {low: 1}}}
    activation_method: {values: [l1-norm, random], when: {activation_sparsity: {low: 0.1}}}

With `when`, the parameter is active only if all of its conditions hold (see `sweep.space.active`);
otherwise a trial uses its default. `sweep.space.params` defines the parameters. The JSON schema for
editors is generated from the types in this module.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Self, Union, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    model_validator,
)

from sweep.space.counting import condition_problems
from sweep.space.domains import Choice, Condition, Constant, Domain, Float, Int, width
from sweep.space.params import DEFAULTS, PARAMETERS, TUTORIAL
from sweep.space.types import Count, NotEmpty, Positive, Section, Switch, model_of, read_as
from sweep.space.values import Problem, Refused, Value

# The shape distinguishes a value, a list of values, a range and {values: [...]}. The tag is the
# position in the union, with which `sweep.space.explain` finds the allowed values.


def _form_of(raw: object) -> str:
    if isinstance(raw, Mapping):
        return "[3]" if "values" in raw else "[2]"
    return "[1]" if isinstance(raw, list | tuple) else "[0]"


def _forms(*kinds: Any) -> Any:
    tagged = tuple(Annotated[kind, Tag(f"[{index}]")] for index, kind in enumerate(kinds))
    return Annotated[Union[tagged], Discriminator(_form_of)]  # noqa: UP007


def _list_of(kind: Any, *checks: Any) -> Any:
    return Annotated[list[kind], Field(min_length=1), *checks]


def _refuse_range(raw: object) -> object:
    what = "must not be a range, because its values are names"
    raise Refused(Problem((), what, raw, "a name, or a list of names"))


_NO_RANGE: Any = Annotated[Any, BeforeValidator(_refuse_range), WithJsonSchema({"not": {}})]


class _Span(NotEmpty):
    low: Any = None
    high: Any = None

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        if None not in (self.low, self.high) and self.low > self.high:
            ends = {"low": self.low, "high": self.high}
            raise Refused(Problem((), "low is above high", ends, "low <= high"))
        return self


def _ranges(name: str, base: type[_Span], default: Any, **more: Any) -> Any:
    """The type of a parameter's ranges. A parameter whose values are names has none."""
    kind = PARAMETERS[name].type
    if get_args(kind)[0] is str:
        return _NO_RANGE
    ends = {
        end: (kind, Field(default=default, description=f"the {end} end")) for end in ("low", "high")
    }
    return model_of(f"{name}_{base.__name__[1:].lower()}", base, ends | more)


def _tests(name: str) -> Any:
    """The type of a condition on a parameter."""
    kind = PARAMETERS[name].type
    return _forms(kind, _list_of(kind), _ranges(name, _Span, None))


def _conditions(when: NotEmpty) -> tuple[Condition, ...]:
    return tuple(
        Condition(parent, low=test.low, high=test.high)
        if isinstance(test, _Span)
        else Condition(parent, tuple(test) if isinstance(test, list) else (test,))
        for parent, test in when.given.items()
    )


_When = Annotated[
    tuple[Condition, ...],
    read_as(model_of("when", NotEmpty, {name: _tests(name) for name in PARAMETERS}), _conditions),
    Field(description="the parameter is active only if these parameters have these values"),
]


# Domains.


def _check_unique(values: list[Value]) -> list[Value]:
    for index, value in enumerate(values):
        if value in values[:index]:
            raise Refused(Problem((str(index),), "is already in the list", value))
    return values


_UNIQUE = (Field(json_schema_extra={"uniqueItems": True}), AfterValidator(_check_unique))


class _Values(Section):
    values: Any
    when: _When = ()


_MOST_STEPS = 1e9


class _Range(_Span):
    log: Switch = False
    step: Any = None
    when: _When = ()

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        low, step, whole = self.low, self.step, width(self.low, self.high)
        problems = []
        if step is not None and whole and not whole / _MOST_STEPS <= step <= whole:
            allowed = f">= {whole / _MOST_STEPS:g} and <= {whole:g}"
            problems.append(Problem(("step",), "does not fit the range", step, allowed))
        if self.log and low <= 0:
            problems.append(Problem(("low",), "must be > 0 in a log range", low, "> 0"))
        if self.log and step is not None:
            problems.append(Problem(("step",), "cannot be used with log", step, "log or step"))
        if problems:
            raise Refused(*problems)
        return self

    @property
    def domain(self) -> Float | Int:
        is_whole = isinstance(self.low, int)
        kind: type[Float | Int] = Int if is_whole else Float
        step: Any = self.step or (1 if is_whole else None)
        return kind(self.low, self.high, self.log, step, self.when).to_last_step()


def _domain(form: Any) -> Domain:
    if isinstance(form, _Range):
        return form.domain
    if isinstance(form, _Values):
        return Choice(tuple(form.values), form.when)
    return Choice(tuple(form)) if isinstance(form, list) else Constant(form)


def _domains_of(name: str) -> Any:
    """The type of a parameter's domain, in all of its forms."""
    kind = PARAMETERS[name].type
    choice = _list_of(kind, *_UNIQUE)
    values = model_of(f"{name}_values", _Values, {"values": (choice, ...)})
    step = Count if get_args(kind)[0] is int else Positive
    span = _ranges(name, _Range, ..., step=step | None)
    forms = _forms(kind | None if DEFAULTS[name] is None else kind, choice, span, values)
    about = Field(default=DEFAULTS[name], description=PARAMETERS[name].help)
    return (Annotated[forms, AfterValidator(_domain)], about)


# The space.


def _domains(space: Section) -> dict[str, Domain]:
    """The domain of every parameter, in the order of `PARAMETERS`. Defaults are constants."""
    domains: dict[str, Domain] = {name: Constant(DEFAULTS[name]) for name in PARAMETERS}
    seen: dict[str, tuple[str, ...]] = {}
    problems = []
    for where, name, domain in _entries(space):
        if name in seen:
            what = f"sets the same parameter as space.{'.'.join(seen[name])}"
            problems.append(Problem(where, what, domain.plain(), "only one of the two"))
        seen[name], domains[name] = where, domain
    for name, problem in condition_problems(domains):
        problems.append(problem.under(*seen.get(name, (name,))))
    if problems:
        raise Refused(*problems)
    return domains


def _entries(space: Section) -> Iterator[tuple[tuple[str, ...], str, Domain]]:
    """(path as written, parameter, domain) of every given entry."""
    for key, value in space.given.items():
        if key in PARAMETERS:
            yield (key,), key, value
        elif value is not None:
            yield from (((key, part), TUTORIAL[key][part], d) for part, d in value.given.items())


def _group(group: str) -> Any:
    """The type of a group of the tutorial's dictionary, or null."""
    names = TUTORIAL[group]
    inner = model_of(group, Section, {key: _FLAT[name] for key, name in names.items()})
    about = f"the tutorial's form of {', '.join(names.values())}"
    return (inner | None, Field(default=None, description=about))


_FLAT = {name: _domains_of(name) for name in PARAMETERS}
_SPACE = model_of("space", Section, _FLAT | {group: _group(group) for group in TUTORIAL})
_POINT = model_of("point", NotEmpty, {name: known.type for name, known in PARAMETERS.items()})

Space = Annotated[
    dict[str, Domain],
    read_as(_SPACE, _domains, lambda space: {name: each.plain() for name, each in space.items()}),
]

Starts = list[Annotated[dict[str, Value], read_as(_POINT, lambda point: point.given)]]
"""Starting points, each with at least one parameter. `sweep.config` checks that the space has them.
"""
