"""A listener that writes one line for each record into a csv file."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sweep import Listener


class CsvFile(Listener):
    """``listeners: {csv: {path: records.csv}}``. A resumed sweep appends to the same file."""

    COLUMNS = ("time", "trial_id", "epoch", "sparsity", "value")

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self.metric = ""

    def begin(self, events: Iterable[Any]) -> None:
        for event in events:
            self._look_at(event)
        if not self.path.exists():
            self._write(self.COLUMNS)

    def on_event(self, event: Any) -> None:
        self._look_at(event)
        if event["event"] == "record":
            figures = (event[name] for name in ("time", "trial_id", "epoch", "sparsity"))
            self._write([*figures, event[self.metric]])

    def _look_at(self, event: Any) -> None:
        """The first event of a ledger names the primary metric."""
        if event["event"] == "sweep":
            self.metric = event.get("metric", "accuracy")

    def _write(self, row: Iterable[Any]) -> None:
        with self.path.open("a", newline="") as file:
            csv.writer(file).writerow(row)
