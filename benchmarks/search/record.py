"""Records a table of learning curves: accuracy after every epoch over a grid of params and seeds.

    python -m benchmarks.search.record digits --out benchmarks/tables/digits.npz [key=value ...]

Each point of method x scope x sparsity x learning rate x seed is a trial of this project, run
without Ray. Finished curves are saved in OUT.jsonl, so that an interrupted recording can continue.
The table is written at the end; :mod:`benchmarks.search.table` describes its arrays.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

METHODS, SCOPES = ("l1-norm", "random"), ("local", "global")
PACKAGES = ("torch", "transformers", "numpy")
Key = tuple[str, str, float, float, int]
"""Method, scope, sparsity, learning rate, seed."""


@dataclass(frozen=True)
class Job:
    """One curve to record, ``epochs`` long."""

    config: str
    overrides: tuple[str, ...]
    key: Key
    epochs: int


def main() -> None:
    given = _parser().parse_args()
    out, log = Path(given.out), Path(f"{given.out}.jsonl")
    out.parent.mkdir(parents=True, exist_ok=True)
    axes = (METHODS, SCOPES, given.sparsities, given.learning_rates, range(given.seeds))
    keys = sorted(product(*axes), key=lambda key: key[-1])  # seed by seed
    curves = _read(log)
    overrides = tuple(given.overrides)
    jobs = [Job(given.config, overrides, key, given.epochs) for key in keys if key not in curves]
    with multiprocessing.get_context("spawn").Pool(given.processes) as pool, log.open("a") as file:
        for number, (key, curve) in enumerate(pool.imap_unordered(record, jobs), 1):
            curves[key] = curve
            file.write(json.dumps({"key": key, "curve": curve}) + "\n")
            file.flush()
            print(f"{number} of {len(jobs)} curves", flush=True)
    np.savez_compressed(out, **_arrays(axes, curves, given))
    print(f"{out}: {len(keys)} curves of {given.epochs} epochs, {out.stat().st_size} bytes")


def record(job: Job) -> tuple[Key, dict[str, list[Any]]]:
    """Run a complete trial; return correct answers and seconds after each epoch."""
    from sweep.space.params import Params

    method, scope, sparsity, rate, seed = job.key
    params = Params(
        sparsity=sparsity, method=method, scope=scope, finetune_epochs=job.epochs,
        learning_rate=rate,
    )  # fmt: skip
    records = list(_bench(job.config, job.overrides).trial(params, seed).run())
    seconds = [round(found.train_seconds + found.eval_seconds, 3) for found in records]
    return job.key, {"correct": [found.correct for found in records], "seconds": seconds}


@cache
def _bench(config: str, overrides: tuple[str, ...]) -> Any:
    import torch

    from sweep.compress.dense.bench import Workbench
    from sweep.config.load import load_config

    torch.set_num_threads(1)
    return Workbench(load_config(config, list(overrides)), "cpu")


def _read(log: Path) -> dict[Key, dict[str, list[Any]]]:
    lines = log.read_text().splitlines() if log.exists() else []
    found = [json.loads(line) for line in lines]
    return {(*line["key"],): line["curve"] for line in found}  # type: ignore[misc]


def _arrays(
    axes: tuple[Sequence[Any], ...], curves: dict[Key, dict[str, list[Any]]], given: Any
) -> dict[str, Any]:
    shape = (*map(len, axes), given.epochs + 1)
    values = {
        name: np.array([curves[key][name] for key in product(*axes)]).reshape(shape)
        for name in ("correct", "seconds")
    }
    bench = _bench(given.config, tuple(given.overrides))
    dense = bench.baseline()
    settings = bench.config.model_dump(mode="json", include={"task", "baseline", "recover"})
    command = [_public(part) for part in sys.argv[1:]]
    meta = {
        "command": f"python -m benchmarks.search.record {shlex.join(command)}",
        "config": json.loads(json.dumps(settings), object_hook=_public_values),
        "train_examples": len(bench.task.train),
        "versions": {name: version(name) for name in PACKAGES},
    }
    names = ("methods", "scopes", "sparsities", "learning_rates", "seeds")
    return {
        **{name: np.array(list(axis)) for name, axis in zip(names, axes, strict=True)},
        "correct": values["correct"].astype(np.int16),
        "seconds": values["seconds"].astype(np.float32),
        "examples": np.int64(dense["examples"]),
        "dense_correct": np.int64(dense["correct"]),
        "majority_correct": np.int64(round(dense["majority_accuracy"] * dense["examples"])),
        "meta": np.array(json.dumps(meta)),
    }


def _public(part: str) -> str:
    """Return a word of the command or config, with local paths reduced to their names."""
    name, equals, value = part.rpartition("=")
    return f"{name}{equals}S/{Path(value).name}" if Path(value).is_absolute() else part


def _public_values(found: dict[str, Any]) -> dict[str, Any]:
    return {key: _public(v) if isinstance(v, str) else v for key, v in found.items()}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", help="a config or its packaged name")
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    parser.add_argument("--out", required=True, help="the table, .npz")
    parser.add_argument("--sparsities", type=float, nargs="+", required=True)
    parser.add_argument("--learning-rates", type=float, nargs="+", required=True)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--processes", type=int, default=2)
    return parser


if __name__ == "__main__":
    main()
