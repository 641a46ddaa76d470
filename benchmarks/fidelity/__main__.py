"""Is a record after e epochs of one long run as good as a run made for e epochs?

    python -m benchmarks.fidelity sst2 model=FOLDER task.dataset.train=FILE ... [--seeds 3]

trains l1-norm local at each sparsity and seed: `linear` once for every horizon, and each
horizon-free candidate once for the longest, read after every epoch. Every (run, sparsity, seed)
is appended to --out when it is done and skipped when it is there already. The gap of a candidate
is its accuracy minus that of `linear` at its own horizon, on the same examples, paired by seed,
sparsity and horizon; its error is the standard error over (sparsity, seed) cells.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.fidelity.candidates import RUNS
from benchmarks.fidelity.measure import Job, measure

YARDSTICK = "linear"


def main() -> None:
    given = _parser().parse_args()
    out = Path(given.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    done = {(row["run"], row["sparsity"], row["seed"]) for row in _rows(out)}
    rate, overrides = given.learning_rate, tuple(given.overrides)
    jobs = [
        Job(given.config, overrides, run, sparsity, seed, given.horizon, rate)
        for seed, sparsity, run in product(range(given.seeds), given.sparsities, given.runs)
        if (run, sparsity, seed) not in done
    ]
    with multiprocessing.get_context("spawn").Pool(given.processes) as pool, out.open("a") as file:
        for number, lines in enumerate(pool.imap_unordered(measure, jobs), 1):
            file.writelines(json.dumps(line) + "\n" for line in lines)
            file.flush()
            print(f"{number} of {len(jobs)} runs", flush=True)
    print(table(pd.DataFrame(_rows(out))))


def table(rows: pd.DataFrame) -> str:
    """Markdown: every reading's accuracy, its gap to `linear`, by horizon and by sparsity."""
    rows = rows.assign(accuracy=100 * rows["correct"] / rows["examples"])
    keys = ["sparsity", "seed", "epoch"]
    yardstick = rows[rows["reading"] == YARDSTICK].set_index(keys)["accuracy"]
    rows = rows.join(yardstick.rename("yardstick"), on=keys)
    rows["gap"] = rows["accuracy"] - rows["yardstick"]
    lines = []
    for reading, own in rows.groupby("reading", sort=False):
        cells = own.groupby(["sparsity", "seed"])["gap"].mean()
        line = {"schedule": reading, "accuracy": own["accuracy"].mean(), "gap": own["gap"].mean()}
        line["error"] = cells.std() / len(cells) ** 0.5
        line |= {f"{e} ep": g for e, g in own.groupby("epoch")["gap"].mean().items()}
        line |= {f"at {s:g}": g for s, g in own.groupby("sparsity")["gap"].mean().items()}
        lines.append(line)
    found = pd.DataFrame(lines).sort_values("gap", ascending=False)
    return _markdown(found)


def _markdown(found: pd.DataFrame) -> str:
    head = f"| {' | '.join(found.columns)} |\n|{' --- |' * len(found.columns)}\n"
    body = [
        "| " + " | ".join(v if isinstance(v, str) else f"{v:+.2f}" for v in row) + " |"
        for row in found.itertuples(index=False)
    ]
    return head + "\n".join(body)


def _rows(out: Path) -> list[dict[str, Any]]:
    return list(_read(out)) if out.exists() else []


def _read(out: Path) -> Iterator[dict[str, Any]]:
    for line in out.read_text().splitlines():
        yield json.loads(line)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", help="a config or its packaged name")
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sparsities", type=float, nargs="+", default=[0.5, 0.7, 0.9])
    parser.add_argument("--horizon", type=int, default=5, help="epochs of the longest run")
    parser.add_argument("--learning-rate", type=float, default=1e-4, help="the peak, of every run")
    parser.add_argument("--runs", nargs="+", choices=RUNS, default=list(RUNS))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", default="results/benchmarks/fidelity.jsonl")
    return parser


if __name__ == "__main__":
    main()
