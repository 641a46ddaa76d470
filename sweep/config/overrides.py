"""``key=value`` arguments: settings from the command line, laid over those of a file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sweep.space.params import PARAMETERS, TUTORIAL
from sweep.space.values import Problem, Refused
from sweep.space.yaml import parse_yaml

_GROUPED = {flat: (group, key) for group, keys in TUTORIAL.items() for key, flat in keys.items()}


def apply_overrides(
    data: dict[str, Any], overrides: Iterable[str], single_trial: bool = False
) -> tuple[dict[str, Any], list[Problem]]:
    """``data`` with the overrides laid over it, later over earlier, and what is wrong with them.

    A value is YAML. A path into a plain value replaces that value by a mapping:
    ``task.dataset.train=FILE`` over ``dataset: imdb`` gives ``dataset: {train: FILE}``. With
    ``single_trial`` a bare parameter name (or the tutorial's ``weight``, ``activation``) is short
    for ``space.<name>``. ``data`` itself is left as it is.
    """
    result = dict(data)
    problems: list[Problem] = []
    for text in overrides:
        try:
            path, value = _parse(text)
        except Refused as refused:
            problems += refused.problems
            continue
        if single_trial and path[0] in (*PARAMETERS, *TUTORIAL):
            path = ("space", *path)
        if path[0] == "space":
            _drop_other_form(result, path[1:], value)
        _set(result, path, value)
    return result, problems


def _parse(text: str) -> tuple[tuple[str, ...], Any]:
    key, equals, raw = text.partition("=")
    path = tuple(key.strip().split("."))
    if not equals or not all(path):
        raise Refused(
            Problem((key,), "an override is written key=value", text, "a.dotted.path=value")
        )
    try:
        value, problems = parse_yaml(raw)
    except Refused as refused:
        allowed = "a YAML value; put quotes around a text that has : # { [ * & ! % @ in it"
        wrong = (replace(problem, got=raw, allowed=allowed) for problem in refused.problems)
        raise Refused(*(problem.under(*path) for problem in wrong)) from None
    if problems:
        raise Refused(*(problem.under(*path) for problem in problems))
    return path, value


def _set(data: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for key in path[:-1]:
        inner = data.get(key)
        # A copy, since YAML anchors can make two sections one object, and the caller keeps its own.
        data[key] = dict(inner) if isinstance(inner, dict) else {}
        data = data[key]
    data[path[-1]] = value


def _drop_other_form(data: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """Take what an override replaces out of the space, if it is there in its other form.

    Else ``sparsity=0.6`` over the tutorial's ``weight: {sparsity: 0.5}`` would be given twice.
    """
    space = data.get("space")
    if not path or not isinstance(space, dict):
        return
    space = data["space"] = dict(space)
    name, inner = path[0], path[1:]
    if name in _GROUPED:
        group, key = _GROUPED[name]
        if isinstance(space.get(group), dict):
            space[group] = {k: v for k, v in space[group].items() if k != key}
    elif name in TUTORIAL:
        given = inner[:1] or (value if isinstance(value, dict) else ())
        for key in given:
            space.pop(TUTORIAL[name].get(key, ""), None)
