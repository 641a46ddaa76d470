"""The view of a running sweep: a live table on a terminal, otherwise a log line per trial."""

from __future__ import annotations

import logging
import statistics
import sys
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any, TextIO, cast

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sweep.cluster.listeners import Listener
from sweep.cluster.log import FILE_ONLY
from sweep.config import SweepConfig, plan
from sweep.ledger import events
from sweep.ledger.fold import Fold
from sweep.ledger.metric import PrimaryMetric
from sweep.ledger.record import figure, front_values
from sweep.pareto import Front
from sweep.printable import Printable, printable
from sweep.space.params import Params, chosen_by

logger = logging.getLogger(__name__)

ROWS = 12
"""The most rows of the front, and of running trials, so that both fit a small terminal."""

OTHER = (
    "warning: on the worker of %s the dense model has %s %.4f, but it had %.4f when the sweep "
    "began. It was made again, was changed, or runs on other hardware. Trials before and after may "
    "not be comparable"
)


@dataclass
class Row:
    """One trial: its params and its last record."""

    trial_id: str
    params: dict[str, Any]
    status: str = "waiting"
    error: str | None = None
    record: events.RecordEvent | None = None
    seconds: float = 0.0

    @property
    def epoch(self) -> int | None:
        return None if self.record is None else self.record["epoch"]


class Progress(Fold):
    """Counts, rows, the front so far and the time left, as a fold over the events.

    The cost of an event does not grow with the number of events before it.
    """

    def __init__(self) -> None:
        self.metric = PrimaryMetric()
        self.objectives: Mapping[str, str] = {"accuracy": "max", "sparsity": "max"}
        self.planned = 0
        """The number of trials in all."""
        self.workers = 1
        self.rows: dict[str, Row] = {}
        self.ended: Counter[str] = Counter()
        """How many trials have ended, by their status."""
        self.front: Front[events.RecordEvent] = Front(self.objectives.values())
        """The records on the front so far."""
        self.epochs_spent = 0
        """Finetune epochs trained so far."""
        self.epochs_saved = 0
        """Finetune epochs that stopped trials did not have to train."""
        self._took: deque[float] = deque(maxlen=1000)  # seconds of the trials that ended last

    def seconds_left(self) -> tuple[float, float] | None:
        """A range for the time left, from quartiles of what ended trials took; None at first."""
        if len(self._took) < 3:
            return None
        low, _, high = statistics.quantiles(self._took, n=4)
        rounds = (self.planned - self.ended.total()) / max(1, self.workers)
        return low * rounds, high * rounds

    def on_sweep(self, event: events.SweepEvent) -> None:
        self.metric = PrimaryMetric.of(event)
        self.objectives = event["directions"]
        self.front = Front(self.objectives.values())
        self.planned = plan.trials(SweepConfig.model_validate(event["config"]))

    def on_workers(self, event: events.WorkersEvent) -> None:
        self.workers = event["count"]

    def on_resume(self, event: events.ResumeEvent) -> None:
        self.planned = max(self.planned, event.get("trials") or 0)

    def on_trial(self, event: events.TrialEvent) -> None:
        self.rows[event["trial_id"]] = Row(event["trial_id"], Params.of(event["params"]).to_dict())

    def on_start(self, event: events.StartEvent) -> None:
        self.rows[event["trial_id"]].status = "running"

    def on_record(self, event: events.RecordEvent) -> None:
        row = self.rows[event["trial_id"]]
        self.epochs_spent += event["epoch"] - (row.epoch or 0)
        row.record, row.seconds = event, event["seconds"]
        if (values := front_values(event, self.objectives)) is not None:
            self.front.add(event, values)

    def on_end(self, event: events.EndEvent) -> None:
        row = self.rows[event["trial_id"]]
        row.status, row.error = event["status"], event.get("error")
        self.ended[row.status] += 1
        if row.status == "stopped":
            self.epochs_saved += row.params["finetune_epochs"] - (row.epoch or 0)
        if row.status != "failed":
            self._took.append(row.seconds)


class TerminalView(Listener):
    """Logs the end of each trial, and draws a live table while trials run.

    The table is drawn only where ``stream`` is a terminal. The default is standard error, because
    data goes to standard output.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self.progress = Progress()
        own = stream or getattr(sys.stderr, "unescaped", sys.stderr)  # it draws with escapes
        self.console = Console(file=own, highlight=False, soft_wrap=True)
        self.live: Live | None = None
        self._dense: float | None = None  # the primary metric, until a trial has another

    def begin(self, events: Iterable[events.Event]) -> None:
        for event in events:
            self._follow(event)

    def on_event(self, event: events.Event) -> None:
        """Count an event. Log the end of a trial and a lost worker."""
        self._follow(event)
        if event["event"] == events.WORKERS and self.live is None and self.console.is_terminal:
            self.live = Live(console=self.console, auto_refresh=False, transient=True)
            self.live.start()
            sys.stdout, sys.stderr = (  # those of rich, until it stops
                cast(TextIO, Printable(stream, False)) for stream in (sys.stdout, sys.stderr)
            )
        elif event["event"] == events.END:
            shown = {"terminal": self.live is None}
            logger.info("%s", self._line(self.progress.rows[event["trial_id"]]), extra=shown)
        elif event["event"] == events.LOST:
            what = event["trial_id"], event["attempt"], event["reason"]
            logger.warning("%s: attempt %d lost its worker (%s)", *what, extra=FILE_ONLY)

    def tick(self) -> None:
        if self.live is not None:
            picture = Group(Text(printable(self._summary())), self._running(), self._front())
            self.live.update(picture, refresh=True)

    def close(self) -> None:
        if self.live is not None:
            self.live.stop()
            self.live = None

    def _follow(self, event: events.Event) -> None:
        """Count an event. Log once that a trial has another dense model than the sweep."""
        self.progress.apply(event)
        metric = self.progress.metric
        if event["event"] == events.BASELINE:
            self._dense = figure(event, metric.name)
        elif event["event"] == events.RECORD and self._dense is not None:
            found = figure(event, metric.baseline)
            if found is not None and found != self._dense:
                logger.warning(OTHER, event["trial_id"], metric.name, found, self._dense)
                self._dense = None

    def _line(self, row: Row) -> str:
        progress = self.progress
        head = f"{progress.ended.total()}/{progress.planned} {row.trial_id} {row.status:9}"
        if row.record is None:
            return f"{head} {_params(row)}: {row.error}"
        value = f"{progress.metric.name} {self._value(row.record)}"
        tail = f" ({row.error})" if row.error else ""
        return (
            f"{head} {value} sparsity {row.record['sparsity']:.3f} epoch {row.epoch} "
            f"{_params(row)} {row.seconds:.0f} s{tail}"
        )

    def _value(self, record: events.RecordEvent | None) -> str:
        """The primary metric of a record; nothing where it is missing."""
        value = None if record is None else figure(record, self.progress.metric.name)
        return "" if value is None else f"{value:.4f}"

    def _summary(self) -> str:
        progress = self.progress
        counts = ", ".join(f"{progress.ended[s]} {s}" for s in ("completed", "stopped", "failed"))
        left = progress.seconds_left()
        spans = [timedelta(seconds=int(seconds)) for seconds in left or ()]
        eta = f"; {spans[0]} to {spans[1]} left" if spans else ""
        return (
            f"{progress.ended.total()}/{progress.planned} trials ({counts}); "
            f"epochs {progress.epochs_spent} spent, {progress.epochs_saved} saved{eta}"
        )

    def _running(self) -> Table:
        rows = []
        running = (row for row in self.progress.rows.values() if row.status == "running")
        for row in islice(running, ROWS):
            epoch = "" if row.epoch is None else f"{row.epoch}/{row.params['finetune_epochs']}"
            value, seconds = self._value(row.record), f"{row.seconds:.0f}"
            rows.append((row.trial_id, _params(row), epoch, value, seconds))
        name = self.progress.metric.name
        return _table("running", ("trial", "params", "epoch", name, "seconds"), rows)

    def _front(self) -> Table:
        front = sorted(self.progress.front.items, key=lambda e: float(e["sparsity"]))
        step = max(1, -(-len(front) // ROWS))
        title = f"front so far: {len(front)} points" + (f", every {step}th" if step > 1 else "")
        rows = [
            (f"{e['sparsity']:.3f}", self._value(e), str(e["epoch"]), e["trial_id"])
            for e in front[::step]
        ]
        return _table(title, ("sparsity", self.progress.metric.name, "epoch", "trial"), rows)


LISTENERS = {"terminal": TerminalView}
"""The built-in ones by name."""


def _table(title: str, names: Iterable[str], rows: Iterable[Iterable[str]]) -> Table:
    table = Table(*names, title=title, title_justify="left", box=None, padding=(0, 2))
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    return table


def _params(row: Row) -> str:
    """The most important params, in short."""
    params = row.params
    text = f"{params['method']} {chosen_by(params)} {params['sparsity']:.3f}"
    return f"{text} lr {params['learning_rate']:.1e} epochs {params['finetune_epochs']}"
