"""Injects every fault into real sweeps; prints a table and `faults=N lost=0 duplicated=0`.

    python -m tests.faults [--only NAME ...]

The exit code is 1 if anything was lost or duplicated, or behaved otherwise than expected.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.faults.bed import Bed
from tests.faults.matrix import FAULTS, run
from tests.faults.processes import cluster
from tests.faults.verdict import Case

CPUS = 6
"""CPUs of the cluster: each of two parallel cases has up to two workers and a dying one."""


def main() -> int:
    """Run the matrix and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--only", nargs="*", choices=FAULTS, default=list(FAULTS))
    parser.add_argument("--at-once", type=int, default=2, help="number of parallel cases")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="faults-") as root, cluster(CPUS) as address:
        bed = Bed(Path(root), address)
        cases = []
        for case in run(bed, given.only, given.at_once):
            cases.append(case)
            print(_progress(len(cases), case), file=sys.stderr, flush=True)
    print(table(cases))
    total = {name: sum(getattr(case, name) for case in cases) for name in ("lost", "duplicated")}
    print(
        f"faults={sum(case.faults for case in cases)} "
        f"lost={total['lost']} duplicated={total['duplicated']}"
    )
    return 0 if all(case.is_well for case in cases) else 1


def _progress(number: int, case: Case) -> str:
    verdict = "well" if case.is_well else f"NOT WELL: {case}"
    return f"{number:4} {time.strftime('%H:%M:%S')} {case.fault} ({case.name}): {verdict}"


def table(cases: Sequence[Case]) -> str:
    """Format one row per fault, in order of first appearance."""
    head = ("fault", "cases", "lost", "duplicated", "same decisions", "not as promised")
    rows = [head, tuple("---" for _ in head)]
    for fault in dict.fromkeys(case.fault for case in cases):
        mine = [case for case in cases if case.fault == fault]
        fixed = [case for case in mine if case.same is not None]
        same = f"{sum(c.faults for c in fixed if c.same)} of {sum(c.faults for c in fixed)}"
        counts = (sum(c.faults for c in mine), sum(c.lost for c in mine))
        more = (sum(c.duplicated for c in mine), same if fixed else "order not fixed")
        rows.append((fault, *map(str, (*counts, *more, sum(bool(c.wrong) for c in mine)))))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


if __name__ == "__main__":
    sys.exit(main())
