"""A sweep with everything that a chart can show: workers at once, rungs, layers, a confirmation."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Sequence
from typing import Any

from analysis.charts import Chart
from analysis.charts.panels import Panel
from tests.analysis.ledgers import DENSE, EXAMPLES, PRUNABLE, LedgerBuilder, measured

LAYERS = 3
MATRICES = ("attention.self.query", "attention.self.key", "attention.output.dense", "output.dense")


def weight_names() -> list[str]:
    """As in a BERT: matrices of numbered layers, then a pooler and a classifier."""
    inside = [f"bert.encoder.layer.{n}.{m}.weight" for n in range(LAYERS) for m in MATRICES]
    return [*inside, "bert.pooler.dense.weight", "classifier.weight"]


def panels(chart: Chart[Any], source: Any) -> Sequence[Panel]:
    """What a chart that is made of panels shows of a source."""
    seen = chart.view(source)
    assert not isinstance(seen, str), seen
    return seen.panels


def caption(chart: Chart[Any], source: Any) -> str:
    """What is said of a source under its picture, or why there is none."""
    seen = chart.view(source)
    return seen if isinstance(seen, str) else seen.caption


def rich_sweep(trials: int = 60, workers: int = 4, seed: int = 0) -> LedgerBuilder:
    """Trials on several workers at once, stopped at rungs 0 and 1 where they stand low.

    The driver crashes half way, and is resumed after 5,000 s; some workers are lost.
    """
    draw = random.Random(seed)
    names = weight_names()
    counts = [PRUNABLE // len(names)] * len(names)
    weights = [[name, count] for name, count in zip(names, counts, strict=True)]
    ledger = LedgerBuilder().baseline(prunable_weights=weights)
    free = [(ledger.clock, worker) for worker in range(workers)]
    events: list[tuple[float, int, dict[str, Any]]] = []
    for number in range(trials):
        begin, worker = heapq.heappop(free)
        told = _trial(draw, number, f"host-{worker % 2}:{worker}", begin, counts)
        for time, event in told:
            heapq.heappush(events, (time, len(events) + 1000 * number, event))
        heapq.heappush(free, (told[-1][0], worker))
    half, running = len(events) // 2, dict[str, dict[str, Any]]()
    for place in range(len(events)):
        time, _, event = heapq.heappop(events)
        if place == half:
            ledger.add("resume", 5000.0, trials=trials)
            for start in running.values():
                ledger.events.append({**start, "attempt": 3, "time": ledger.clock})
        ledger.clock = round(time + (5000 if place >= half else 0), 3)
        ledger.events.append({**event, "time": ledger.clock})
        if event["event"] == "start":
            running[event["trial_id"]] = event
        if event["event"] == "end":
            del running[event["trial_id"]]
    return ledger.add("finish")


def _trial(
    draw: random.Random, number: int, worker: str, begin: float, counts: list[int]
) -> list[tuple[float, dict[str, Any]]]:
    """A trial's events, each with its time."""
    name, sparsity = f"t{number:05}", round(draw.uniform(0.2, 0.95), 3)
    method, scope = draw.choice(["l1-norm", "random"]), draw.choice(["local", "global"])
    epochs, rate = draw.randint(0, 4), 10 ** draw.uniform(-5, -3)
    params = {
        "sparsity": sparsity,
        "method": method,
        "scope": scope,
        "finetune_epochs": epochs,
        "learning_rate": rate if epochs else None,
        "activation_sparsity": 0.0,
        "activation_method": "l1-norm",
        "activation_scope": "local",
    }
    own = {"trial_id": name}
    told = [(begin, {"event": "trial", **own, "number": number, "params": params, "seed": number})]
    told.append((begin, {"event": "start", **own, "attempt": 1, "epoch": None}))
    if number % 29 == 7:
        begin += 4
        told.append((begin, {"event": "lost", **own, "attempt": 1, "reason": "SIGKILL"}))
        told.append((begin, {"event": "start", **own, "attempt": 2, "epoch": None}))
    if number % 17 == 11:
        told.append((begin + 3, {"event": "end", **own, "status": "failed", "error": "not finite"}))
        return told
    clock, status = begin, "completed"
    for epoch in range(epochs + 1):
        clock += draw.uniform(6, 10) if epoch else 2
        figures = _figures(draw, sparsity, epoch, method == "random", rate)
        record = {"event": "record", **own, "epoch": epoch, "worker": worker, **figures}
        if epoch == 0:
            record["zeros_per_weight"] = _zeros(counts, sparsity, scope == "global")
        told.append((clock, record))
        if epoch in (0, 1, 3) and epoch < epochs:
            low = epoch > 0 and figures["accuracy"] < 0.6 and draw.random() < 0.7
            verdict = {"action": "stop" if low else "continue", "rung": min(epoch, 2)}
            given = {"reason": "", "peers": number, "rank": 0, "beaten_by": []}
            told.append((clock, {"event": "decision", **own, "epoch": epoch, **verdict, **given}))
            if low:
                status = "stopped"
                break
    told.append((clock, {"event": "end", **own, "status": status, "error": None}))
    return told


def _figures(
    draw: random.Random, sparsity: float, epoch: int, is_random: bool, rate: float
) -> dict[str, Any]:
    gain = 0.1 * epoch * (1 + (math.log10(rate) + 4) / 2)
    keep = 1 / (1 + math.exp((sparsity - 0.6 - gain + 0.2 * is_random) * 12))
    correct = round(436 + (DENSE - 436) * keep + draw.gauss(0, 5))
    return {
        "attempt": 1,
        "stage": "recovered" if epoch else "pruned",
        "partial": False,
        **measured(correct, sparsity),
        "baseline_accuracy": DENSE / EXAMPLES,
        "accuracy_drop": (DENSE - correct) / EXAMPLES,
        "seconds": 1.0 + 9 * epoch,
        "train_seconds": 7.0 if epoch else 0.0,
        "eval_seconds": 1.0,
    }


def _zeros(counts: list[int], sparsity: float, is_global: bool) -> list[int]:
    """The same share everywhere, or more in later matrices."""
    tilt = 0.5 * (1 - sparsity) * is_global
    last = len(counts) - 1
    return [round(n * (sparsity + tilt * (i / last - 0.5))) for i, n in enumerate(counts)]
