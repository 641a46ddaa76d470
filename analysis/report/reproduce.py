"""Sections for reproducing a sweep: settings, versions, seeds and commands."""

from __future__ import annotations

import json
import shlex
from typing import Any

from analysis.format import MetricFormat, short
from analysis.report.document import Block, Code, Column, Section, Table
from analysis.results import Results
from analysis.tables.loaded import mapping

MAX_TEXT = 20_000
"""The maximum number of characters of a config that is printed as a whole."""

_ELSEWHERE = ("name", "space", "storage")
"""Sections of a config that are no row of the table of settings."""


def settings(results: Results) -> Section:
    """The settings in a table, and the whole config."""
    config = results.config
    if not config:
        return Section("config", "Config", ["The ledger has no config."])
    own = {name: value for name, value in config.items() if name not in _ELSEWHERE}
    rows = [(short(name), _brief(value)) for name, value in own.items() if value is not None]
    space = mapping(config.get("space"))
    rows += [(f"space: {short(name)}", _brief(value)) for name, value in space.items()]
    caption = "The settings that were given a value."
    table = Table("config", caption, [Column("setting"), Column("value")], rows)
    return Section("config", "Config", [table, *_whole(config)])


def _whole(config: dict[str, Any]) -> list[Block]:
    text = json.dumps(config, indent=2, ensure_ascii=False, default=str)
    if len(text) > MAX_TEXT:
        return ["The resolved config is too long to print; see config.yaml."]
    told = "The resolved config. JSON is valid YAML, so a file with it can be run."
    return [told, Code(text, "json")]


def _brief(value: Any) -> str:
    if isinstance(value, dict):
        given = {k: v for k, v in value.items() if v not in (None, [], {})}
        return short(", ".join(f"{k} {_brief(v)}" for k, v in given.items()))
    if isinstance(value, list):
        return short(" / ".join(_brief(item) for item in value))
    return short(value if isinstance(value, str) else json.dumps(value, default=str))


def versions_and_seeds(results: Results) -> Section:
    """The versions of packages, and the seeds."""
    told = [(short(name), short(version)) for name, version in results.versions.items()]
    rows = [*told, *_seeds(results)]
    if not rows:
        return Section("versions", "Versions and seeds", ["The ledger has no versions."])
    caption = "The seed of each trial is in trials.csv."
    table = Table("versions", caption, [Column(""), Column("this sweep")], rows)
    return Section("versions", "Versions and seeds", [table])


def _seeds(results: Results) -> list[tuple[str, str]]:
    found = []
    for where in ("search", "baseline", "task"):
        seed = mapping(results.config.get(where)).get("seed")
        if seed is not None:
            found.append((f"seed of {where}", short(seed)))
    fresh = sorted(results.confirmation["seed"].dropna().unique().tolist())
    if fresh:
        found.append(("seeds of the confirmation", short(", ".join(map(str, fresh)))))
    return found


def _near(results: Results, here: str) -> list[tuple[str, str]]:
    margin = results.margin(results.split)
    if margin is None:
        return []
    near = f"show the points {MetricFormat(results.metric).near}"
    return [
        (f"sweep front {here} --max-drop {margin:.3g}", near),
        (
            f"sweep export {here} --to model --max-drop {margin:.3g}",
            "export the sparsest of them as a model",
        ),
    ]


def commands(results: Results) -> Section:
    """Commands to run, resume, confirm and query the sweep, and to export a point."""
    folder = str(results.folder).rstrip("/") or "/"
    here, again = shlex.quote(folder), shlex.quote(f"{folder}-again")
    config = shlex.quote(f"{folder}/config.yaml")
    lines = [
        (f"sweep run {config} --out {again}", "run it again"),
        (f"sweep resume {here}", "resume it, or extend it with --trials N"),
        (f"sweep confirm {here}", "evaluate the front on test, with fresh seeds"),
        *_near(results, here),
        (f"sweep report {here}", "write this report again"),
    ]
    width = max(len(command) for command, _ in lines)
    text = "\n".join(f"{command.ljust(width)}  # {what}" for command, what in lines)
    return Section("commands", "Commands", [Code(text)])
