"""`sweep` in a process that registers two listeners: one writes down what it is told, one fails."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from sweep.cli.main import main
from sweep.cluster.listeners import Listener
from sweep.ledger.events import Event
from sweep.registry import LISTENERS


class Scribe(Listener):
    """Appends a line of JSON for each call to a file."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    def begin(self, events: Iterable[Event]) -> None:
        self.write("begin", list(events))

    def on_event(self, event: Event) -> None:
        self.write("on_event", event)

    def close(self) -> None:
        self.write("close", None)

    def write(self, call: str, given: object) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps([call, given]) + "\n")


class Faulty(Listener):
    """Fails at every call, and ruins its events first."""

    def on_event(self, event: Event) -> None:
        event.clear()
        raise ValueError("the tracker is down")


LISTENERS.register("scribe", Scribe)
LISTENERS.register("faulty", Faulty)

if __name__ == "__main__":
    main()
