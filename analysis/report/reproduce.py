"""What it takes to have it once more: settings, versions, seeds, commands."""

from __future__ import annotations

import json
import shlex
from typing import Any

from analysis.format import MetricFormat, short
from analysis.report.document import Block, Code, Column, Section, Table
from analysis.results import Results

MAX_TEXT = 20_000
"""Letters of a config that is printed whole."""

_SETTINGS = (
    "model",
    "tokenizer",
    "task",
    "baseline",
    "pruning",
    "recover",
    "objectives",
    "search",
    "resources",
)


def settings(results: Results) -> Section:
    """What was asked, in a table; with which versions and seeds; the config as a whole."""
    config = results.config
    if not config:
        return Section("config", "Config", ["None is recorded."])
    rows = [(name, _brief(config[name])) for name in _SETTINGS if config.get(name) is not None]
    space = config.get("space")
    given = space if isinstance(space, dict) else {}
    rows += [(f"space: {short(name)}", _brief(value)) for name, value in given.items()]
    caption = "What was asked, without what was left open."
    table = Table("config", caption, [Column("setting"), Column("value")], rows)
    return Section("config", "Config", [table, *_whole(config)])


def _whole(config: dict[str, Any]) -> list[Block]:
    text = json.dumps(config, indent=2, ensure_ascii=False, default=str)
    if len(text) > MAX_TEXT:
        return ["The resolved config is too long to print: config.yaml has it."]
    told = "The resolved config. JSON is YAML too: saved as a file, it can be run."
    return [told, Code(text, "json")]


def _brief(value: Any) -> str:
    if isinstance(value, dict):
        given = {k: v for k, v in value.items() if v not in (None, [], {})}
        return short(", ".join(f"{k} {_brief(v)}" for k, v in given.items()))
    if isinstance(value, list):
        return short(" / ".join(_brief(item) for item in value))
    return short(value if isinstance(value, str) else json.dumps(value, default=str))


def versions_and_seeds(results: Results) -> Section:
    """With what it was made, and which random numbers."""
    told = [(short(name), short(version)) for name, version in results.versions.items()]
    rows = [*told, *_seeds(results)]
    if not rows:
        return Section("versions", "Versions and seeds", ["None are recorded."])
    caption = "Each trial's own seed is in trials.csv."
    table = Table("versions", caption, [Column(""), Column("this sweep")], rows)
    return Section("versions", "Versions and seeds", [table])


def _seeds(results: Results) -> list[tuple[str, str]]:
    found = []
    for where in ("search", "baseline", "task"):
        part = results.config.get(where)
        if isinstance(part, dict) and part.get("seed") is not None:
            found.append((f"seed of {where}", short(part["seed"])))
    fresh = sorted(results.confirmation["seed"].dropna().unique().tolist())
    if fresh:
        found.append(("seeds of the confirmation", short(", ".join(map(str, fresh)))))
    return found


def _near(results: Results, here: str) -> list[tuple[str, str]]:
    margin = results.margin(results.split)
    if margin is None:
        return []
    near = f"the points {MetricFormat(results.metric).near}"
    return [
        (f"sweep front {here} --max-drop {margin:.3g}", near),
        (
            f"sweep export {here} --to model --max-drop {margin:.3g}",
            "the sparsest of them as a model",
        ),
    ]


def commands(results: Results) -> Section:
    """How to run it again, go on, confirm it, and take a point of it."""
    folder = str(results.folder).rstrip("/") or "/"
    here, again = shlex.quote(folder), shlex.quote(f"{folder}-again")
    config = shlex.quote(f"{folder}/config.yaml")
    lines = [
        (f"sweep run {config} --out {again}", "once more"),
        (f"sweep resume {here}", "go on, or extend it with --trials N"),
        (f"sweep confirm {here}", "the front on test, under fresh seeds"),
        *_near(results, here),
        (f"sweep report {here}", "this report"),
    ]
    width = max(len(command) for command, _ in lines)
    text = "\n".join(f"{command.ljust(width)}  # {what}" for command, what in lines)
    return Section("commands", "Commands", [Code(text)])
