"""Events: a fold gets those that it knows, and a driver forgets what only readers want."""

from __future__ import annotations

from sweep.ledger.events import Event, Fold, RecordEvent
from sweep.ledger.record import drop_details


class Epochs(Fold):
    def __init__(self) -> None:
        self.seen: list[int] = []

    def on_record(self, event: RecordEvent) -> None:
        self.seen.append(event["epoch"])


class Longest(Epochs):
    def on_end(self, event: Event) -> None:
        self.seen = [max(self.seen)]


def test_a_fold_gets_the_kinds_that_it_has_a_method_for() -> None:
    events = [{"event": "record", "epoch": epoch} for epoch in (1, 2, 3)]
    events[2:2] = [{"event": "end"}, {"event": "from the future"}]
    short, long = Epochs(), Longest()
    for event in events:
        short.apply(event)
        long.apply(event)
    assert short.seen == [1, 2, 3]
    assert long.seen == [2, 3]


def test_details_are_for_readers() -> None:
    event = {"event": "record", "epoch": 1, "correct_bits": "q", "zeros_per_weight": [1]}
    drop_details(event)
    assert event == {"event": "record", "epoch": 1}
