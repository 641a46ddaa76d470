"""Make a sweep's folder without Ray: real trials, their ledger and their checkpoints."""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

import analysis
from sweep.compress.dense.bench import Workbench
from sweep.export import checks
from sweep.export.files import load_model
from sweep.ledger import checkpoint
from sweep.ledger.lines import VERSION
from sweep.ledger.record import dense_event
from sweep.space.params import Params

HandOver = Callable[..., Path]
"""`tests.export.conftest.hand_over`."""

TRIALS: list[dict[str, Any]] = [
    {"sparsity": 0.3, "finetune_epochs": 0},
    {"sparsity": 0.6, "finetune_epochs": 2, "learning_rate": 1e-3},
    {"sparsity": 0.9, "method": "random", "scope": "global", "finetune_epochs": 1},
    {"sparsity": 0.7, "finetune_epochs": 0},
    {"sparsity": 0.8},
]
ERRORS = {3: "diverged: loss is nan at step 0 of epoch 1", 4: "the worker died"}
AT_ONCE = {4}


def sweep_of(
    path: Path,
    bench: Workbench,
    trials: Sequence[dict[str, Any]],
    errors: Mapping[int, str] | None = None,
    at_once: Container[int] = (),
) -> Path:
    """A sweep of these trials, named from t00000 on. Those with ``errors`` failed; those in
    ``at_once`` failed before their first record.
    """
    head = {
        "version": VERSION,
        "name": bench.config.name,
        "config": bench.config.model_dump(mode="json"),
        "versions": {"torch": "2.13.0"},
        "directions": {"accuracy": "max", "sparsity": "max"},
        "reference_point": {"accuracy": 0.5, "sparsity": 0.0},
    }
    baseline = {**bench.baseline(), "warnings": ["the examples are few"], "model": "tiny"}
    events = [{"event": "sweep", **head}, dense_event("baseline", baseline)]
    for number, params in enumerate(trials):
        name, error = f"t{number:05}", (errors or {}).get(number)
        run = _trial(path, bench, name, number, params)
        events += islice(run, 1) if number in at_once else run
        status = "failed" if error else "completed"
        events.append({"event": "end", "trial_id": name, "status": status, "error": error})
    path.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"time": 1000.0 + number, **e}) for number, e in enumerate(events)]
    (path / "ledger.jsonl").write_text("\n".join([*lines, ""]))
    return path


def _trial(
    path: Path, bench: Workbench, name: str, number: int, params: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Run a trial, save checkpoints of its finetuned epochs, and yield its events."""
    note = {"trial_id": name, "params": Params.of(params).to_dict(), "seed": 5}
    yield {"event": "trial", "number": number, "sampler_attrs": {}, **note}
    made = {"trial_id": name, "attempt": 1, "worker": "host:1"}
    yield {"event": "start", **made, "epoch": None}
    trial = bench.trial(Params.of(params), 5)
    for record in trial.run():
        if record.epoch:
            where = checkpoint.epoch_folder(path / "checkpoints", name, record.epoch)
            checkpoint.save(where, trial.state_dict(), note)
        yield {"event": "record", **made, **record.to_dict()}


def assert_answers(
    bench: Workbench, swept: Path, trial: str, epoch: int, to: Path, without: str
) -> int:
    """Assert that the model in ``to`` answers as recorded, but not ``without`` that file.

    Returns the number of correct answers without it.
    """
    found = checks.logits(load_model(to), bench)
    answers = analysis.load(swept).answers(trial, epoch)
    assert answers is not None
    assert checks.is_correct(found, bench).tolist() == answers.tolist()
    (to / without).rename(to / "elsewhere")
    alone = checks.logits(load_model(to), bench)
    assert not np.array_equal(alone, found)
    return int(checks.is_correct(alone, bench).sum())
