"""The body of a report: baseline, cost, failures, settings, commands.

Each part is a function from results to Markdown.
"""

from __future__ import annotations

import json
import shlex
from typing import Any

import pandas as pd

from analysis import markdown as md
from analysis.results import Results
from analysis.statistics import wilson

MAX_ROWS = 40


def baseline(results: Results) -> str:
    """The dense model's figures, and what to beware of."""
    figures = results.baseline
    if figures is None:
        return "## Dense baseline\n\nIt is not evaluated yet."
    low, high = wilson(_nan(figures.get("correct")), _nan(figures.get("examples")))
    rows = [
        ["model", md.plain(figures.get("model") or md.UNKNOWN)],
        ["validation accuracy", md.percent(figures.get("accuracy"))],
        ["95 % interval", md.span(float(low), float(high))],
        ["validation examples", md.number(figures.get("examples"))],
        ["majority class", md.percent(figures.get("majority_accuracy"))],
        ["validation loss", md.number(figures.get("loss"))],
        ["non-zero parameters", md.number(figures.get("nonzero_params"))],
        ["size", _megabytes(figures.get("size_bytes"))],
        ["time", md.duration(figures.get("seconds"))],
    ]
    warnings = [f"- **Warning:** {md.plain(text)}" for text in figures.get("warnings") or []]
    return "\n\n".join(
        ["## Dense baseline", md.table(["", "dense"], rows, [1]), "\n".join(warnings)]
    ).rstrip()


def _nan(value: Any) -> float:
    return float(value) if md.known(value) else float("nan")


def _megabytes(size: Any) -> str:
    return f"{size / 1e6:.2f} MB" if md.known(size) else md.UNKNOWN


def cost(results: Results) -> str:
    """Epochs against running every trial to its end, wall time, how busy the workers were."""
    spent, asked, saved = (
        results.cost.epochs_spent,
        results.cost.epochs_asked,
        results.cost.epochs_saved,
    )
    share = f" ({100 * saved / asked:.0f} %)" if asked else ""
    rows = [
        ["finetune epochs spent", f"{spent:,}"],
        ["if every trial ran to its end", f"{asked:,}"],
        ["saved by stopping trials", f"{saved:,}{share}"],
    ]
    if asked - spent - saved:
        rows.append(["not run, in failed or unfinished trials", f"{asked - spent - saved:,}"])
    rows += [
        ["wall time, first trial to last", md.duration(results.cost.wall_seconds or None)],
        ["workers", md.number(results.cost.workers or None)],
        ["training and evaluation, all workers", md.duration(results.cost.busy_seconds or None)],
        ["share of worker time in training and evaluation", md.percent(results.utilisation, 1)],
    ]
    return f"## Cost\n\n{md.table(['', 'this sweep'], rows, [1])}"


def failures(results: Results) -> str:
    """Failed trials and lost workers with their reasons, and damage to the ledger."""
    failed = results.trials[results.trials["status"] == "failed"]
    rows = [
        [
            md.plain(row["trial_id"]),
            md.number(row["epoch"]),
            md.plain("no reason given" if pd.isna(row["error"]) else row["error"]),
        ]
        for _, row in failed.head(MAX_ROWS).iterrows()
    ]
    parts = ["## Failures"]
    if rows:
        parts.append(md.table(["trial", "last epoch", "reason"], rows))
    if len(failed) > MAX_ROWS:
        parts.append(f"{len(failed) - MAX_ROWS} more are in trials.csv.")
    lost = [
        f"- a worker was lost in {md.plain(event['trial_id'])}: {md.plain(event.get('reason'))}"
        for event in results.lost
    ]
    parts.append("\n".join(lost[:MAX_ROWS]))
    if len(lost) > MAX_ROWS:
        parts.append(f"{len(lost) - MAX_ROWS} more workers were lost.")
    parts.append("\n".join(f"- {md.plain(text)}" for text in results.problems[:MAX_ROWS]))
    body = [part for part in parts if part]
    return "\n\n".join(body if len(body) > 1 else [*body, "None."])


def settings(results: Results) -> str:
    """What was asked, with which versions and seeds."""
    config = results.config
    rows = [[name, _brief(config[name])] for name in _SETTINGS if config.get(name) is not None]
    rows += [[f"space: {md.plain(k)}", _brief(v)] for k, v in (config.get("space") or {}).items()]
    parts = ["## Settings", md.table(["setting", "value"], rows) if rows else "None are recorded."]
    if results.versions:
        versions = ", ".join(f"{md.plain(k)} {md.plain(v)}" for k, v in results.versions.items())
        parts.append(f"Versions: {versions}.")
    return "\n\n".join(parts)


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


def _brief(value: Any) -> str:
    if isinstance(value, dict):
        given = {k: v for k, v in value.items() if v not in (None, [], {})}
        return ", ".join(f"{md.plain(k)} {_brief(v)}" for k, v in given.items())
    if isinstance(value, list):
        return " / ".join(_brief(item) for item in value)
    return md.plain(value if isinstance(value, str) else json.dumps(value))


def commands(results: Results) -> str:
    """How to run it again, and how to go on."""
    folder = str(results.folder)
    config = shlex.quote(f"{folder.rstrip('/')}/config.yaml")
    lines = [
        f"sweep run {config} --out {shlex.quote(folder.rstrip('/') + '-again')}    # once more",
        f"sweep resume {shlex.quote(folder)}    # go on, or extend it with --trials N",
    ]
    return "## Commands\n\n```sh\n" + "\n".join(lines) + "\n```"
