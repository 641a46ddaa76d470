"""A sweep's folder without Ray: real trials, their ledger and the checkpoints that are kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import analysis
from sweep.compress.dense.bench import Workbench
from sweep.export import checks
from sweep.export.files import load_model
from sweep.ledger import checkpoint
from sweep.ledger.journal import VERSION
from sweep.space.params import Params

HandOver = Callable[..., Path]
"""`tests.export.conftest.hand_over`."""

TRIALS: dict[str, dict[str, Any]] = {
    "t00000": {"sparsity": 0.3, "finetune_epochs": 0},
    "t00001": {"sparsity": 0.6, "finetune_epochs": 2, "learning_rate": 1e-3},
    "t00002": {"sparsity": 0.9, "method": "random", "scope": "global", "finetune_epochs": 1},
}


class Folder:
    """Writes a ledger event by event, as a driver would."""

    def __init__(self, path: Path, bench: Workbench) -> None:
        self.path, self.bench = path, bench
        self.events: list[dict[str, Any]] = []
        self.add(
            "sweep",
            version=VERSION,
            name=bench.config.name,
            config=bench.config.model_dump(mode="json"),
            versions={"torch": "2.13.0"},
            directions={"accuracy": "max", "sparsity": "max"},
            reference_point={"accuracy": 0.5, "sparsity": 0.0},
        )
        self.add("baseline", **bench.baseline(), warnings=bench.warnings, model="tiny")

    def add(self, kind: str, **fields: Any) -> None:
        self.events.append({"event": kind, "time": 1000.0 + len(self.events), **fields})

    def trial(self, trial_id: str, params: dict[str, Any], seed: int = 5) -> None:
        """Run a trial; every recovered epoch leaves its checkpoint."""
        whole = Params.of(params).to_dict()
        self.add("trial", trial_id=trial_id, number=0, params=whole, seed=seed)
        self.add("start", trial_id=trial_id, attempt=1, epoch=None, worker="host:1")
        trial = self.bench.trial(Params.of(params), seed)
        for record in trial.run():
            if record.epoch:
                where = checkpoint.epoch_folder(self.path / "checkpoints", trial_id, record.epoch)
                note = {"trial_id": trial_id, "params": whole, "seed": seed}
                checkpoint.save(where, trial.state_dict(), note)
            self.add("record", trial_id=trial_id, attempt=1, worker="host:1", **record.to_dict())

    def end(self, trial_id: str, status: str = "completed", error: str | None = None) -> None:
        self.add("end", trial_id=trial_id, status=status, error=error)

    def write(self) -> Path:
        self.path.mkdir(parents=True, exist_ok=True)
        text = "".join(json.dumps(event) + "\n" for event in self.events)
        (self.path / "ledger.jsonl").write_text(text)
        return self.path


def sweep_of(path: Path, bench: Workbench, trials: Sequence[dict[str, Any]]) -> Path:
    """These trials, t00000 and on, which completed."""
    folder = Folder(path, bench)
    for number, params in enumerate(trials):
        folder.trial(f"t{number:05}", params)
        folder.end(f"t{number:05}")
    return folder.write()


def write_sweep(path: Path, bench: Workbench) -> Path:
    """Three trials that completed, one that failed after pruning, and one that failed at once."""
    folder = Folder(path, bench)
    for name, params in TRIALS.items():
        folder.trial(name, params)
        folder.end(name)
    folder.trial("t00003", {"sparsity": 0.7, "finetune_epochs": 0})
    folder.end("t00003", "failed", "diverged: loss is nan at step 0 of epoch 1")
    params = Params(sparsity=0.8).to_dict()
    folder.add("trial", trial_id="t00004", number=4, params=params, seed=1)
    folder.end("t00004", "failed", "the worker died")
    folder.add("finish")
    return folder.write()


def assert_answers(
    bench: Workbench, swept: Path, trial: str, epoch: int, to: Path, without: str
) -> int:
    """The model in ``to`` answers as recorded, and otherwise ``without`` that file.

    Returns how many answers are right without it.
    """
    found = checks.plain_logits(load_model(to), bench)
    answers = analysis.load(swept).answers(trial, epoch)
    assert answers is not None
    assert checks.right(found, bench).tolist() == answers.tolist()
    (to / without).rename(to / "elsewhere")
    alone = checks.plain_logits(load_model(to), bench)
    assert not np.array_equal(alone, found)
    return int(checks.right(alone, bench).sum())
