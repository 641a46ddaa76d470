"""A listener cannot harm the driver, another listener, or the events."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sweep import registry
from sweep.cluster.listeners import Listener, fan_out
from sweep.cluster.listeners.fan_out import FanOut, made_of
from sweep.cluster.listeners.terminal import TerminalView
from sweep.errors import StorageError, UsageError
from sweep.ledger.events import Event
from sweep.registry import LISTENERS
from tests.analysis.ledgers import small_sweep

EVENTS: list[Any] = small_sweep().events
WAIT = 60.0
"""Seconds after which a test gives up; none takes that long where the code is right."""


class Diary(Listener):
    """Remembers each call."""

    def __init__(self, name: str = "diary") -> None:
        self.name = name
        self.held: list[Event] = []
        self.heard: list[Event] = []
        self.calls: list[str] = []

    def begin(self, events: Iterable[Event]) -> None:
        self.held = list(events)
        self.calls.append("begin")

    def on_event(self, event: Event) -> None:
        self.heard.append(event)
        self.calls.append("event")

    def close(self) -> None:
        self.calls.append("close")


def follow(*listeners: Listener, old: int = 3) -> None:
    """A session of a driver: the first events are old, the others are new."""
    with FanOut(listeners) as told:
        told.begin(EVENTS[:old])
        for event in EVENTS[old:]:
            told.tell(event)


@pytest.mark.parametrize("old", [0, 3, len(EVENTS)])
def test_a_listener_gets_each_old_and_each_new_event_once(old: int) -> None:
    diary = Diary()
    follow(diary, old=old)
    assert (diary.held, diary.heard) == (EVENTS[:old], EVENTS[old:])
    assert diary.calls == ["begin", *["event"] * (len(EVENTS) - old), "close"]


class Faulty(Diary):
    """Raises an exception in every method."""

    def begin(self, events: Iterable[Event]) -> None:
        raise ZeroDivisionError("at the beginning")

    def on_event(self, event: Event) -> None:
        super().on_event(event)
        raise KeyError("no such run") if len(self.heard) % 2 else SystemExit(3)

    def close(self) -> None:
        super().close()
        raise OSError("cannot upload")


def test_a_failure_is_logged_once_per_kind_and_the_listener_continues(
    caplog: pytest.LogCaptureFixture,
) -> None:
    faulty, diary = Faulty(), Diary()
    follow(faulty, diary)
    assert faulty.heard == diary.heard == EVENTS[3:]
    shown = [r.getMessage() for r in caplog.records if getattr(r, "terminal", True)]
    said = [line.split("; it goes on")[0] for line in shown]
    assert said == [
        "warning: the listener Faulty failed in begin: ZeroDivisionError: at the beginning",
        "warning: the listener Faulty failed in on_event: KeyError: 'no such run'",
        "warning: the listener Faulty failed in on_event: SystemExit: 3",
        "warning: the listener Faulty failed in close: OSError: cannot upload",
    ]
    hidden = [r.getMessage() for r in caplog.records if not getattr(r, "terminal", True)]
    assert len(hidden) == 4 and all("Traceback" in text for text in hidden)


class Stuck(Diary):
    """Blocks in its first event until the gate opens."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.closed = threading.Event(), threading.Event()

    def on_event(self, event: Event) -> None:
        assert self.gate.wait(WAIT)
        super().on_event(event)

    def close(self) -> None:
        self.closed.set()


class Slow(Stuck):
    """Has a name of its own in messages."""


def test_the_driver_and_other_listeners_do_not_wait_for_a_slow_one(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stuck, diary = Slow(), Stuck()
    diary.gate.set()
    threads = FanOut([stuck, diary])
    with threads as told:
        told.begin([])
        for event in EVENTS:
            told.tell(event)  # returns, though nobody takes it
        told.tell(EVENTS[-1])
        monkeypatch.setattr(fan_out, "DRAIN_SECONDS", 0.0)
        threads._threads[1].queue.put(None)
        assert diary.closed.wait(WAIT)
    assert diary.heard == [*EVENTS, EVENTS[-1]] and stuck.heard == []
    count = len(EVENTS) + 1
    [line] = [text for text in caplog.messages if "the listener Slow " in text]
    assert line.endswith(f"did not finish within 0 s: it has not seen {count} of {count} events")
    stuck.gate.set()  # what it had not seen it still gets, as long as the process lives
    assert stuck.closed.wait(WAIT)
    assert stuck.heard == diary.heard


class Vandal(Diary):
    """Empties its events, and the lists and dicts in them."""

    def begin(self, events: Iterable[Event]) -> None:
        for event in events:
            self._spoil(event)

    def on_event(self, event: Event) -> None:
        self._spoil(event)

    def _spoil(self, event: Any) -> None:
        for value in event.values():
            if isinstance(value, dict | list):
                value.clear()
        event.clear()


def test_a_listener_may_change_its_events() -> None:
    before = small_sweep().events
    diary = Diary()
    follow(Vandal(), diary, Vandal())
    assert [*diary.held, *diary.heard] == EVENTS == before


class Ticking(Diary):
    """Remembers ticks too."""

    def __init__(self) -> None:
        super().__init__()
        self.ticked = threading.Event()

    def tick(self) -> None:
        self.calls.append("tick")
        self.ticked.set()


def test_a_listener_ticks_while_nothing_comes_and_between_events(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fan_out, "TICK_SECONDS", 0.0)
    ticking = Ticking()
    with FanOut([ticking]) as told:
        told.begin([])
        assert ticking.ticked.wait(WAIT)
        for event in EVENTS:
            told.tell(event)
    assert ticking.calls[0] == "begin" and ticking.calls[-1] == "close"
    events = [i for i, call in enumerate(ticking.calls) if call == "event"]
    assert all(ticking.calls[i - 1] == "tick" for i in events), "one that is busy is due as well"


def test_a_session_that_ends_before_it_begins_calls_no_listener() -> None:
    diary = Diary()
    with pytest.raises(UsageError), FanOut([diary]):
        raise UsageError("no such folder")
    assert diary.calls == []


# which listeners a run has


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A listener "diary" of this process."""
    monkeypatch.setattr(LISTENERS, "_things", {})
    LISTENERS.register("diary", Diary)
    return


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package with the listener "lines"."""
    about = tmp_path / "outside-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: outside\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[prunesweep.listeners]\nlines = outside:Lines\n")
    (tmp_path / "outside.py").write_text(OUTSIDE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(LISTENERS, "_things", {})
    registry._points.cache_clear()
    yield
    registry._points.cache_clear()
    sys.modules.pop("outside", None)


OUTSIDE = '''
"""One line of csv for each record."""

import csv

from sweep.cluster.listeners import Listener


class Lines(Listener):
    """Appends a line for each record to a csv file."""

    def __init__(self, path):
        self.file = open(path, "a", newline="")
        self.rows = csv.writer(self.file)

    def on_event(self, event):
        if event["event"] == "record":
            self.rows.writerow([event["trial_id"], event["epoch"], event["accuracy"]])

    def close(self):
        self.file.close()
'''


@pytest.mark.usefixtures("registered")
def test_a_listener_of_this_process_is_made_with_its_options() -> None:
    [diary] = made_of({"diary": {"name": "mine"}})
    assert isinstance(diary, Diary) and diary.name == "mine"


@pytest.mark.usefixtures("installed")
def test_a_listener_of_another_package_follows_a_sweep(tmp_path: Path) -> None:
    path = tmp_path / "records.csv"
    assert "lines" in LISTENERS and LISTENERS.origin("lines") == "outside"
    [lines] = made_of({"lines": {"path": str(path)}})
    follow(lines, old=1)
    records = [event for event in EVENTS if event["event"] == "record"]
    expected = [f"{e['trial_id']},{e['epoch']},{e['accuracy']}" for e in records]
    assert path.read_text().splitlines() == expected


@pytest.mark.usefixtures("registered")
def test_the_config_names_listeners_in_their_order() -> None:
    made = made_of({"terminal": {}, "diary": {}})
    assert [type(listener) for listener in made] == [TerminalView, Diary]


class Full(Listener):
    def __init__(self) -> None:
        raise StorageError("the disk is full")


@pytest.mark.parametrize(
    ("thing", "options", "error", "words"),
    [
        (Diary, {"colour": "red"}, UsageError, ["listeners.odd", "colour", "red"]),
        (lambda **_: 1 / 0, {}, UsageError, ["listeners.odd", "division by zero"]),
        (dict, {}, UsageError, ["dict", "Listener"]),
        (Full, {}, StorageError, ["the disk is full"]),
    ],
)
def test_a_listener_that_cannot_be_made_is_refused_in_one_sentence(
    thing: Any,
    options: dict[str, Any],
    error: type[Exception],
    words: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(LISTENERS, "_things", {"odd": thing})
    with pytest.raises(error) as refused:
        FanOut(made_of({"odd": options}))
    assert all(word in str(refused.value) for word in words)
    assert len(str(refused.value).splitlines()) == 1


def test_an_unknown_name_and_an_object_of_another_class_are_refused() -> None:
    with pytest.raises(UsageError, match=r"unknown listener 'nobody'; allowed: terminal"):
        made_of({"nobody": {}})
    with pytest.raises(UsageError, match=r"list is no subclass of .*Listener"):
        FanOut([[]])  # type: ignore[list-item]


# what every listener can do


@pytest.mark.parametrize("name", list(LISTENERS))
@pytest.mark.parametrize("old", [0, 4, len(EVENTS)])
def test_every_listener_follows_a_sweep(
    name: str, old: int, caplog: pytest.LogCaptureFixture
) -> None:
    """With a tick before each event, and an event of an unknown kind."""
    with caplog.at_level(logging.WARNING):
        [listener] = made_of({name: {}})
        listener.begin(iter(EVENTS[:old]))
        for event in [*EVENTS[old:], {"event": "of the future"}]:
            listener.tick()
            listener.on_event(event)
        listener.tick()
        listener.close()
    assert caplog.messages == []
