"""The runs of a benchmark: planned, executed in processes, and cached in a file."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import sweep.config.plan
import sweep.config.sections
import sweep.pareto
import sweep.search
from benchmarks.search.clock import Clock
from benchmarks.search.methods import Task, is_ours, make_method, parse
from benchmarks.search.table import load_table
from benchmarks.search.world import World

Row = dict[str, Any]

CAP = 4
"""Limit on the number of trials, as a multiple of a full budget's. A search whose trials have no
epochs spends no epochs and would never end otherwise."""

SLOW = {"ours:gp": (30, 8)}
"""Slow methods: their maximum (seeds, workers), for a quarter of the budget. A run of GP takes 12 s
with 8 workers, and minutes with 64 pending trials."""

RUNS_DEPEND_ON = ("clock", "front", "methods", "ours", "plain_optuna", "rules", "syne", "world")
"""Modules of this package on which a run's result depends."""


@dataclass(frozen=True)
class Job:
    """One run; ``digest`` is that of the table, ``code`` that of the sources of the result.

    ``trials`` is the number that a user with this budget would set. ``marks`` are a quarter of the
    full budget in epochs and, unless the method is too slow, the full budget.
    """

    table: str
    path: str
    digest: str
    method: str
    workers: int
    seed: int
    trials: int
    marks: tuple[int, ...]
    code: str

    @property
    def key(self) -> str:
        """A key that is equal for runs with equal results, wherever the table is."""
        fields = asdict(self)
        del fields["path"]
        return json.dumps(fields, sort_keys=True)


def full_budget(trials: int, max_epochs: int) -> int:
    """Return the mean epochs of ``trials`` whose epochs are uniform in 0..E."""
    return trials * max_epochs // 2


def plan_jobs(
    tables: Sequence[Path], trials: Mapping[int, int], seeds: int, methods: Sequence[str]
) -> list[Job]:
    """Plan all runs, seed by seed. ``trials``: number of workers -> trials of a full budget."""
    loaded = [(str(path), load_table(path)) for path in tables]
    code = {method: _code(method) for method in methods}
    return [
        Job(table.name, path, table.digest, method, workers, seed, count, marks, code[method])
        for seed in range(seeds)
        for path, table in loaded
        for workers, count in trials.items()
        for method in methods
        if _is_due(method, seed, workers)
        for marks in [_marks(method, full_budget(count, table.max_epochs))]
    ]


def _is_due(method: str, seed: int, workers: int) -> bool:
    seeds, most = SLOW.get(parse(method)[0], (seed + 1, workers))
    return seed < seeds and workers <= most


def _marks(method: str, full: int) -> tuple[int, ...]:
    return (full // 4,) if parse(method)[0] in SLOW else (full // 4, full)


def run(job: Job) -> Row:
    """Run one complete search."""
    world = _world(job.path)
    task = Task(world, job.seed, job.trials, CAP * job.trials)
    method = make_method(job.method, task)
    outcome = Clock(world, method, job.workers, task.most, job.seed).run(list(job.marks))
    return {"key": job.key, **asdict(job), **asdict(outcome)}


def run_all(jobs: Sequence[Job], file: Path, processes: int) -> Iterator[Row]:
    """Yield the rows of all jobs: cached ones from ``file``, the others run and appended to it."""
    wanted = {job.key: job for job in jobs}
    for row in _rows(file):
        if wanted.pop(row["key"], None):
            yield row
    if not wanted:
        return
    os.environ["OMP_NUM_THREADS"] = "1"  # one core per process; torch reads it at import
    file.parent.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes) as pool, file.open("a", encoding="utf-8") as out:
        for row in pool.imap_unordered(run, wanted.values()):
            out.write(json.dumps(row) + "\n")
            out.flush()
            yield row


@cache
def _world(path: str) -> World:
    return World(load_table(path))


def _rows(file: Path) -> Iterable[Row]:
    """Read complete rows; a torn last line is ignored and terminated."""
    if not file.exists():
        return
    text = file.read_text(encoding="utf-8")
    if text and not text.endswith("\n"):
        with file.open("a", encoding="utf-8") as out:
            out.write("\n")
    for line in text.splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            continue


def _code(method: str) -> str:
    """Return a digest of the sources of a method, so that only changed methods run again."""
    here = Path(__file__).parent
    files = [here / f"{name}.py" for name in RUNS_DEPEND_ON] + [Path(sweep.pareto.__file__)]
    if is_ours(method):
        files += sorted(Path(str(sweep.search.__file__)).parent.glob("*.py"))
        files += [
            Path(sweep.config.sections.__file__),  # default settings
            Path(sweep.config.plan.__file__),
        ]
    whole = hashlib.sha256(b"\0".join(file.read_bytes() for file in files))
    return whole.hexdigest()[:12]
