"""One cell of the comparison: a run at one sparsity and seed, in a worker process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from benchmarks.fidelity.candidates import RUNS


@dataclass(frozen=True)
class Job:
    """What a worker process needs for one cell; ``horizon`` in epochs."""

    config: str
    overrides: tuple[str, ...]
    run: str
    sparsity: float
    seed: int
    horizon: int
    learning_rate: float


def measure(job: Job) -> list[dict[str, Any]]:
    """A line for every reading: run, reading, sparsity, seed, epoch, correct, examples."""
    from sweep.space.params import Params

    params = Params(
        sparsity=job.sparsity, finetune_epochs=job.horizon, learning_rate=job.learning_rate
    )
    cell = {"run": job.run, "sparsity": job.sparsity, "seed": job.seed}
    return [
        {**cell, "reading": name, "epoch": e, "correct": score.correct, "examples": score.examples}
        for name, e, score in RUNS[job.run](_bench(job.config, job.overrides), params, job.seed)
    ]


@cache
def _bench(config: str, overrides: tuple[str, ...]) -> Any:
    import torch

    from sweep.compress.dense.bench import Workbench
    from sweep.config.load import load_config

    torch.set_num_threads(1)
    return Workbench(load_config(config, list(overrides)), "cpu")
