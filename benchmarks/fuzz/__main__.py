"""Runs the fuzz, prints shares by kind, and ends with the counts of what must not happen.

Last line: ``inputs=N tracebacks=0 wrong=0 outside=0``. The exit code is 1 if one of them is not 0.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from benchmarks.fuzz.case import VERDICTS, Case, Outcome, keep, run
from benchmarks.fuzz.guard import Guard

SHARES = {"config": 0.34, "data": 0.24, "model": 0.1, "ledger": 0.2, "folder": 0.12}
"""The share of each area in all inputs."""

CHILDREN = 5
"""One of so many inputs by the command is given to a child process."""


def plan(inputs: int, cli: int, areas: list[str]) -> Iterator[tuple[str, int, str]]:
    """Yield the area, the number within the area, and the way of each input.

    The inputs by the command are distributed evenly over all, and their kinds vary.
    """
    whole = sum(SHARES[area] for area in areas)
    for area in areas:
        count = round(inputs * SHARES[area] / whole)
        asked = round(cli * SHARES[area] / whole)
        seen = 0
        for number in range(count):
            if (number + 1) * asked // count > number * asked // count:
                yield area, number, "child" if seen % CHILDREN == 0 else "command"
                seen += 1
            else:
                yield area, number, "functions"


def made(area: ModuleType, seed: int, number: int, folder: Path, only: str) -> Case:
    """Make input ``number`` of an area; it depends on the seed, the number and ``only`` alone."""
    names = [name for name in area.NAMES if only in name]
    rng = random.Random(f"{seed} {area.__name__} {number}")
    folder.mkdir(parents=True)
    case: Case = area.make(rng, folder, names[number % len(names)])
    return case


def areas_of(asked: list[str]) -> dict[str, tuple[ModuleType, str]]:
    """The modules of areas; ``data:labels`` has the kinds of data with "labels" in the name."""
    from benchmarks.fuzz import data, folders, ledgers, results, settings

    modules = {"config": settings, "data": data, "model": folders}
    modules |= {"ledger": ledgers, "folder": results}
    pairs = [name.partition(":")[::2] for name in asked]
    return {area: (modules[area], only) for area, only in pairs}


def table(outcomes: list[Outcome]) -> str:
    """The share of each verdict, by kind."""
    counts: dict[str, Counter[str]] = {}
    for outcome in outcomes:
        area = outcome.kind.partition(":")[0]
        for row in (outcome.kind, f"{area}, by {outcome.where}", f"{area}, all", "all"):
            counts.setdefault(row, Counter())[outcome.verdict] += 1
    lines = [f"{'kind':34} {'inputs':>6} " + " ".join(f"{name:>10}" for name in VERDICTS)]
    for row in sorted(counts, key=lambda row: (row == "all", ":" not in row, row)):
        count = counts[row].total()
        shares = (f"{counts[row][name] / count:10.1%}" for name in VERDICTS)
        lines.append(f"{row:34} {count:6} {' '.join(shares)}")
    return "\n".join(lines)


def fuzz(given: argparse.Namespace, guard: Guard) -> list[Outcome]:
    """Run all inputs; print and keep those that failed."""
    areas, outcomes = areas_of(given.kinds), []
    for area, number, where in plan(given.inputs, given.cli, [*areas]):
        module, only = areas[area]
        folder = guard.scratch / "inputs" / f"{area}-{number}"
        case = made(module, given.seed, number, folder, only)
        outcome = run(case, where, guard)
        outcomes.append(outcome)
        if not outcome.is_good:
            print(f"{folder.name}  {outcome.verdict}  {case.kind}  by {where}")
            print("    " + outcome.message.strip().replace("\n", "\n    ")[-1500:], flush=True)
        elif given.show:
            print(f"{folder.name}  {outcome.verdict}  {case.kind}  {outcome.message[:200]!r}")
        if given.keep and not outcome.is_good:
            keep(outcome, case, given.keep, f"{given.seed}-{folder.name}")
        shutil.rmtree(folder)
    return outcomes


def main() -> None:
    parser = argparse.ArgumentParser(
        "python -m benchmarks.fuzz", description="Give mutated inputs to the program."
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--inputs", type=int, default=2000)
    parser.add_argument("--cli", type=int, default=100, help="so many of them by the command")
    parser.add_argument("--kinds", nargs="+", default=[*SHARES], metavar="AREA[:KIND]")
    parser.add_argument("--keep", type=Path, help="a folder for the inputs that fail")
    parser.add_argument("--show", action="store_true", help="print all outcomes")
    given = parser.parse_args()
    started, given.keep = time.perf_counter(), given.keep and given.keep.resolve()
    sys.dont_write_bytecode = True
    with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
        guard = Guard(Path(scratch))
        root = str(Path(__file__).parents[2])
        path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        os.environ |= {**guard.environment, "PYTHONPATH": path}
        tempfile.tempdir = guard.environment["TMPDIR"]
        os.chdir(guard.scratch / "cwd")
        outcomes = fuzz(given, guard)
        os.chdir(root)
        tempfile.tempdir = None
    print(table(outcomes))
    print(f"{time.perf_counter() - started:.0f} s")
    counts = Counter(outcome.verdict for outcome in outcomes)
    print(
        f"inputs={len(outcomes)} tracebacks={counts['traceback']} wrong={counts['wrong']} "
        f"outside={counts['outside']}"
    )
    sys.exit(any(not outcome.is_good for outcome in outcomes))


if __name__ == "__main__":
    main()
