"""Reading a large sweep: 10,000 trials and 60,000 records, from the ledger to the report.

The ledger is synthetic (``benchmarks.big_ledger``) and has the answers of every model to 872
examples. Each stage is measured once, in a new process, after its inputs are loaded:

- *import*: pandas and what else ``analysis.load`` imports;
- *load*: ``analysis.load``, from the ledger's file to tables;
- *front*: the table of the front without probabilities, and its hypervolume;
- *probability*: the complete ``results.front``, with the bootstrap and the verdicts against dense;
- *traces*: the hypervolume after each record;
- *report*: ``write_report``: all of the above without the load, and every chart and table.

It reports wall time and CPU time, which hardly depends on the load of the machine.
Last line: `load_s=x front_s=x report_s=x report_mb=x`, wall time, and megabytes of report.html.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from benchmarks.big_ledger import FEWEST, RECORDS, write_ledger

if TYPE_CHECKING:
    import pandas as pd

    from analysis import Results

T = TypeVar("T")

GOALS = {"load": 2.0, "front": 0.2, "report": 30.0}
GOAL_MB = 6.0


@dataclass
class Clock:
    """Wall seconds and CPU seconds of calls, by name."""

    took: dict[str, tuple[float, float]]

    def time(self, name: str, call: Callable[[], T]) -> T:
        """Return the result of ``call``, and store its times."""
        started, worked = time.perf_counter(), time.process_time()
        given = call()
        cpu = time.process_time() - worked
        self.took[name] = (time.perf_counter() - started, cpu)
        return given


def measure_load(clock: Clock, folder: Path) -> dict[str, float]:
    results = load(clock, folder)
    return {"trials": len(results.trials), "records": len(results.story.records)}


def measure_front(clock: Clock, folder: Path) -> dict[str, float]:
    results = load(clock, folder)
    front, volume = clock.time("front", lambda: front_and_volume(results))
    whole = clock.time("probability", lambda: results.front)
    if len(front) != len(whole) or volume != results.hypervolume:
        raise RuntimeError("the benchmark's front differs from Results.front")
    return {"points": len(front), "hypervolume": volume}


def measure_traces(clock: Clock, folder: Path) -> dict[str, float]:
    results = load(clock, folder)
    return {"steps": len(clock.time("traces", results.traces))}


def measure_report(clock: Clock, folder: Path) -> dict[str, float]:
    from analysis.report import write_report

    results = load(clock, folder)
    files = clock.time("report", lambda: write_report(results, folder))
    return {"report_mb": files[0].stat().st_size / 1e6, "files": len(files)}


STAGES = {
    "load": measure_load,
    "front": measure_front,
    "traces": measure_traces,
    "report": measure_report,
}


def load(clock: Clock, folder: Path) -> Results:
    """Load the sweep; the import and the load are timed separately."""
    import analysis

    read = clock.time("import", lambda: analysis.load)
    return clock.time("load", lambda: read(folder))


def front_and_volume(results: Results) -> tuple[pd.DataFrame, float]:
    """Return the front's rows with Wilson intervals, and its hypervolume, from the records."""
    from analysis.tables import front
    from sweep import pareto

    ways, metric = results.directions, results.metric
    pool = front.contenders(front.candidates(results.records, ways), results.constraints)
    best = pool.iloc[front.front_places(pool, ways, metric)]
    rows = front.front_rows(best, metric, [{}] * len(best))
    reference = [results.reference_point[name] for name in ways]
    volume = pareto.hypervolume(front.objectives(rows, ways), reference, list(ways.values()))
    return rows, volume


def measure(stage: str, folder: Path) -> dict[str, Any]:
    """Measure one stage on the ledger in ``folder``, in this process."""
    clock = Clock({})
    counts = STAGES[stage](clock, folder)
    return {"took": clock.took, "counts": counts}


def in_a_process(stage: str, folder: Path) -> dict[str, Any]:
    """Measure a stage in a new process, whose last line is JSON."""
    command = [sys.executable, "-m", "benchmarks.analysis", "--stage", stage]
    command += ["--folder", str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def compare(trials: int, seed: int) -> None:
    """Make the ledger, measure every stage, print the table and the last line."""
    with tempfile.TemporaryDirectory(prefix="prunesweep-analysis-") as scratch:
        folder = write_ledger(Path(scratch), trials, seed)
        size = (folder / "ledger.jsonl").stat().st_size / 1e6
        print(f"{trials} trials, {RECORDS * trials} records, a ledger of {size:.1f} MB", flush=True)
        took: dict[str, tuple[float, float]] = {}
        counts: dict[str, float] = {}
        for stage in STAGES:
            figures = in_a_process(stage, folder)
            # Later stages load the ledger again; the table shows the first load.
            took |= {name: spent for name, spent in figures["took"].items() if name not in took}
            counts |= figures["counts"]
    print(table(took, counts))
    print(last_line(took, counts))


def table(took: dict[str, tuple[float, float]], counts: dict[str, float]) -> str:
    """Format the seconds of each stage beside its goal, and the counts."""
    lines = [f"{'':12}{'wall s':>9}{'cpu s':>9}{'goal':>9}"]
    for name, (wall, cpu) in took.items():
        goal = f"< {GOALS[name]:g}" if name in GOALS else ""
        lines.append(f"{name:12}{wall:9.3f}{cpu:9.3f}{goal:>9}")
    lines.append(f"{'report.html':12}{counts['report_mb']:6.2f} MB{'':9}{f'< {GOAL_MB:g}':>9}")
    lines.append(
        f"{counts['points']} points on the front, hypervolume {counts['hypervolume']:.4f}, "
        f"{counts['steps']} steps of the traces, {counts['files']} files of the report"
    )
    return "\n".join(lines)


def last_line(took: dict[str, tuple[float, float]], counts: dict[str, float]) -> str:
    """Format wall seconds and megabytes."""
    seconds = " ".join(f"{name}_s={took[name][0]:.3f}" for name in GOALS)
    return f"{seconds} report_mb={counts['report_mb']:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=10_000, help=f"{FEWEST} or more")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stage", choices=STAGES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.stage is None:
        compare(given.trials, given.seed)
    else:
        print(json.dumps(measure(given.stage, given.folder)))


if __name__ == "__main__":
    main()
