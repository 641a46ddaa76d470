"""What a person sees while a sweep runs: a live table on a terminal, else a line a trial.

:class:`Progress` is the fold over a sweep's events that says where it stands, :class:`View` shows
it. Every event costs little, however many there were: what can be counted is counted as it comes.
"""

from __future__ import annotations

import logging
import statistics
import sys
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import islice
from typing import Any, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sweep.cluster.log import FILE_ONLY
from sweep.ledger.events import (
    BASELINE,
    END,
    LOST,
    RECORD,
    EndEvent,
    Event,
    Fold,
    RecordEvent,
    ResumeEvent,
    StartEvent,
    TrialEvent,
    WorkersEvent,
)
from sweep.ledger.record import front_values
from sweep.pareto import Front
from sweep.space.params import Params, chosen_by

logger = logging.getLogger(__name__)

REDRAW_SECONDS = 0.5
ROWS = 12
"""Of the front and of running trials: what fits a small terminal."""

OTHER = (
    "warning: to the worker of %s the dense model has accuracy %.4f, and %.4f when the sweep "
    "began: it was made again, has changed, or is on other hardware; trials before and after may "
    "not compare"
)

PACE = 1000
"""Trials that ended last, from which the time left is estimated."""


@dataclass
class Row:
    """One trial: what was asked, and its last record."""

    trial_id: str
    params: dict[str, Any]
    status: str = "waiting"
    error: str | None = None
    record: RecordEvent | None = None
    seconds: float = 0.0

    @property
    def epoch(self) -> int | None:
        """The last epoch recorded."""
        return None if self.record is None else self.record["epoch"]


class Progress(Fold):
    """Counts, rows and the front so far. ``planned`` is the number of trials in all."""

    def __init__(self, objectives: Mapping[str, str], planned: int) -> None:
        self.objectives = objectives
        self.planned = planned
        self.workers = 1
        self.rows: dict[str, Row] = {}
        self.ended: Counter[str] = Counter()
        """How many trials have ended, by their status."""
        self.front: Front[RecordEvent] = Front(objectives.values())
        """The records on the front so far."""
        self.epochs_spent = 0
        """Finetune epochs trained so far."""
        self.epochs_saved = 0
        """Finetune epochs that stopped trials did not have to train."""
        self._took: deque[float] = deque(maxlen=PACE)

    def seconds_left(self) -> tuple[float, float] | None:
        """A range for the time left, from quartiles of what ended trials took; None at first."""
        if len(self._took) < 3:
            return None
        low, _, high = statistics.quantiles(self._took, n=4)
        rounds = (self.planned - self.ended.total()) / max(1, self.workers)
        return low * rounds, high * rounds

    def on_workers(self, event: WorkersEvent) -> None:
        """So many work at a time."""
        self.workers = event["count"]

    def on_resume(self, event: ResumeEvent) -> None:
        """There may be more trials than planned."""
        self.planned = max(self.planned, event.get("trials") or 0)

    def on_trial(self, event: TrialEvent) -> None:
        """A trial waits."""
        self.rows[event["trial_id"]] = Row(event["trial_id"], Params.of(event["params"]).to_dict())

    def on_start(self, event: StartEvent) -> None:
        """A trial runs."""
        self.rows[event["trial_id"]].status = "running"

    def on_record(self, event: RecordEvent) -> None:
        """A trial has come further."""
        row = self.rows[event["trial_id"]]
        self.epochs_spent += event["epoch"] - (row.epoch or 0)
        row.record, row.seconds = event, event["seconds"]
        if (values := front_values(event, self.objectives)) is not None:
            self.front.add(event, values)

    def on_end(self, event: EndEvent) -> None:
        """A trial ends."""
        row = self.rows[event["trial_id"]]
        row.status, row.error = event["status"], event.get("error")
        self.ended[row.status] += 1
        if row.status == "stopped":
            self.epochs_saved += row.params["finetune_epochs"] - (row.epoch or 0)
        if row.status != "failed":
            self._took.append(row.seconds)


class View:
    """Follows events; draws to ``stream`` (standard error: data goes to standard output)."""

    def __init__(self, progress: Progress, stream: TextIO | None = None) -> None:
        self.progress = progress
        self.console = Console(file=stream or sys.stderr, highlight=False, soft_wrap=True)
        self.live: Live | None = None
        self._drawn = 0.0
        self._is_open = False
        self._dense: float | None = None  # its accuracy, as long as all trials agree

    def take(self, event: Event) -> None:
        """Follow an event; while it is shown, log what a person waits for."""
        self.progress.apply(event)
        self._compare(event)
        if not self._is_open:
            return
        if event["event"] == END:
            shown = {"terminal": self.live is None}
            logger.info("%s", self._line(self.progress.rows[event["trial_id"]]), extra=shown)
        elif event["event"] == LOST:
            who = event["trial_id"], event["attempt"]
            reason = event["reason"]
            logger.warning("%s: attempt %d lost its worker (%s)", *who, reason, extra=FILE_ONLY)

    def _compare(self, event: Event) -> None:
        """Log once that a trial started from another dense model than the sweep did."""
        if event["event"] == BASELINE:
            self._dense = event.get("accuracy")
        elif event["event"] == RECORD and self._dense is not None:
            found = event.get("baseline_accuracy", self._dense)
            if found != self._dense:
                logger.warning(OTHER, event["trial_id"], found, self._dense)
                self._dense = None

    def refresh(self) -> None:
        """Redraw, at most twice a second."""
        if self.live is not None and time.monotonic() - self._drawn > REDRAW_SECONDS:
            self._drawn = time.monotonic()
            self.live.update(self._picture(), refresh=True)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """For the time of the block what is followed is logged, and drawn on a terminal."""
        self._is_open = True
        live = Live(console=self.console, auto_refresh=False, transient=True)
        try:
            with live if self.console.is_terminal else nullcontext() as self.live:
                yield
        finally:
            self._is_open, self.live = False, None

    def _line(self, row: Row) -> str:
        progress = self.progress
        head = f"{progress.ended.total()}/{progress.planned} {row.trial_id} {row.status:9}"
        if row.record is None:
            return f"{head} {_params(row)}: {row.error}"
        figures = f"accuracy {row.record['accuracy']:.4f} sparsity {row.record['sparsity']:.3f}"
        tail = f" ({row.error})" if row.error else ""
        return f"{head} {figures} epoch {row.epoch} {_params(row)} {row.seconds:.0f} s{tail}"

    def _picture(self) -> Group:
        return Group(Text(self._summary()), self._running(), self._front())

    def _summary(self) -> str:
        progress = self.progress
        counts = ", ".join(f"{progress.ended[s]} {s}" for s in ("completed", "stopped", "failed"))
        left = progress.seconds_left()
        eta = f"; {_span(left[0])} to {_span(left[1])} left" if left else ""
        return (
            f"{progress.ended.total()}/{progress.planned} trials ({counts}); "
            f"epochs {progress.epochs_spent} spent, {progress.epochs_saved} saved{eta}"
        )

    def _running(self) -> Table:
        rows = []
        running = (row for row in self.progress.rows.values() if row.status == "running")
        for row in islice(running, ROWS):
            accuracy = "" if row.record is None else f"{row.record['accuracy']:.4f}"
            epoch = "" if row.epoch is None else f"{row.epoch}/{row.params['finetune_epochs']}"
            rows.append((row.trial_id, _params(row), epoch, accuracy, f"{row.seconds:.0f}"))
        return _table("running", ("trial", "params", "epoch", "accuracy", "seconds"), rows)

    def _front(self) -> Table:
        front = sorted(self.progress.front.items, key=lambda e: float(e["sparsity"]))
        step = max(1, -(-len(front) // ROWS))
        title = f"front so far: {len(front)} points" + (f", every {step}th" if step > 1 else "")
        rows = [
            (f"{e['sparsity']:.3f}", f"{e['accuracy']:.4f}", str(e["epoch"]), e["trial_id"])
            for e in front[::step]
        ]
        return _table(title, ("sparsity", "accuracy", "epoch", "trial"), rows)


def _table(title: str, names: Iterable[str], rows: Iterable[Iterable[str]]) -> Table:
    table = Table(*names, title=title, title_justify="left", box=None, padding=(0, 2))
    for row in rows:
        table.add_row(*row)
    return table


def _params(row: Row) -> str:
    """The params that say most, short."""
    params = row.params
    text = f"{params['method']} {chosen_by(params)} {params['sparsity']:.3f}"
    return f"{text} lr {params['learning_rate']:.1e} epochs {params['finetune_epochs']}"


def _span(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes}:{rest:02d} min"
