"""Configs as text: a dump that runs, a starter, how two of them differ, a JSON schema."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from sweep.config.config import SweepConfig
from sweep.config.sections import SearchConfig
from sweep.space.params import PARAMETERS
from sweep.space.values import ABSENT, one_line, show

_HEAD = """\
# A sweep: how far can this model be pruned, and what does it cost?
#
#   sweep check THIS_FILE      is it right, and what would it run?
#   sweep run THIS_FILE        run it
#
# It runs as it stands, with nothing to download. Every setting is here; one that you delete takes
# its default. Any of them can be given on the command line too: sweep run FILE search.trials=8
# Completion in an editor, once  sweep schema > sweep.schema.json  has been run in this folder:
# yaml-language-server: $schema=sweep.schema.json
"""

_SPACE_NOTE = (
    "# What the search may choose from. A parameter is a range {low: 0.3, high: 0.95}, with a",
    "# step: 0.05 or log: true if wanted; a list [local, global]; or one value. The sampler grid",
    "# needs a step or a list. A range, or {values: [...]}, may have  when: {parameter: value}, or",
    "# [values], or {low: x}: elsewhere the parameter is left out, and a trial has its default.",
)

_WIDTH = 100
_COLUMN = 32


def dump_yaml(config: SweepConfig) -> str:
    """The resolved config as YAML that runs as it stands: every setting, none left to a default."""
    lines = [f"# The resolved config of sweep {config.name}, runnable as it stands: sweep run FILE"]
    for name, value in config.model_dump(mode="json").items():
        if name == "space" or isinstance(getattr(config, name), BaseModel):
            lines += [f"{name}:", *(f"  {key}: {one_line(part)}" for key, part in value.items())]
        else:
            lines.append(f"{name}: {one_line(value)}")
    return "\n".join(lines) + "\n"


def config_diff(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """``path: old -> new`` for every setting in which two resolved configs (plain dicts) differ."""
    found: list[str] = []
    for key in {**old, **new}:
        before, after = old.get(key, ABSENT), new.get(key, ABSENT)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            found += [f"{key}.{inner}" for inner in config_diff(before, after)]
        elif before != after:
            shown = ("(not there)" if part is ABSENT else show(part) for part in (before, after))
            found.append(f"{key}: {' -> '.join(shown)}")
    return found


def json_schema() -> dict[str, Any]:
    """JSON schema of a config as it stands in YAML, for editors."""
    schema = SweepConfig.model_json_schema()
    _drop_titles(schema)
    draft = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": draft, "title": "A prunesweep config", **schema}


def _drop_titles(node: Any) -> None:
    """Take out the titles that pydantic makes of the keys; editors would show each name twice."""
    if isinstance(node, dict):
        if isinstance(node.get("title"), str):
            del node["title"]
        for inner in node.values():
            _drop_titles(inner)
    elif isinstance(node, list):
        for inner in node:
            _drop_titles(inner)


def starter(config: SweepConfig) -> str:
    """A config to start from: ``config`` as YAML, each setting with its meaning in a comment."""
    lines = [_HEAD, *_commented(_entries(config), "")]
    for name in type(config).model_fields:
        section = getattr(config, name)
        if name == "space":
            space = {key: domain.plain() for key, domain in section.items()}
            entries = [(key, value, PARAMETERS[key].help) for key, value in space.items()]
            lines += ["", *_SPACE_NOTE, "space:", *_commented(entries, "  ")]
        elif isinstance(section, BaseModel):
            about = f"# {type(section).__doc__}"
            lines += ["", about, f"{name}:", *_commented(_entries(section), "  ")]
    return "\n".join(lines) + "\n"


def _entries(section: BaseModel) -> list[tuple[str, Any, str]]:
    """(key, plain value, meaning) of each setting that is no block of its own."""
    plain = section.model_dump(mode="json")
    return [
        (name, plain[name], field.description or "")
        for name, field in type(section).model_fields.items()
        if isinstance(section, SearchConfig)
        or not (name == "space" or isinstance(getattr(section, name), BaseModel))
    ]


def _commented(entries: Sequence[tuple[str, Any, str]], indent: str) -> Iterator[str]:
    """``key: value  # meaning``, the comments in one column; a long one stands above its line."""
    texts = [f"{indent}{key}: {one_line(value)}" for key, value, _ in entries]
    column = min(max(map(len, texts)), _COLUMN)
    for text, (_, _, meaning) in zip(texts, entries, strict=True):
        line = f"{text:<{column}}  # {meaning}"
        if len(line) <= _WIDTH:
            yield line
        else:
            yield from textwrap.wrap(
                meaning, _WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# "
            )
            yield text
