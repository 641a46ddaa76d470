"""Several sweeps beside each other: who covers most, at which cost, and what they did otherwise."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd

from analysis.comparison import Comparison
from analysis.questions import most
from analysis.report.document import (
    Block,
    Code,
    Column,
    Document,
    Inline,
    Notice,
    Paragraph,
    Picture,
    Section,
    Strong,
    Table,
    chart_section,
)
from analysis.report.format import (
    UNKNOWN,
    count,
    duration,
    known,
    number,
    percent,
    points,
    short,
    span,
)
from analysis.report.points import TEST, basis_of, mark, measured, near_dense
from analysis.results import Results

# Columns of the comparison's table that are shown: title, and how a cell is told.
_COST: dict[str, tuple[str, Callable[[Any], str]]] = {
    "hypervolume": ("hypervolume", lambda volume: f"{volume:.4f}" if known(volume) else UNKNOWN),
    "hypervolume_share": ("of the largest", lambda share: percent(share, 1)),
    "front_points": ("front points", number),
    "trials": ("trials", number),
    "epochs": ("finetune epochs", number),
    "epochs_saved": ("epochs saved by stopping", number),
    "seconds": ("wall time", lambda seconds: duration(seconds or None)),
    "utilisation": ("worker time used", lambda share: percent(share, 1)),
}


def comparison_report(comparison: Comparison, pictures: Iterable[Picture]) -> Document:
    """The report of several sweeps; ``pictures`` are the comparison's charts, in their order."""
    sections = (
        _answer(comparison),
        *map(chart_section, pictures),
        _differences(comparison),
        _failures(comparison),
        _commands(comparison),
    )
    names = ", ".join(map(short, comparison.table["name"]))
    standing: tuple[Inline, ...] = (Strong(count(len(comparison.results), "sweep")), f": {names}.")
    return Document("Sweeps compared", standing, sections)


def _answer(comparison: Comparison) -> Section:
    blocks: list[Block] = [Paragraph(_largest(comparison), lead=True)]
    unread = [each for each in comparison.results if mark(each)]
    if unread:
        told = (
            f" Of {len(unread)} of {count(len(comparison.results), 'sweep')} the front is not, or "
            "not wholly, read on test. A hypervolume on validation flatters whoever chose most "
            "by it; differences of its size are not a result."
        )
        blocks.append(Notice((Strong("UNCONFIRMED."), told)))
    blocks += [_volumes(comparison), _points(comparison)]
    title = "Answer (UNCONFIRMED)" if unread else "Answer"
    return Section("answer", title, tuple(blocks))


def _largest(comparison: Comparison) -> tuple[Inline, ...]:
    """Who has the largest hypervolume, by how much, and at which cost."""
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
    columns = (Column("sweep"), *(Column(title, "numeric") for title, _ in _COST.values()))
    rows = tuple(
        (short(row["name"]), *(told(row[name]) for name, (_, told) in _COST.items()))
        for _, row in comparison.table.iterrows()
    )
    caption = "Hypervolume (on validation, against the same fixed reference point) and cost."
    return Table("comparison", caption, columns, rows)


def _points(comparison: Comparison) -> Table:
    """Each sweep's sparsest point within one point of dense."""
    columns = (
        Column("sweep"),
        Column("state"),
        Column("sparsest within 1 point of dense", "numeric"),
        Column("accuracy", "numeric"),
        Column("95 % interval", "numeric"),
        Column("to dense (points)", "numeric"),
        Column("read on"),
        Column("within 1 point of dense", "mark"),
    )
    names = comparison.table["name"]
    rows = tuple(_point(name, each) for name, each in zip(names, comparison.results, strict=True))
    return Table("answers", "Each sweep's answer, by its estimate.", columns, rows)


def _point(name: Any, results: Results) -> tuple[str, ...]:
    basis, row = basis_of(results), None
    if len(measured(results)):
        row = most(near_dense(results), "sparsity")
    if row is None:
        return (short(name), results.state, *[UNKNOWN] * 6)
    return (
        short(name),
        results.state,
        percent(row["sparsity"], 1),
        percent(row[basis.accuracy]),
        span(row[basis.low], row[basis.high]),
        points(-row[basis.drop]),
        "test" if basis is TEST else "validation (unconfirmed)",
        short(row["verdict"]) if pd.notna(row["verdict"]) else UNKNOWN,
    )


def _differences(comparison: Comparison) -> Section:
    table = comparison.config_differences
    if table.empty:
        told = Paragraph(("Their configs are the same.",))
        return Section("differences", "What differs in their configs", (told,))
    columns = tuple(Column(str(name)) for name in table)
    rows = tuple(tuple(_setting(cell) for cell in row) for row in table.itertuples(index=False))
    caption = "Settings that are not the same in all; a dash: not set."
    block = Table("config_differences", caption, columns, rows)
    return Section("differences", "What differs in their configs", (block,))


def _setting(cell: Any) -> str:
    missing = cell is None or (pd.api.types.is_scalar(cell) and pd.isna(cell))
    return UNKNOWN if missing else short(cell)


def _failures(comparison: Comparison) -> Section:
    names = comparison.table["name"]
    rows = tuple(
        (
            short(name),
            f"{each.counts['failed']:,}",
            f"{len(each.lost):,}",
            f"{len(each.problems):,}",
        )
        for name, each in zip(names, comparison.results, strict=True)
    )
    titles = ("failed trials", "lost workers", "problems of the ledger")
    columns = (Column("sweep"), *(Column(title, "numeric") for title in titles))
    caption = "The reasons are in each sweep's own report."
    return Section("failures", "Failures", (Table("failures", caption, columns, rows),))


def _commands(comparison: Comparison) -> Section:
    folders = [shlex.quote(str(each.folder)) for each in comparison.results]
    lines = [f"sweep report {folder}" for folder in folders] + [f"sweep report {' '.join(folders)}"]
    return Section("commands", "Commands", (Code("\n".join(lines)),))
