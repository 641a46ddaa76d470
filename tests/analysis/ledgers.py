"""Builds ledgers event by event, with a clock of their own."""

from __future__ import annotations

import base64
import json
import math
import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis import Results, load

EXAMPLES = 872
PRUNABLE = 10_000
PARAMETERS = 20_000
DENSE = 800

CONFIG: dict[str, Any] = {
    "name": "toy",
    "model": "models/tiny",
    "tokenizer": None,
    "task": {"dataset": "digits", "text": "text", "label": "label", "validation": 0.1},
    "baseline": {"epochs": 3, "seed": 7},
    "space": {
        "sparsity": {"low": 0.2, "high": 0.95},
        "method": ["l1-norm", "random"],
        "scope": ["local", "global"],
        "finetune_epochs": {"low": 0, "high": 3},
        "learning_rate": {"low": 1e-5, "high": 1e-3, "log": True},
    },
    "objectives": {"accuracy": "max", "sparsity": "max"},
    "search": {"sampler": "tpe", "scheduler": "moasha", "trials": 4, "seed": 3},
    "storage": "results",
}


class LedgerBuilder:
    """Collects events; ``write`` writes them into a folder. ``clock`` is in seconds."""

    def __init__(self, **sweep: Any) -> None:
        self.events: list[dict[str, Any]] = []
        self.clock = 1_000_000.0
        head = {
            "version": 1,
            "name": "toy",
            "config": CONFIG,
            "versions": {"prunesweep": "0.1.0", "torch": "2.13.0"},
            "directions": {"accuracy": "max", "sparsity": "max"},
            "reference_point": {"accuracy": 0.1, "sparsity": 0.0},
        }
        self.add("sweep", **{**head, **sweep})

    def head(self, **fields: Any) -> LedgerBuilder:
        """Change what the first event says."""
        self.events[0].update(fields)
        return self

    def search(self, **settings: Any) -> LedgerBuilder:
        """Change settings of the config's section ``search``."""
        config = self.events[0]["config"]
        return self.head(config={**config, "search": {**config.get("search", {}), **settings}})

    def points(self, **points: tuple[int, float]) -> LedgerBuilder:
        """A trial a point, evaluated once: its right answers, and its sparsity."""
        for name, (correct, sparsity) in points.items():
            self.trial(name).record(name, 0, correct, sparsity)
        return self

    def add(self, kind: str, wait: float = 0.0, **fields: Any) -> LedgerBuilder:
        """Append any event, ``wait`` seconds after the one before."""
        self.clock += wait
        known = {"finish": {"reason": None}, "lost": {"attempt": 1}, "resume": {"trials": 0}}
        own = {"event": kind, "time": self.clock, **known.get(kind, {})}
        self.events.append({**own, **fields})
        return self

    def baseline(self, correct: int = DENSE, **fields: Any) -> LedgerBuilder:
        spent = {"seconds": 9.0, "train_seconds": 8.0, "eval_seconds": 1.0}
        own = {"majority_accuracy": 0.1, "warnings": [], "model": "models/tiny"}
        own |= {"reference_point": {}}
        return self.add("baseline", 9.0, **{**measured(correct, 0.0), **spent, **own, **fields})

    def trial(self, trial_id: str, *, seed: int = 11, **params: Any) -> LedgerBuilder:
        """A trial is made and starts; ``params`` over plain defaults."""
        defaults: dict[str, Any] = {
            "sparsity": 0.5,
            "method": "l1-norm",
            "scope": "local",
            "finetune_epochs": 2,
            "learning_rate": 1e-4,
            "activation_sparsity": 0.0,
            "activation_method": "l1-norm",
            "activation_scope": "local",
        }
        number = len([event for event in self.events if event["event"] == "trial"])
        own = {"number": number, "params": defaults | params, "seed": seed, "sampler_attrs": {}}
        self.add("trial", trial_id=trial_id, **own)
        return self.add("start", trial_id=trial_id, attempt=1, epoch=None, worker="host:1")

    def record(
        self, trial_id: str, epoch: int, correct: int, sparsity: float, **fields: Any
    ) -> LedgerBuilder:
        """An evaluation: 8 s of training after epoch 0, 1 s of evaluation, 10 s on the clock."""
        train = 8.0 if epoch else 0.0
        own = {
            "trial_id": trial_id,
            "attempt": 1,
            "stage": "recovered" if epoch else "pruned",
            "epoch": epoch,
            "partial": False,
            **measured(correct, sparsity),
            "baseline_accuracy": DENSE / EXAMPLES,
            "accuracy_drop": (DENSE - correct) / EXAMPLES,
            "seconds": 1.0 + 9.0 * epoch,
            "train_seconds": train,
            "eval_seconds": 1.0,
            "worker": "host:1",
        }
        return self.add("record", 10.0, **{**own, **fields})

    def decision(self, trial_id: str, epoch: int, action: str, **fields: Any) -> LedgerBuilder:
        own = {"rung": epoch, "reason": f"{action} at {epoch}", "peers": 3, "rank": 1}
        given = {"trial_id": trial_id, "epoch": epoch, "action": action, "beaten_by": []}
        return self.add("decision", **{**given, **own, **fields})

    def end(
        self, trial_id: str, status: str = "completed", error: str | None = None
    ) -> LedgerBuilder:
        return self.add("end", trial_id=trial_id, status=status, error=error)

    def answers(self, event: int, right: Iterable[int]) -> LedgerBuilder:
        """Say of an event (its place in ``events``) which examples it got ``right``."""
        bits = np.zeros(EXAMPLES, dtype=np.bool_)
        bits[list(right)] = True
        own = {"correct": int(bits.sum()), "accuracy": float(bits.mean()), "examples": EXAMPLES}
        self.events[event].update(own, correct_bits=pack(bits))
        return self

    def confirm_round(
        self,
        points: Mapping[tuple[str, int], Mapping[int, int]],
        why: str = "front",
        dense: int = DENSE - 10,
        finish: bool = True,
        **fields: Any,
    ) -> LedgerBuilder:
        """A round of a confirmation: of each point, how many test examples each seed got right.

        Which are always the first ones. On validation a retrained model gets 5 examples more.
        """
        number = sum(event["event"] == "confirm" for event in self.events)
        wanted = [{"trial_id": t, "epoch": e, "why": why} for t, e in points]
        seeds = sorted({seed for by_seed in points.values() for seed in by_seed})
        self.add("confirm", confirm=number, points=wanted, seeds=seeds)
        if number == 0:
            own = {"split": "test", "correct_bits": first(dense)}
            self.add("confirm_baseline", 1.0, **measured(dense, 0.0), warnings=[], **own)
        for (trial, epoch), by_seed in points.items():
            sparsity = self._sparsity(trial, epoch)
            for seed, correct in by_seed.items():
                self.add("confirm_start", trial_id=trial, seed=seed, attempt=1)
                fresh = {
                    "validation_accuracy": (correct + 5) / EXAMPLES,
                    "validation_correct": correct + 5,
                    "validation_examples": EXAMPLES,
                    "baseline_accuracy": dense / EXAMPLES,
                    "accuracy_drop": (dense - correct) / EXAMPLES,
                }
                own = {"trial_id": trial, "epoch": epoch, "seed": seed, "attempt": 1}
                own |= {
                    "stage": "recovered" if epoch else "pruned",
                    "partial": False,
                    "seconds": 9.0,
                }
                own |= {"worker": "host:1", "split": "test", "correct_bits": first(correct)}
                own |= measured(correct, sparsity) | fresh
                self.add("confirm_record", 10.0, **{**own, **fields})
                end = {"status": "completed", "error": None}
                self.add("confirm_end", trial_id=trial, seed=seed, **end)
        return self.add("confirm_finish", confirm=number) if finish else self

    def _sparsity(self, trial: str, epoch: int) -> float:
        """Of the record of a trial after an epoch."""
        mine = (e for e in self.events if e["event"] == "record" and e["trial_id"] == trial)
        return next(float(event["sparsity"]) for event in mine if event["epoch"] == epoch)

    def load(self) -> Results:
        """What the analysis makes of a folder with the ledger."""
        with TemporaryDirectory() as folder:
            return load(self.write(Path(folder)))

    def write(self, folder: Path, tail: bytes = b"") -> Path:
        """Write the ledger to ``folder``/ledger.jsonl, ``tail`` behind the last line."""
        folder.mkdir(parents=True, exist_ok=True)
        text = "".join(json.dumps(event) + "\n" for event in self.events)
        (folder / "ledger.jsonl").write_bytes(text.encode() + tail)
        return folder


def pack(bits: NDArray[np.bool_]) -> str:
    """Answers in the encoding of the ledger."""
    return base64.b64encode(np.packbits(bits).tobytes()).decode("ascii")


def first(correct: int) -> str:
    """The answers of a model that answers only the first ``correct`` examples right."""
    return pack(np.arange(EXAMPLES) < correct)


def answered_sweep(trials: int = 12, seed: int = 0, examples: int = EXAMPLES) -> LedgerBuilder:
    """A trade-off in which every record has its answers.

    Each example is equally easy for all models, so they make the same errors; the dense model
    answers most examples right. Every trial has a record of epoch 0 and of epoch 1.
    """
    draw = np.random.default_rng(seed)
    ease = draw.normal(size=examples)

    def model(skill: float) -> dict[str, Any]:
        bits = ease + draw.normal(scale=0.3, size=examples) < skill
        correct = int(bits.sum())
        figures = {"correct": correct, "accuracy": correct / examples, "examples": examples}
        return {**figures, "correct_bits": pack(bits)}

    weights = [["layer.0", PRUNABLE // 2], ["layer.1", PRUNABLE // 2]]
    dense = model(1.4)
    ledger = LedgerBuilder().baseline(prunable_weights=weights, **dense)
    for number in range(trials):
        name, sparsity = f"t{number:05}", (number + 1) / (trials + 1)
        ledger.trial(name, sparsity=sparsity, finetune_epochs=1)
        zeros = round(sparsity * PRUNABLE)
        for epoch in (0, 1):
            figures = model(1.2 - 2 * sparsity**3 + 0.2 * epoch)
            figures["accuracy_drop"] = dense["accuracy"] - figures["accuracy"]
            if epoch == 0:
                figures["zeros_per_weight"] = [zeros // 2, zeros - zeros // 2]
            ledger.record(name, epoch, sparsity=sparsity, **figures)
        ledger.end(name)
    return ledger.add("finish")


def measured(correct: int, sparsity: float) -> dict[str, Any]:
    """The figures of an evaluation that do not depend on the epoch."""
    zeros = round(sparsity * PRUNABLE)
    return {
        "accuracy": correct / EXAMPLES,
        "loss": 2.0 - correct / EXAMPLES,
        "correct": correct,
        "examples": EXAMPLES,
        "sparsity": zeros / PRUNABLE,
        "model_sparsity": zeros / PARAMETERS,
        "nonzero_params": PARAMETERS - zeros,
        "size_bytes": 4 * (PARAMETERS - zeros),
    }


def small_sweep() -> LedgerBuilder:
    """Four trials: completed, stopped, failed without an evaluation, running."""
    ledger = LedgerBuilder().baseline()
    ledger.trial("t00000", sparsity=0.5).record("t00000", 0, 700, 0.5)
    ledger.record("t00000", 1, 790, 0.5).record("t00000", 2, 795, 0.5).end("t00000")
    ledger.trial("t00001", sparsity=0.8, finetune_epochs=3, method="random")
    ledger.record("t00001", 0, 400, 0.8).record("t00001", 1, 650, 0.8)
    ledger.decision("t00001", 1, "stop", beaten_by=["t00000"]).end("t00001", "stopped")
    ledger.trial("t00002").end("t00002", "failed", "the loss is not finite")
    ledger.trial("t00003", sparsity=0.9, scope="global", finetune_epochs=3)
    return ledger.record("t00003", 0, 300, 0.9).record("t00003", 1, 640, 0.9)


def big_sweep(trials: int = 40, seed: int = 0) -> LedgerBuilder:
    """A plausible trade-off with ties, about three records per trial, and stopped trials."""
    draw = random.Random(seed)
    ledger = LedgerBuilder().baseline()
    for number in range(trials):
        name, sparsity = f"t{number:05}", round(draw.uniform(0.2, 0.95), 2)
        method, scope = draw.choice(["l1-norm", "random"]), draw.choice(["local", "global"])
        epochs, stop = draw.randint(0, 3), draw.random() < 0.3
        rate = 10 ** draw.uniform(-5, -3)
        given = {"sparsity": sparsity, "method": method, "scope": scope, "learning_rate": rate}
        ledger.trial(name, finetune_epochs=epochs, seed=number, **given)
        last = min(epochs, 1) if stop else epochs
        for epoch in range(last + 1):
            bend = 0.55 + 0.13 * epoch - (0.2 if method == "random" else 0)
            keep = 1 / (1 + math.exp((sparsity - bend) * 14))
            correct = round(436 + (DENSE - 436) * keep + draw.gauss(0, 6))
            ledger.record(name, epoch, correct, sparsity)
        ledger.end(name, "stopped" if last < epochs else "completed")
    return ledger.add("finish")
