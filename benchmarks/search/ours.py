"""Our own method: the real ``Search``, event by event, in memory."""

from __future__ import annotations

from benchmarks.search.clock import Record
from benchmarks.search.world import Params
from sweep.config import SweepConfig
from sweep.ledger.events import Event
from sweep.search.replay import Search


class Ours:
    """Calls ``Search`` in the same order as the conductor."""

    def __init__(self, config: SweepConfig, trials: int) -> None:
        self._search = Search(config)
        self._search.extend(trials)

    def ask(self, number: int) -> Params | None:
        """Return the search's proposal, and start it at once."""
        event = self._search.propose()
        if event is None:
            return None
        self._apply(event, {"event": "start", "trial_id": _id(number), "attempt": 1, "epoch": None})
        return dict(event["params"])

    def report(self, number: int, record: Record) -> bool:
        """Judge a record, then apply its event."""
        event = {"event": "record", "trial_id": _id(number), "attempt": 1, **record}
        self._apply(event, self._search.judge(event))
        return self._search.trials[_id(number)].is_stopped

    def end(self, number: int) -> None:
        """Apply the search's end event of the trial."""
        self._apply(self._search.job(_id(number)).due_end())

    def _apply(self, *events: Event | None) -> None:
        for event in events:
            if event is not None:
                self._search.apply(event)


def _id(number: int) -> str:
    return f"t{number:05d}"
