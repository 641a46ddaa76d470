"""Events: a fold gets those that it knows, and what is written keeps the order of its keys."""

from __future__ import annotations

import json

from sweep.ledger.events import Event, Fold, RecordEvent, is_of_confirm
from sweep.ledger.record import (
    confirm_end_event,
    confirm_record_event,
    drop_details,
    end_event,
    record_event,
)


class Epochs(Fold):
    def __init__(self) -> None:
        self.seen: list[int] = []

    def on_record(self, event: RecordEvent) -> None:
        self.seen.append(event["epoch"])


class Longest(Epochs):
    def on_end(self, event: Event) -> None:
        self.seen = [max(self.seen)]


def test_a_fold_gets_the_kinds_that_it_has_a_method_for() -> None:
    events = [record_event("t0", 1, {"epoch": epoch}, None) for epoch in (1, 2)]
    more = [{"event": "end"}, {"event": "from the future"}, {"event": "record", "epoch": 3}]
    short, long = Epochs(), Longest()
    for event in [*events, *more]:
        short.apply(event)
        long.apply(event)
    assert short.seen == [1, 2, 3]
    assert long.seen == [2, 3]


def test_the_keys_of_events_are_in_the_order_of_the_ledgers_lines() -> None:
    events = [
        record_event("t0", 1, {"stage": "pruned"}, "host:1"),
        confirm_record_event("t0", 7, 1, {"stage": "pruned"}, "host:1"),
        end_event("t0", "failed", "x"),
        confirm_end_event("t0", 7, "completed"),
    ]
    assert [json.dumps(event, separators=(",", ":")) for event in events] == [
        '{"event":"record","trial_id":"t0","attempt":1,"stage":"pruned","worker":"host:1"}',
        '{"event":"confirm_record","trial_id":"t0","seed":7,"attempt":1,"worker":"host:1",'
        '"split":"test","stage":"pruned"}',
        '{"event":"end","trial_id":"t0","status":"failed","error":"x"}',
        '{"event":"confirm_end","trial_id":"t0","seed":7,"status":"completed","error":null}',
    ]
    assert [is_of_confirm(event) for event in events] == [False, True, False, True]


def test_details_are_for_readers() -> None:
    event = record_event("t0", 1, {"epoch": 1, "correct_bits": "q", "zeros_per_weight": [1]}, None)
    drop_details(event)
    assert event == {"event": "record", "trial_id": "t0", "attempt": 1, "epoch": 1, "worker": None}
