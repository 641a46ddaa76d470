"""A synthetic ledger of a large sweep: seeded, with all events of a real one.

All models share the difficulty of each example, so that they make similar errors, as models on one
split do. A trial's skill falls with its sparsity, depending on its method, and recovers with epochs
at a good learning rate. Weak trials are stopped at the rungs, and some trials fail.
"""

from __future__ import annotations

import base64
import heapq
import json
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

RECORDS = 6  # per trial on average; the total is exact
EXAMPLES = 872
WORKERS = 64
RUNGS = (1, 3, 9)
STOPPED = {1: 0.3, 3: 0.2}  # epoch -> share of the trials that are stopped after it
FAILED = 0.01
FEWEST = 20  # trials

# A MiniLM-L6 on SST-2.
MATRICES = {
    "attention.self.query": 384 * 384,
    "attention.self.key": 384 * 384,
    "attention.self.value": 384 * 384,
    "attention.output.dense": 384 * 384,
    "intermediate.dense": 384 * 1536,
    "output.dense": 1536 * 384,
}
WEIGHTS = [
    (f"bert.encoder.layer.{layer}.{name}.weight", count)
    for layer in range(6)
    for name, count in MATRICES.items()
]
COUNTS = np.array([count for _, count in WEIGHTS])
PRUNABLE = int(COUNTS.sum())
PARAMETERS = 22_713_986
SKILL = 1.4  # of the dense model, which is right on examples whose ease is below it

CONFIG: dict[str, Any] = {
    "name": "big",
    "model": "models/minilm",
    "task": {"dataset": "sst2", "validation": 0.1},
    "baseline": {"epochs": 0, "seed": 7},
    "space": {
        "sparsity": {"low": 0.1, "high": 0.95},
        "method": ["l1-norm", "random"],
        "scope": ["local", "global"],
        "finetune_epochs": {"low": 4, "high": 20},
        "learning_rate": {"low": 1e-5, "high": 1e-3, "log": True},
    },
    "objectives": {"accuracy": "max", "sparsity": "max"},
    "search": {"sampler": "ehvi", "scheduler": "moasha", "grace_period": 1, "reduction_factor": 3},
}

Event = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """One trial: its params, its number of records and its status."""

    number: int
    params: dict[str, Any]
    records: int
    status: str
    promise: float
    """The share of the damage that finetuning can repair, in [0, 1]."""

    @property
    def name(self) -> str:
        return f"t{self.number:05}"


def write_ledger(folder: Path, trials: int, seed: int = 0) -> Path:
    """Write ``folder``/ledger.jsonl with ``trials`` trials (``FEWEST`` or more), RECORDS of each
    on average; returns the folder. The same seed gives the same file."""
    draw = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "ledger.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(event) + "\n" for event in _events(trials, draw))
    return folder


def _events(trials: int, draw: np.random.Generator) -> list[Event]:
    """Return all events in order of time: each free worker takes the next trial."""
    ease = draw.normal(size=EXAMPLES).astype(np.float32)
    head = _head(trials, ease, draw)
    dense = head[1]["accuracy"]
    free = [(1000.0, worker) for worker in range(WORKERS)]
    told: list[Event] = []
    for plan in plans(trials, draw):
        begin, worker = heapq.heappop(free)
        own = _trial(plan, begin, f"host-{worker // 8}:{worker}", ease, draw)
        told += [_beside(dense, event) for event in own]
        heapq.heappush(free, (told[-1]["time"], worker))
    told.sort(key=itemgetter("time"))
    end = told[-1]["time"]
    return [*head, *told, {"event": "finish", "time": end, "reason": None}]


def plans(trials: int, draw: np.random.Generator) -> list[Plan]:
    """Plan the trials, their statuses and their records: ``RECORDS`` * ``trials`` in total."""
    if trials < FEWEST:
        raise ValueError(f"a large sweep has at least {FEWEST} trials, got {trials}")
    rate = 10 ** draw.uniform(-5, -3, trials)
    promise = 0.9 * np.exp(-(np.log10(rate / 2e-4) ** 2))
    records, status = _ends(promise + draw.normal(scale=0.1, size=trials), draw)
    params = {
        "sparsity": draw.uniform(0.1, 0.95, trials),
        "method": draw.choice(["l1-norm", "random"], trials, p=[0.7, 0.3]),
        "scope": draw.choice(["local", "global"], trials),
        "finetune_epochs": np.where(
            status == "completed", records - 1, draw.integers(10, 16, trials)
        ),
        "learning_rate": rate,
    }
    whole = {
        "activation_sparsity": 0.0,
        "activation_method": "l1-norm",
        "activation_scope": "local",
    }
    given = zip(*(column.tolist() for column in params.values()), strict=True)
    ends = zip(records.tolist(), status.tolist(), promise.tolist(), strict=True)
    return [
        Plan(number, dict(zip(params, values, strict=True)) | whole, *end)
        for number, (values, end) in enumerate(zip(given, ends, strict=True))
    ]


def _ends(
    standing: NDArray[np.float64], draw: np.random.Generator
) -> tuple[NDArray[np.int_], NDArray[np.str_]]:
    """Return the number of records and the status of each trial; the weakest are stopped first."""
    trials = len(standing)
    records, status = np.zeros(trials, dtype=int), np.full(trials, "completed")
    waiting = iter(np.argsort(standing))
    for epoch, share in STOPPED.items():
        places = [next(waiting) for _ in range(round(share * trials))]
        records[places], status[places] = epoch + 1, "stopped"
    failed = draw.choice(trials, max(1, round(FAILED * trials)), replace=False)
    records[failed], status[failed] = 1, "failed"
    done = np.flatnonzero(status == "completed")
    spare = RECORDS * trials - records.sum() - 5 * len(done)
    records[done] = 5 + draw.multinomial(spare, np.full(len(done), 1 / len(done)))
    return records, status


def _head(trials: int, ease: NDArray[np.float32], draw: np.random.Generator) -> list[Event]:
    """Return the events before the first trial; the second is the dense model's."""
    config = {**CONFIG, "search": {**CONFIG["search"], "trials": trials}}
    sweep = {"version": 1, "name": "big", "config": config, "directions": CONFIG["objectives"]}
    sweep |= {"reference_point": {"accuracy": 0.51, "sparsity": 0.0}}
    versions = {"prunesweep": "0.1.0", "python": "3.11", "torch": "2.13.0", "optuna": "5.0.0"}
    figures = next(_answers(np.array([SKILL]), ease, draw)) | _size(np.zeros_like(COUNTS))
    spent = {"seconds": 9.0, "train_seconds": 0.0, "eval_seconds": 9.0}
    own = {
        "reference_point": sweep["reference_point"],
        "majority_accuracy": 0.51,
        "prunable_weights": WEIGHTS,
        "warnings": [],
    }
    return [
        {
            "event": "sweep",
            "time": 0.0,
            **sweep,
            "versions": versions,
        },
        {"event": "baseline", "time": 900.0, **figures, **spent, **own},
        {"event": "workers", "time": 900.0, "count": WORKERS},
    ]


def _beside(dense: float, event: Event) -> Event:
    """Return a record with the dense model's accuracy and the drop added."""
    if event["event"] != "record":
        return event
    return {**event, "baseline_accuracy": dense, "accuracy_drop": dense - event["accuracy"]}


def _trial(
    plan: Plan, begin: float, worker: str, ease: NDArray[np.float32], draw: np.random.Generator
) -> list[Event]:
    """Return the events of a trial; the last is its end."""
    about = {"trial_id": plan.name}
    made = {"number": plan.number, "params": plan.params, "seed": plan.number, "sampler_attrs": {}}
    events: list[Event] = [
        {"event": "trial", **about, **made},
        {"event": "start", **about, "attempt": 1, "epoch": None},
    ]
    events = [{**event, "time": begin} for event in events]
    paces = begin + np.cumsum(draw.uniform(9, 11) * draw.uniform(0.9, 1.1, plan.records))
    for epoch, (now, figures) in enumerate(
        zip(paces.tolist(), _records(plan, ease, draw), strict=True)
    ):
        told = {"event": "record", **about, **figures, "epoch": epoch, "worker": worker}
        events.append({**told, "attempt": 1, "seconds": now - begin, "time": now})
        if epoch in RUNGS:
            events.append({**_decision(plan, epoch), "time": now})
    error = "the loss is not finite" if plan.status == "failed" else None
    end = {"event": "end", **about, "status": plan.status, "error": error}
    return [*events, {**end, "time": events[-1]["time"]}]


def _records(
    plan: Plan, ease: NDArray[np.float32], draw: np.random.Generator
) -> Iterator[dict[str, Any]]:
    """Return the record after each epoch."""
    zeros = _zeros(plan, draw)
    size = _size(zeros)
    skills = _skills(plan, size["sparsity"], draw)
    stage: dict[str, Any] = {"stage": "pruned", "zeros_per_weight": zeros.tolist()}
    spent = {"train_seconds": 0.0, "eval_seconds": 1.0}
    for figures in _answers(skills, ease, draw):
        yield {**stage, "partial": False, **figures, **size, **spent}
        stage, spent["train_seconds"] = {"stage": "recovered"}, 8.0


def _decision(plan: Plan, epoch: int) -> Event:
    stops = plan.status == "stopped" and epoch == plan.records - 1
    verdict = "stops" if stops else "continues"
    return {
        "event": "decision",
        "trial_id": plan.name,
        "epoch": epoch,
        "rung": RUNGS.index(epoch),
        "action": "stop" if stops else "continue",
        "reason": f"{verdict}: beaten by {3 * stops} of {plan.number} peers at epoch {epoch}",
        "peers": plan.number,
        "rank": 3 * stops,
        "beaten_by": [f"t{plan.number // part:05}" for part in (2, 3, 4)] if stops else [],
    }


def _skills(plan: Plan, sparsity: float, draw: np.random.Generator) -> NDArray[np.float64]:
    """Return the skill after each epoch, shape (records,)."""
    damage = sparsity ** (5 if plan.params["method"] == "l1-norm" else 2)
    left = 1 - plan.promise * (1 - 0.5 ** np.arange(plan.records))
    noise = draw.normal(scale=0.03) + draw.normal(scale=0.02, size=plan.records)
    skills: NDArray[np.float64] = SKILL - 1.4 * damage * left + noise
    return skills


def _answers(
    skills: NDArray[np.float64], ease: NDArray[np.float32], draw: np.random.Generator
) -> Iterator[dict[str, Any]]:
    """Return the figures of models with these skills, from their correct answers."""
    own = 0.3 * draw.standard_normal((len(skills), EXAMPLES), dtype=np.float32)
    right = ease + own < skills[:, None]
    packed = np.packbits(right, axis=1)
    for row, correct in zip(packed, right.sum(axis=1).tolist(), strict=True):
        accuracy = correct / EXAMPLES
        yield {
            "accuracy": accuracy,
            "loss": 1 - accuracy,
            "correct": correct,
            "examples": EXAMPLES,
            "correct_bits": base64.b64encode(row.tobytes()).decode("ascii"),
        }


def _zeros(plan: Plan, draw: np.random.Generator) -> NDArray[np.int_]:
    """Return the zeros of each matrix: the same share, or a share by the matrices' scores."""
    shares = np.full(len(COUNTS), plan.params["sparsity"])
    if plan.params["scope"] == "global":
        shares = np.clip(shares + draw.normal(scale=0.05, size=len(COUNTS)), 0.0, 0.999)
    return np.round(shares * COUNTS).astype(int)


def _size(zeros: NDArray[np.int_]) -> dict[str, Any]:
    total = int(zeros.sum())
    return {
        "sparsity": total / PRUNABLE,
        "model_sparsity": total / PARAMETERS,
        "nonzero_params": PARAMETERS - total,
        "size_bytes": 4 * (PARAMETERS - total),
    }
