"""The report of several sweeps: their hypervolumes, their costs, and how their configs differ."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from typing import Any

from analysis.comparison import Comparison
from analysis.format import (
    UNKNOWN,
    MetricFormat,
    count,
    duration,
    known,
    number,
    percent,
    short,
)
from analysis.report.document import (
    Block,
    Code,
    Column,
    Document,
    Inline,
    Paragraph,
    Picture,
    Section,
    Strong,
    Table,
    cell,
    chart_section,
    table,
)
from analysis.report.points import answer, mark
from analysis.results import Results


def comparison_report(comparison: Comparison, pictures: Iterable[Picture]) -> Document:
    """The report of several sweeps; ``pictures`` are the charts of the comparison, in order."""
    sections = [
        _answer(comparison),
        *map(chart_section, pictures),
        _differences(comparison),
        _failures(comparison),
        _commands(comparison),
    ]
    names = ", ".join(map(short, comparison.table["name"]))
    standing: list[Inline] = [Strong(count(len(comparison.results), "sweep")), f": {names}."]
    return Document("Sweeps compared", standing, sections)


def _answer(comparison: Comparison) -> Section:
    blocks: list[Block] = [Paragraph(_largest(comparison), "lead")]
    unread = [each for each in comparison.results if mark(each)]
    if unread:
        told = (
            f" The fronts of {len(unread)} of {count(len(comparison.results), 'sweep')} are not, "
            "or not fully, confirmed on test. A hypervolume on validation is too good, and more so "
            "for a sweep that selected from more points; small differences are not a result."
        )
        blocks.append(Paragraph([Strong("UNCONFIRMED."), told], "warning"))
    blocks += [_volumes(comparison), _points(comparison)]
    title = "Answer (UNCONFIRMED)" if unread else "Answer"
    return Section("answer", title, blocks)


def _largest(comparison: Comparison) -> Sequence[Inline]:
    """Which sweep has the largest hypervolume, by how much, and at which cost."""
    table = comparison.table
    table = table[table["hypervolume"].notna()]
    if table.empty:
        return ("No sweep has a hypervolume yet.",)
    ordered = table.sort_values("hypervolume", ascending=False, kind="stable")
    best = ordered.iloc[0]
    told = f"{short(best['name'])}: hypervolume {best['hypervolume']:.4f}"
    parts: list[Inline] = ["The largest front is that of ", Strong(told)]
    parts.append(f", for {count(int(best['epochs']), 'finetune epoch')}")
    if len(ordered) > 1:
        second = ordered.iloc[1]
        gain = best["hypervolume"] - second["hypervolume"]
        epochs = count(int(second["epochs"]), "epoch")
        parts.append(f"; {gain:+.4f} to the next, {short(second['name'])}, for {epochs}")
    return (*parts, ".")


def _volumes(comparison: Comparison) -> Table:
    cells = [
        cell("sweep", "name", short, "text"),
        cell("hypervolume", "hypervolume", _volume),
        cell("of the largest", "hypervolume_share", lambda share: percent(share, 1)),
        cell("front points", "front_points"),
        cell("trials", "trials"),
        cell("finetune epochs", "epochs"),
        cell("epochs saved by stopping", "epochs_saved"),
        cell("wall time", "seconds", lambda seconds: duration(seconds or None)),
        cell("worker time used", "utilisation", lambda share: percent(share, 1)),
    ]
    caption = "Hypervolume (on validation, relative to the same fixed reference point) and cost."
    return table("comparison", caption, comparison.table.to_dict("records"), cells)


def _volume(volume: Any) -> str:
    return f"{volume:.4f}" if known(volume) else UNKNOWN


def _points(comparison: Comparison) -> Table:
    """The sparsest point near dense of each sweep."""
    form = MetricFormat(comparison.metric)
    cells = [
        cell("sweep", "name", short, "text"),
        cell("state", "state", str, "text"),
        cell(f"sparsest {form.near}", "sparsity", lambda share: percent(share, 1)),
        cell(form.heading(""), "value", form.value),
        cell("95 % interval", "interval", lambda ends: form.span(*ends)),
        cell(form.titled("to dense"), "drop", form.to_dense),
        cell("read on", "split", str, "text"),
        cell(form.near, "verdict", number, "mark"),
    ]
    rows = [_point(name, results) for name, results in comparison.named]
    caption = (
        "The sparsest certified point or, without one, that by its figure, which is optimistic."
    )
    return table("answers", caption, rows, cells)


def _point(name: str, results: Results) -> dict[str, Any]:
    """The row of a sweep in the table of answers; None in its cells if it has no such point."""
    on, found = results.reported, answer(results)
    told = {"name": name, "state": results.state, "split": UNKNOWN, "interval": (None, None)}
    if found is None or found.point is None:
        return told | dict.fromkeys(("sparsity", "value", "drop", "verdict"))
    row = found.point
    return told | {
        "sparsity": row["sparsity"],
        "value": row[on.value],
        "interval": (row[on.low], row[on.high]),
        "drop": row[on.drop],
        "split": "test" if on.split == "test" else "validation (unconfirmed)",
        "verdict": row["verdict"],
    }


def _differences(comparison: Comparison) -> Section:
    title, found = "What differs in their configs", comparison.config_differences
    if found.empty:
        return Section("differences", title, ["Their configs are the same."])
    columns = [Column(str(name)) for name in found]
    rows = [list(map(number, row)) for row in found.itertuples(index=False)]
    caption = "Settings that are not the same in all sweeps; a dash means not set."
    return Section("differences", title, [Table("config_differences", caption, columns, rows)])


def _failures(comparison: Comparison) -> Section:
    columns = [
        Column("sweep"),
        Column("failed trials", "numeric"),
        Column("lost workers", "numeric"),
    ]
    rows = [
        [short(name), *map(number, (each.counts["failed"], len(each.lost)))]
        for name, each in comparison.named
    ]
    caption = "The reasons are in the report of each sweep."
    return Section("failures", "Failures", [Table("failures", caption, columns, rows)])


def _commands(comparison: Comparison) -> Section:
    folders = [shlex.quote(str(each.folder)) for each in comparison.results]
    lines = [f"sweep report {folder}" for folder in folders] + [f"sweep report {' '.join(folders)}"]
    return Section("commands", "Commands", [Code("\n".join(lines))])
