"""A sweep with everything that charts can show: concurrent workers, rungs, layers, losses."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from analysis.charts import CHARTS, COMPARISON_CHARTS
from analysis.charts.panels import Panel
from tests.analysis.ledgers import DENSE, EXAMPLES, PRUNABLE, LedgerBuilder

LAYERS = 3
MATRICES = ("attention.self.query", "attention.self.key", "attention.output.dense", "output.dense")


def weight_names() -> list[str]:
    """The names of the matrices of a BERT: numbered layers, a pooler and a classifier."""
    inside = [f"bert.encoder.layer.{n}.{m}.weight" for n in range(LAYERS) for m in MATRICES]
    return [*inside, "bert.pooler.dense.weight", "classifier.weight"]


def seen(key: str, source: Any) -> Any:
    """The picture of a source in the chart with a key, or the reason why there is none."""
    (chart,) = (chart for chart in (*CHARTS, *COMPARISON_CHARTS) if chart.key == key)
    return chart.view(source)


def panels(key: str, source: Any) -> Sequence[Panel]:
    """The panels of a chart of a source."""
    picture = seen(key, source)
    assert not isinstance(picture, str), picture
    found: Sequence[Panel] = picture.panels
    return found


def caption(key: str, source: Any) -> str:
    """The caption of a chart of a source, or the reason why there is none."""
    picture = seen(key, source)
    return picture if isinstance(picture, str) else str(picture.caption)


def rich_sweep(trials: int = 60, workers: int = 4, seed: int = 0) -> LedgerBuilder:
    """Trials on several workers at once, of which bad ones are stopped at rungs 0 and 1.

    The driver crashes half way and is resumed after 5,000 s; some workers are lost.
    """
    draw, count = random.Random(seed), PRUNABLE // len(weight_names())
    ledger = LedgerBuilder().baseline(prunable_weights=[[name, count] for name in weight_names()])
    free = [(ledger.clock, worker) for worker in range(workers)]
    events: list[dict[str, Any]] = []
    for number in range(trials):
        begin, worker = heapq.heappop(free)
        own = _trial(draw, number, f"host-{worker % 2}:{worker}", begin)
        events += own.events[1:]
        heapq.heappush(free, (own.clock, worker))
    events.sort(key=itemgetter("time"))
    before, after = events[: len(events) // 2], events[len(events) // 2 :]
    ended = {event["trial_id"] for event in before if event["event"] == "end"}
    starts = {event["trial_id"]: event for event in before if event["event"] == "start"}
    ledger.events += before
    ledger.clock = before[-1]["time"]
    ledger.add("resume", 5000.0, trials=trials)
    running = [start for name, start in starts.items() if name not in ended]
    ledger.events += [start | {"attempt": 3, "time": ledger.clock} for start in running]
    ledger.events += [event | {"time": event["time"] + 5000} for event in after]
    ledger.clock = ledger.events[-1]["time"]
    return ledger.add("finish")


def _trial(draw: random.Random, number: int, worker: str, begin: float) -> LedgerBuilder:
    """The events of a trial, with a clock of their own."""
    name, sparsity = f"t{number:05}", round(draw.uniform(0.2, 0.95), 3)
    method, scope = draw.choice(["l1-norm", "random"]), draw.choice(["local", "global"])
    epochs, rate = draw.randint(0, 4), 10 ** draw.uniform(-5, -3)
    own = LedgerBuilder()
    own.clock = begin
    given = {"method": method, "scope": scope, "learning_rate": rate if epochs else None}
    own.trial(name, seed=number, sparsity=sparsity, finetune_epochs=epochs, **given)
    own.events[-2]["number"] = number
    del own.events[-1]["worker"]
    if number % 29 == 7:
        own.add("lost", 4.0, trial_id=name, attempt=1, reason="SIGKILL")
        own.add("start", trial_id=name, attempt=2, epoch=None)
    if number % 17 == 11:
        own.clock += 3
        return own.end(name, "failed", "not finite")
    for epoch in range(epochs + 1):
        gain = 0.1 * epoch * (1 + (math.log10(rate) + 4) / 2)
        keep = 1 / (1 + math.exp((sparsity - 0.6 - gain + 0.2 * (method == "random")) * 12))
        correct = round(436 + (DENSE - 436) * keep + draw.gauss(0, 5))
        zeros = {} if epoch else {"zeros_per_weight": _zeros(sparsity, scope == "global")}
        own.clock += draw.uniform(-4, 0) if epoch else -8  # plus the 10 s of each record
        own.record(name, epoch, correct, sparsity, worker=worker, **zeros)
        if epoch in (0, 1, 3) and epoch < epochs:
            low = epoch > 0 and correct < 0.6 * EXAMPLES and draw.random() < 0.7
            own.decision(name, epoch, "stop" if low else "continue", rung=min(epoch, 2))
            if low:
                return own.end(name, "stopped")
    return own.end(name)


def _zeros(sparsity: float, is_global: bool) -> list[int]:
    """The zeros of each matrix: the same share in each, or more in later ones."""
    tilt, names = 0.5 * (1 - sparsity) * is_global, weight_names()
    count, last = PRUNABLE // len(names), len(names) - 1
    return [round(count * (sparsity + tilt * (place / last - 0.5))) for place in range(last + 1)]
