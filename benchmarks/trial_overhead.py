"""Time of our sweep relative to a sweep as in the libraries' tutorials.

Both run the same 64 params on the digits: every combination of two methods, two scopes, eight
sparsities and 0 or 1 finetune epochs. Both start from the same dense model in the same folder, use
the same batch size, learning rate and number of workers, and evaluate after pruning and after each
epoch. The other side is `benchmarks.by_the_tutorials`. Each side runs in its own process and is
timed from its start (with Python, imports and the start of Ray) to its last result. The dense model
and the data files are made before. Last line: `wall_ratio=0.xx`, ours / theirs, the median over
repeats.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SPACE: dict[str, list[Any]] = {
    "method": ["l1-norm", "random"],
    "scope": ["local", "global"],
    "sparsity": [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9],
    "finetune_epochs": [0, 1],
}
FIXED: dict[str, Any] = {"learning_rate": 1e-3}
BATCH_SIZE = 32

Rows = list[dict[str, Any]]


def prepare(work: Path, epochs: int) -> None:
    """Train the dense model once, and save it and the data for both sides."""
    import datasets

    from sweep.compress.dense.bench import Workbench
    from sweep.config.load import load_config

    bench = Workbench(load_config("digits", [f"baseline.epochs={epochs}"]), "cpu")
    bench.dense.model.save_pretrained(work / "model")  # type: ignore[operator]
    columns = {}
    for name in ("train", "validation"):
        split = bench.task.split(name)
        rows = {"input_ids": split.tokens.reshape(len(split), -1), "label": split.labels}
        columns[name] = datasets.Dataset.from_dict(rows)
    datasets.DatasetDict(columns).save_to_disk(str(work / "data"))


def run_ours(work: Path, workers: int) -> Rows:
    """Run the params as `sweep run` does, with the grid sampler and no early stopping."""
    from sweep.cluster.listeners.terminal import TerminalView
    from sweep.cluster.run import run_sweep
    from sweep.config import SweepConfig
    from sweep.ledger.folder import SweepFolder
    from sweep.ledger.read import read_events

    config = SweepConfig.model_validate(
        {
            "name": "ours",
            "model": str(work / "model"),
            "task": {"dataset": "digits", "max_length": 64},
            "space": SPACE | FIXED,
            "recover": {"batch_size": BATCH_SIZE, "warmup": 0.0},
            "search": {"sampler": "grid", "scheduler": "fifo", "max_concurrent": workers},
        }
    )
    folder = SweepFolder(Path(tempfile.mkdtemp(dir=work)) / "sweep")
    run_sweep(config, folder, listeners=[TerminalView()])
    events = read_events(folder.ledger)
    params = {event["trial_id"]: event["params"] for event in events if event["event"] == "trial"}
    records = {event["trial_id"]: event for event in events if event["event"] == "record"}
    return [
        {**{name: params[trial_id][name] for name in SPACE}, **_figures(record)}
        for trial_id, record in records.items()
    ]


def _figures(record: dict[str, Any]) -> dict[str, Any]:
    return {"accuracy": record["accuracy"], "epoch": record["epoch"], "at": record["time"]}


def run_theirs(work: Path, workers: int) -> Rows:
    """Run the other side on the same files."""
    from benchmarks import by_the_tutorials

    fixed = FIXED | {
        "batch_size": BATCH_SIZE,
        "model": str(work / "model"),
        "data": str(work / "data"),
        "scratch": tempfile.mkdtemp(dir=work),
    }
    return by_the_tutorials.run(SPACE, fixed, workers)


SIDES: dict[str, Callable[[Path, int], Rows]] = {"ours": run_ours, "theirs": run_theirs}


def time_side(side: str, work: Path, workers: int) -> tuple[float, Rows]:
    """Return the seconds from the start of a process to its last result, and the results."""
    answer = work / f"{side}.json"
    command = [sys.executable, "-m", "benchmarks.trial_overhead", "--work", str(work)]
    command += ["--workers", str(workers), "--side", side]
    # A separate cache, so that an earlier repeat cannot help this one.
    fresh = {"PRUNESWEEP_CACHE": tempfile.mkdtemp(dir=work), "RAY_AIR_NEW_OUTPUT": "0"}
    started = time.time()
    done = subprocess.run(command, env=os.environ | fresh, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"the side {side} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    rows: Rows = json.loads(answer.read_text())
    return max(row["at"] for row in rows) - started, rows


def table(ours: Rows, theirs: Rows) -> str:
    """Format the last accuracies of both sides, one line per trial."""
    found = {tuple(row[name] for name in SPACE): row for row in ours}
    heads = ("method", "scope", "sparsity", "epochs", "theirs", "ours")
    lines = ["{:8} {:7} {:>8} {:>6} {:>8} {:>8}   (accuracy)".format(*heads)]
    for row in theirs:
        key = tuple(row[name] for name in SPACE)
        lines.append(
            f"{row['method']:8} {row['scope']:7} {row['sparsity']:8} {row['finetune_epochs']:6} "
            f"{row['accuracy']:8.4f} {found[key]['accuracy']:8.4f}"
        )
    return "\n".join(lines)


def compare(work: Path, workers: int, repeats: int) -> None:
    """Time the sides one after the other and print the results."""
    ratios = []
    for _ in range(repeats):
        seconds = {}
        rows = {}
        for side in ("theirs", "ours"):
            seconds[side], rows[side] = time_side(side, work, workers)
        ratios.append(seconds["ours"] / seconds["theirs"])
        print(table(rows["ours"], rows["theirs"]))
        print(f"seconds: theirs {seconds['theirs']:.1f}, ours {seconds['ours']:.1f}", flush=True)
    print(f"wall_ratio={statistics.median(ratios):.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument(
        "--dense-epochs", type=int, default=20, help="epochs of the dense model (not timed)"
    )
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--side", choices=sorted(SIDES), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if importlib.util.find_spec("accelerate") is None:
        parser.error("Hugging Face's Trainer needs accelerate: pip install -e '.[benchmarks]'")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the sweep command has it
    if given.side:
        rows = SIDES[given.side](given.work, given.workers)
        (given.work / f"{given.side}.json").write_text(json.dumps(rows))
        return
    with tempfile.TemporaryDirectory(prefix="prunesweep-bench-") as scratch:
        prepare(Path(scratch), given.dense_epochs)
        compare(Path(scratch), given.workers, given.repeats)


if __name__ == "__main__":
    main()
