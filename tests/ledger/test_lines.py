"""Every line of a ledger is checked: its types, and that it can follow the lines before it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.errors import StorageError
from sweep.ledger.events import KINDS
from sweep.ledger.lines import parse
from sweep.search.jobs import retraining_name
from tests.analysis.ledgers import LedgerBuilder

Events = list[dict[str, Any]]


def whole() -> Events:
    """A ledger with an event of each kind."""
    ledger = LedgerBuilder()
    seen = {"params": {"sparsity": 0.5}, "metrics": {"accuracy": 0.9}}
    used = {"used": 1, "skipped": {}, "differs": [], "observations": [seen]}
    ledger.add("warm", source="other", name="other", **used)
    ledger.baseline().add("workers", count=2)
    ledger.trial("t00000").record("t00000", 0, 700, 0.5).decision("t00000", 0, "continue")
    ledger.add("lost", trial_id="t00000", attempt=1, reason="killed", preempted=False)
    ledger.add("start", trial_id="t00000", attempt=2, epoch=0)
    ledger.record("t00000", 1, 710, 0.5, attempt=2).end("t00000")
    ledger.add("interrupt", signal="SIGTERM").add("resume", trials=1).add("finish")
    ledger.confirm_round({("t00000", 1): {7: 690, 8: 680}})
    lost = {"trial_id": "t00000", "attempt": 1, "seed": 7, "reason": "killed"}
    at = next(i for i, event in enumerate(ledger.events) if event["event"] == "confirm_record")
    ledger.events.insert(at, {**ledger.events[at - 1], **lost, "event": "confirm_lost"})
    return ledger.events


def read(events: Events) -> Events:
    text = "".join(json.dumps(event) + "\n" for event in events)
    return [dict(event) for event in parse(text.encode(), "LEDGER").events]


def refusal(events: Events) -> str:
    with pytest.raises(StorageError) as raised:
        read(events)
    assert str(raised.value).isprintable()
    return str(raised.value)


def place(events: Events, kind: str) -> int:
    return next(i for i, event in enumerate(events) if event["event"] == kind)


def test_a_ledger_with_every_kind_is_read_unchanged() -> None:
    events = whole()
    assert {event["event"] for event in events} == KINDS
    assert read([*events, {"event": "from the future", "trial_id": 5}])[:-1] == events


@pytest.mark.parametrize("kind", sorted(KINDS - {"sweep"}))
def test_a_key_of_another_type_is_damage_on_its_line(kind: str) -> None:
    """Of each key of each kind, except free texts and the state of samplers."""
    events = whole()
    at = place(events, kind)
    for key, value in events[at].items():
        if key == "event":
            continue
        wrong: Any = [value] if not isinstance(value, list) else {"a": value}
        told = refusal([*events[:at], {**events[at], key: wrong}, *events[at + 1 :]])
        assert f"line {at + 1} of {len(events)}: {key}" in told
        assert f"of the `{kind}` event: " in told


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        *(("record", "accuracy", value) for value in ("0.9", None, 10**400)),
        *(("record", "epoch", value) for value in (-1, 1.0, True, "1", 2**63)),
        ("record", "f1", "0.9"),
        *(("end", "time", value) for value in (-1.0, 2**33, 1e300)),
        ("baseline", "accuracy", None),
        ("trial", "params", {"sparsity": [0.5]}),
        ("baseline", "prunable_weights", [["layer.0", "5000"]]),
        ("end", "status", "done"),
        ("confirm", "seeds", [2**32]),
        ("confirm", "points", [{"trial_id": "../x", "epoch": 1, "why": "front"}]),
    ],
)
def test_a_value_that_no_sweep_writes_is_damage(kind: str, key: str, value: object) -> None:
    events = whole()
    at = place(events, kind)
    told = refusal([*events[:at], {**events[at], key: value}, *events[at + 1 :]])
    assert f"line {at + 1} of {len(events)}: {key}" in told


def test_a_missing_key_is_damage() -> None:
    events = whole()
    at = place(events, "sweep")
    del events[at]["config"]
    assert "line 1 of" in refusal(events) and "config of the `sweep` event: field" in refusal(
        events
    )


def doubled(kind: str) -> Callable[[Events], None]:
    return lambda events: events.insert(place(events, kind), events[place(events, kind)])


def without(kind: str) -> Callable[[Events], None]:
    return lambda events: events.pop(place(events, kind))  # type: ignore[return-value]


def late(events: Events) -> None:
    """The end of a trial comes before its last record."""
    at = place(events, "end")
    events[at - 1], events[at] = (
        {**events[at], "time": events[at - 1]["time"]},
        {**events[at - 1], "time": events[at]["time"]},
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without("sweep"), "begins with another event"),
        (doubled("sweep"), "two first events"),
        (doubled("trial"), "a second `trial` event of t00000"),
        (without("trial"), "t00000, which has no `trial` event"),
        (doubled("record"), "whose next epoch is 1"),
        (without("record"), "a decision on epoch 0 of trial t00000 does not follow it"),
        (doubled("decision"), "does not follow it"),
        (doubled("end"), "which has ended (completed)"),
        (late, "`record` of trial t00000, which has ended"),
        (doubled("baseline"), "a second `baseline` event"),
        (doubled("confirm"), "round 0 of the confirmation is not the next one"),
        (without("confirm"), "a retraining, t00000, that does not run"),
        (doubled("confirm_record"), "a second `confirm_record` event"),
        (doubled("confirm_end"), "a retraining, t00000, that does not run"),
        (lambda events: events.reverse(), "begins with another event"),
        (lambda events: events[4].update(time=0), "is before that of the line above"),
        (lambda events: events[4].update(number=3), "trial 3 follows 0 other trials"),
    ],
)
def test_an_event_that_cannot_follow_the_others_is_damage(
    change: Callable[[Events], None], words: str
) -> None:
    events = whole()
    change(events)
    assert words in refusal(events)


PATHS = ["../../x", "/etc", "..", ".", "a/b", "a\\b", ".hidden"]
BAD_NAMES = [*PATHS, "", "t\0", "t\n", "t" * 65, "*", "-r"]
names = st.one_of(
    st.lists(st.sampled_from([*BAD_NAMES, "t00003", "~", " "]), max_size=4).map("".join), st.text()
)


@given(names)
def test_an_accepted_id_names_a_direct_child_of_the_checkpoints_folder(name: str) -> None:
    events = [
        {**event, "trial_id": name} if "trial_id" in event else event for event in whole()[:5]
    ]
    try:
        read(events)
    except StorageError:
        return
    for part in (name, retraining_name(name, 2**32 - 1)):
        assert os.path.normpath(f"/sweep/{part}") == f"/sweep/{part}" and part.isprintable()
        assert part.isascii() and not set(part) & set("/\\:*?[] ") and len(part) < 100


@pytest.mark.parametrize("bad", [*BAD_NAMES, None, 5, True, ["t"], {"t": 1}])
@pytest.mark.parametrize("kind", ["trial", "record", "end", "confirm_end"])
def test_an_id_that_is_not_a_plain_name_is_damage(kind: str, bad: object) -> None:
    events = whole()
    at = place(events, kind)
    told = refusal([*events[:at], {**events[at], "trial_id": bad}])
    assert f"line {at + 1} of {at + 1}: trial_id of the `{kind}` event" in told
