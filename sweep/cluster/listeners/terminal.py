"""The view of a running sweep: a live table on a terminal, otherwise a log line per trial."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from itertools import islice
from typing import TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sweep.cluster.listeners.listener import Listener
from sweep.cluster.listeners.progress import Progress, Row
from sweep.cluster.log import FILE_ONLY
from sweep.ledger.events import BASELINE, END, LOST, RECORD, WORKERS, Event, RecordEvent
from sweep.ledger.record import figure
from sweep.space.params import chosen_by

logger = logging.getLogger(__name__)

ROWS = 12
"""The most rows of the front, and of running trials, so that both fit a small terminal."""

OTHER = (
    "warning: on the worker of %s the dense model has %s %.4f, but it had %.4f when the sweep "
    "began. It was made again, was changed, or runs on other hardware. Trials before and after may "
    "not be comparable"
)


class TerminalView(Listener):
    """Logs the end of each trial, and draws a live table while trials run.

    The table is drawn only where ``stream`` is a terminal. The default is standard error, because
    data goes to standard output.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self.progress = Progress()
        self.console = Console(file=stream or sys.stderr, highlight=False, soft_wrap=True)
        self.live: Live | None = None
        self._dense: float | None = None  # the primary metric, until a trial has another

    def begin(self, events: Iterable[Event]) -> None:
        """Count the events of earlier sessions without logging them."""
        for event in events:
            self._follow(event)

    def on_event(self, event: Event) -> None:
        """Count an event. Log the end of a trial and a lost worker."""
        self._follow(event)
        if event["event"] == WORKERS:
            self._open()
        elif event["event"] == END:
            shown = {"terminal": self.live is None}
            logger.info("%s", self._line(self.progress.rows[event["trial_id"]]), extra=shown)
        elif event["event"] == LOST:
            who = event["trial_id"], event["attempt"]
            reason = event["reason"]
            logger.warning("%s: attempt %d lost its worker (%s)", *who, reason, extra=FILE_ONLY)

    def tick(self) -> None:
        """Redraw the table."""
        if self.live is not None:
            self.live.update(self._picture(), refresh=True)

    def close(self) -> None:
        """Remove the table."""
        if self.live is not None:
            self.live.stop()
            self.live = None

    def _open(self) -> None:
        if self.live is None and self.console.is_terminal:
            self.live = Live(console=self.console, auto_refresh=False, transient=True)
            self.live.start()

    def _follow(self, event: Event) -> None:
        """Count an event. Log once that a trial has another dense model than the sweep."""
        self.progress.apply(event)
        metric = self.progress.metric
        if event["event"] == BASELINE:
            self._dense = figure(event, metric.name)
        elif event["event"] == RECORD and self._dense is not None:
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

    def _value(self, record: RecordEvent | None) -> str:
        """The primary metric of a record; nothing where it is missing."""
        value = None if record is None else figure(record, self.progress.metric.name)
        return "" if value is None else f"{value:.4f}"

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
        table.add_row(*row)
    return table


def _params(row: Row) -> str:
    """The most important params, in short."""
    params = row.params
    text = f"{params['method']} {chosen_by(params)} {params['sparsity']:.3f}"
    return f"{text} lr {params['learning_rate']:.1e} epochs {params['finetune_epochs']}"


def _span(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes}:{rest:02d} min"
