"""What pydantic says is wrong with a config, in the words of `sweep.space.values`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from sweep.config.settings import Settings
from sweep.space.parameters import PARAMETERS, TUTORIAL
from sweep.space.values import ABSENT, Problem, Refused, closest

_WORDS = {
    "model_type": ("must be a mapping of settings", "leave the key out for the defaults"),
    "dict_type": ("must be a mapping", "{key: value, ...}"),
    "list_type": ("must be a list", "[item, ...]"),
}


def problems_of(error: ValidationError) -> list[Problem]:
    """Every problem in ``error`` with its whole path; for an unknown key, the nearest known one."""
    return [problem for item in error.errors(include_url=False) for problem in _problems(item)]


def _problems(item: Any) -> Iterator[Problem]:
    where = tuple(str(part) for part in item["loc"] if part != "[key]")
    kind, got = item["type"], item["input"]
    cause = item.get("ctx", {}).get("error")
    if isinstance(cause, Refused):
        yield from (problem.under(*where) for problem in cause.problems)
    elif kind in ("extra_forbidden", "invalid_key"):
        yield _unknown(where, got if kind == "extra_forbidden" else ABSENT)
    elif kind == "missing":
        yield Problem(where, f"is required: {_help(where)}")
    else:
        what, allowed = _WORDS.get(kind, (item["msg"], ""))
        yield Problem(where, what, got, allowed)


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
