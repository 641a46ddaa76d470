"""The command: plans the runs, executes missing ones, prints tables, draws figures."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import time
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from benchmarks.search.cell import make_cells, ratios
from benchmarks.search.methods import BASE, DEFAULT, MAKERS, Task, make_method
from benchmarks.search.runs import Row, plan_jobs, run_all
from benchmarks.search.table import load_table
from benchmarks.search.world import World

TABLES = Path(__file__).parent.parent / "tables"
TRIALS = {8: 128, 64: 256}
"""Trials of a full budget by number of workers; 128 trials on 64 workers would be two rounds."""


def main() -> None:
    parser = _parser()
    given = parser.parse_args()
    methods = list(dict.fromkeys([BASE, *given.methods, *given.rule, DEFAULT]))
    paths = given.tables or sorted(TABLES.glob("*.npz"))
    try:
        worlds = _worlds(paths)
        trials = _trials(given.workers, given.trials)
        for method in methods:
            make_method(method, Task(next(iter(worlds.values())), 0, 1, 1))
    except (OSError, ValueError) as error:
        parser.error(str(error))
    jobs = plan_jobs(paths, trials, given.seeds, methods)
    rows = _collect(run_all(jobs, given.out / "runs.jsonl", given.processes), len(jobs))
    _show(rows, worlds, methods, given.out)


def _show(rows: list[Row], worlds: dict[str, World], methods: list[str], out: Path) -> None:
    """Print tables and the last line, and write CSV and figures to ``out``."""
    from benchmarks.search import plots, report

    cells = make_cells(rows, worlds, methods)
    print("ray {}, optuna {}, syne-tune {}".format(*map(version, ("ray", "optuna", "syne-tune"))))
    for cell in cells:
        print(report.cell_table(cell))
    print()
    for cell in cells:
        print(report.check_line(cell, DEFAULT))
    report.write_curves(cells, out / "curves.csv")
    report.write_needs(cells, out / "needs.csv")
    for path in plots.save_all(cells, DEFAULT, out):
        print(f"wrote {path}", file=sys.stderr)
    to_base, to_best = ratios(cells, DEFAULT)
    print(f"epochs_ratio_vs_random_fifo={to_base:.2f} epochs_ratio_vs_best_peer={to_best:.2f}")


def _collect(rows: Iterable[Row], count: int) -> list[Row]:
    """Return all rows; print a line of progress every half minute."""
    found, told = [], time.monotonic()
    for row in rows:
        found.append(row)
        if time.monotonic() - told > 30:
            told = time.monotonic()
            print(f"{len(found)} of {count} runs", file=sys.stderr, flush=True)
    return found


def _worlds(paths: list[Path]) -> dict[str, World]:
    if not paths:
        raise ValueError(f"no tables in {TABLES}: record one with benchmarks.search.record")
    worlds = {table.name: World(table) for table in map(load_table, paths)}
    if len(worlds) < len(paths):
        raise ValueError(f"two tables have the same name: {', '.join(map(str, paths))}")
    return worlds


def _trials(workers: list[int], trials: list[int] | None) -> dict[int, int]:
    if min([*workers, *(trials or [])]) < 1:
        raise ValueError(f"--workers and --trials must be 1 or more: {workers}, {trials}")
    if trials is None:
        return {count: TRIALS.get(count, max(128, 4 * count)) for count in workers}
    if len(trials) == 1:
        return dict.fromkeys(workers, trials[0])
    if len(trials) != len(workers):
        raise ValueError(
            f"--trials takes 1 or {len(workers)} numbers (one per --workers): {trials}"
        )
    return dict(zip(workers, trials, strict=True))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.search", description="Replays learning curves to searches."
    )
    add = parser.add_argument
    add("--tables", nargs="+", type=Path, help=f"npz files (default: those of {TABLES.name}/)")
    add("--workers", nargs="+", type=int, default=list(TRIALS))
    add(
        "--trials",
        nargs="+",
        type=int,
        help="trials of a full budget: one, or one per --workers",
    )
    add("--seeds", type=int, default=30, help="runs of each method")
    add("--methods", nargs="+", default=list(MAKERS), help=f"of {', '.join(MAKERS)}")
    add("--rule", action="append", default=[], help="one more: ours:tpe:grace=1,eta=3,margin=1")
    add("--processes", type=int, default=min(2, os.cpu_count() or 1))
    add("--out", type=Path, default=Path("results/benchmarks/search"))
    if importlib.util.find_spec("syne_tune") is None:
        parser.error("Syne Tune is missing: pip install --no-deps 'syne-tune==0.16.*'")
    return parser


if __name__ == "__main__":
    main()
