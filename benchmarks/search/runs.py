"""The runs of a benchmark: which are due, done in processes, kept in a file and not done twice."""

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
"""Times the trials of a full budget: where even the cheapest search ends. Trials of no epochs
cost no epochs, and would go on for ever."""

SLOW = {"ours:gp": (30, 8)}
"""Methods whose proposals take seconds: (seeds, workers) that they get at most, for a quarter of
the budget. A run of GP takes 12 s with 8 workers, and minutes with 64 trials pending."""

RUNS_DEPEND_ON = ("clock", "front", "methods", "ours", "plain_optuna", "rules", "syne", "world")
"""Modules of this package that a run's result follows from."""


@dataclass(frozen=True)
class Job:
    """One run. ``digest`` is of the table, ``code`` of the sources that the result follows from.

    ``trials`` is what a user of so many epochs would set; ``marks`` are a quarter of the full
    budget in epochs, and the full one unless the method is too slow for it.
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
        """Equal for runs that give the same, wherever the table lies."""
        fields = asdict(self)
        del fields["path"]
        return json.dumps(fields, sort_keys=True)


def full_budget(trials: int, max_epochs: int) -> int:
    """The epochs that ``trials`` of 0 to E epochs, evenly drawn, cost on average."""
    return trials * max_epochs // 2


def plan_jobs(
    tables: Sequence[Path], trials: Mapping[int, int], seeds: int, methods: Sequence[str]
) -> list[Job]:
    """Every run, seed by seed. ``trials``: number of workers -> trials of a full budget."""
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
    """One search from start to end."""
    world = _world(job.path)
    task = Task(world, job.seed, job.trials, CAP * job.trials)
    method = make_method(job.method, task)
    outcome = Clock(world, method, job.workers, task.most, job.seed).run(list(job.marks))
    return {"key": job.key, **asdict(job), **asdict(outcome)}


def run_all(jobs: Sequence[Job], file: Path, processes: int) -> Iterator[Row]:
    """The rows of all jobs: those in ``file`` as they are, the rest run and appended to it."""
    wanted = {job.key: job for job in jobs}
    for row in _rows(file):
        if wanted.pop(row["key"], None):
            yield row
    if not wanted:
        return
    os.environ["OMP_NUM_THREADS"] = "1"  # one core a process; read when torch is imported
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
    """Whole rows; a last line that was cut off is left out, and ended."""
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
    """A digest of the sources behind a method: a changed rule is run anew, the others are not."""
    here = Path(__file__).parent
    files = [here / f"{name}.py" for name in RUNS_DEPEND_ON] + [Path(sweep.pareto.__file__)]
    if is_ours(method):
        files += sorted(Path(str(sweep.search.__file__)).parent.glob("*.py"))
        files += [
            Path(sweep.config.sections.__file__),  # what is a default
            Path(sweep.config.plan.__file__),
        ]
    whole = hashlib.sha256(b"\0".join(file.read_bytes() for file in files))
    return whole.hexdigest()[:12]
