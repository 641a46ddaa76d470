"""What a person sees while a sweep runs: a live table on a terminal, else a line a trial."""

from __future__ import annotations

import sys
import time
from itertools import islice
from types import TracebackType
from typing import TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sweep.cluster.progress import Progress, Row
from sweep.ledger.file import Event
from sweep.space.params import chosen_by

REDRAW_SECONDS = 0.5

OTHER = (
    "warning: to the worker of {trial_id} the dense model has accuracy {found:.4f}, and {told:.4f} "
    "when the sweep began: it was made again, has changed, or is on other hardware; trials before "
    "and after may not compare"
)

ROWS = 12  # of the front and of running trials: what fits a small terminal


class View:
    """Follows events; draws to ``stream`` (standard error: data goes to standard output)."""

    def __init__(self, progress: Progress, stream: TextIO | None = None) -> None:
        self.progress = progress
        self.console = Console(file=stream or sys.stderr, highlight=False, soft_wrap=True)
        self.live: Live | None = None
        self._drawn = 0.0
        self._is_open = False
        self._dense: float | None = None  # its accuracy, as long as all trials agree

    def say(self, line: str) -> None:
        """A line of its own."""
        self.console.print(line, markup=False)

    def take(self, event: Event) -> None:
        """Follow an event; in the block, and without a terminal, print the trials that end."""
        self.progress.take(event)
        self._compare(event)
        if event["event"] == "end" and self._is_open and self.live is None:
            self.say(self._line(self.progress.rows[event["trial_id"]]))

    def _compare(self, event: Event) -> None:
        """Say once that a trial started from another dense model than the sweep did."""
        if event["event"] == "baseline":
            self._dense = event.get("accuracy")
        elif event["event"] == "record" and self._dense is not None:
            found = event.get("baseline_accuracy", self._dense)
            if found != self._dense:
                self.say(OTHER.format(trial_id=event["trial_id"], told=self._dense, found=found))
                self._dense = None

    def refresh(self) -> None:
        """Redraw, at most twice a second."""
        if self.live is not None and time.monotonic() - self._drawn > REDRAW_SECONDS:
            self._drawn = time.monotonic()
            self.live.update(self._picture(), refresh=True)

    def __enter__(self) -> View:
        self._is_open = True
        if self.console.is_terminal:
            self.live = Live(console=self.console, auto_refresh=False, transient=True)
            self.live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_open = False
        if self.live is not None:
            self.live.__exit__(kind, error, trace)
            self.live = None

    def _line(self, row: Row) -> str:
        progress = self.progress
        head = f"{progress.done}/{progress.planned} {row.trial_id} {row.status:9}"
        if row.record is None:
            return f"{head} {_params(row)}: {row.error}"
        figures = f"accuracy {row.record['accuracy']:.4f} sparsity {row.record['sparsity']:.3f}"
        tail = f" ({row.error})" if row.error else ""
        return f"{head} {figures} epoch {row.epoch} {_params(row)} {row.seconds:.0f} s{tail}"

    def _picture(self) -> Group:
        return Group(Text(self._summary()), self._running(), self._front())

    def _summary(self) -> str:
        progress = self.progress
        counts = ", ".join(f"{progress.count(s)} {s}" for s in ("completed", "stopped", "failed"))
        left = progress.seconds_left()
        eta = f"; {_span(left[0])} to {_span(left[1])} left" if left else ""
        return (
            f"{progress.done}/{progress.planned} trials ({counts}); epochs {progress.epochs_spent} "
            f"spent, {progress.epochs_saved} saved{eta}"
        )

    def _running(self) -> Table:
        table = Table(title="running", title_justify="left", box=None, padding=(0, 2))
        for name in ("trial", "params", "epoch", "accuracy", "seconds"):
            table.add_column(name)
        for row in islice(self.progress.running.values(), ROWS):
            accuracy = "" if row.record is None else f"{row.record['accuracy']:.4f}"
            epoch = "" if row.epoch is None else f"{row.epoch}/{row.params['finetune_epochs']}"
            table.add_row(row.trial_id, _params(row), epoch, accuracy, f"{row.seconds:.0f}")
        return table

    def _front(self) -> Table:
        front = sorted(self.progress.front, key=lambda e: float(e["sparsity"]))
        step = max(1, -(-len(front) // ROWS))
        title = f"front so far: {len(front)} points" + (f", every {step}th" if step > 1 else "")
        table = Table(title=title, title_justify="left", box=None, padding=(0, 2))
        for name in ("sparsity", "accuracy", "epoch", "trial"):
            table.add_column(name)
        for event in front[::step]:
            table.add_row(
                f"{event['sparsity']:.3f}",
                f"{event['accuracy']:.4f}",
                str(event["epoch"]),
                event["trial_id"],
            )
        return table


def _params(row: Row) -> str:
    """The params that say most, short."""
    params = row.params
    text = f"{params['method']} {chosen_by(params)} {params['sparsity']:.3f}"
    return f"{text} lr {params['learning_rate']:.1e} epochs {params['finetune_epochs']}"


def _span(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes}:{rest:02d} min"
