"""Configs as text: a YAML dump, the starter config, a diff, and the JSON schema."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from sweep.config.config import SweepConfig
from sweep.config.sections import SearchConfig
from sweep.space.params import PARAMETERS
from sweep.space.values import ABSENT, one_line, show

_HEAD = """\
# The config of a sweep, which searches how far a model can be pruned at which loss of accuracy.
#
#   sweep check THIS_FILE      check the config and show its plan
#   sweep run THIS_FILE        run the sweep
#
# This config runs unchanged, without any download. It has every setting; a setting that you delete
# takes its default. You can also set a value on the command line: sweep run FILE search.trials=8
# For completion in an editor, run  sweep schema > sweep.schema.json  in this folder:
# yaml-language-server: $schema=sweep.schema.json
"""

_SPACE_NOTE = (
    "# The search space. A parameter is a range {low: 0.3, high: 0.95}, optionally with step: 0.05",
    "# or log: true; a list [local, global]; or one value. The sampler grid needs steps or lists.",
    "# A range or {values: [...]} may have a condition on another parameter: when: {name: value},",
    "# or when: {name: [values]}, or when: {name: {low: x}}. If it does not hold, a trial uses the",
    "# default of the parameter.",
)

_WIDTH = 100
_COLUMN = 32


def dump_yaml(config: SweepConfig) -> str:
    """The resolved config as YAML that can be run unchanged, with every setting."""
    plain = yaml.safe_dump(
        config.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=math.inf
    )
    return f"# The resolved config of sweep {config.name}. To run it: sweep run FILE\n{plain}"


def config_diff(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """``path: old -> new`` for every setting that differs between two resolved configs."""
    found: list[str] = []
    for key in {**old, **new}:
        before, after = old.get(key, ABSENT), new.get(key, ABSENT)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            found += [f"{key}.{inner}" for inner in config_diff(before, after)]
        elif before != after:
            shown = ("(absent)" if part is ABSENT else show(part) for part in (before, after))
            found.append(f"{key}: {' -> '.join(shown)}")
    return found


class _WithoutTitles(GenerateJsonSchema):
    """pydantic derives titles from keys: editors would show each name twice."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def json_schema() -> dict[str, Any]:
    """The JSON schema of a config in YAML, for editors."""
    schema = SweepConfig.model_json_schema(schema_generator=_WithoutTitles)
    return {**schema, "$schema": _WithoutTitles.schema_dialect, "title": "A prunesweep config"}


def starter(config: SweepConfig) -> str:
    """``config`` as YAML, with a comment that explains each setting."""
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
    """(key, plain value, meaning) of each setting that is not a section."""
    plain = section.model_dump(mode="json")
    return [
        (name, plain[name], field.description or "")
        for name, field in type(section).model_fields.items()
        if isinstance(section, SearchConfig)
        or not (name == "space" or isinstance(getattr(section, name), BaseModel))
    ]


def _commented(entries: Sequence[tuple[str, Any, str]], indent: str) -> Iterator[str]:
    """``key: value  # meaning``, with aligned comments. A long comment is above its line."""
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
