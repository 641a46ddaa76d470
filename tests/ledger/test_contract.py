"""The contract of a ledger with its driver, in a folder and in an object store."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

import analysis
from sweep.errors import StorageError, SweepError, UsageError
from sweep.ledger.events import Event
from sweep.ledger.folder import SweepFolder
from sweep.ledger.journal import Journal
from sweep.ledger.lines import VERSION
from sweep.ledger.read import read_events

FIRST: Event = {
    "event": "sweep",
    "version": VERSION,
    "name": "größer",
    "config": {},
    "versions": {},
    "directions": {},
    "reference_point": {},
}


@pytest.fixture(
    params=["tmp_path", "memory_sweep", pytest.param("s3_sweep", marks=pytest.mark.slow)]
)
def folder(request: pytest.FixtureRequest) -> SweepFolder:
    return SweepFolder(request.getfixturevalue(request.param))


def written(folder: SweepFolder, count: int = 3) -> list[Event]:
    with folder.open(create=True) as ledger:
        return ledger.append(FIRST, *({"event": "workers", "count": i} for i in range(count)))


def test_readers_and_the_next_writer_see_appended_events(folder: SweepFolder) -> None:
    events = written(folder)
    assert read_events(folder.ledger) == events
    with folder.open(create=False) as ledger:
        assert ledger.events == events
        more = ledger.append({"event": "finish", "reason": None})
        assert {event["time"] for event in events} == {events[0]["time"]}
        assert more[0]["time"] >= events[0]["time"]
        ledger.sync()
        assert ledger.is_synced and read_events(folder.ledger) == events + more
    results = analysis.load(str(folder.path))
    assert results.events == events + more
    assert results.state == "finished"


def test_a_sweep_exists_once_it_has_an_event(folder: SweepFolder) -> None:
    assert not folder.holds_sweep
    with folder.open(create=True) as ledger:
        assert not folder.holds_sweep
        ledger.append(FIRST)
        ledger.sync()
        assert folder.holds_sweep
    assert folder.saved_config() == {}


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), object()])
def test_an_event_that_is_not_strict_json_writes_nothing(folder: SweepFolder, bad: object) -> None:
    with folder.open(create=True) as ledger:
        ledger.append(FIRST)
        with pytest.raises(SweepError, match="note"):
            ledger.append({"event": "workers", "count": 1}, {"event": "note", "loss": bad})
        ledger.append({"event": "finish", "reason": None})
    assert [event["event"] for event in read_events(folder.ledger)] == ["sweep", "finish"]


def test_time_never_decreases_even_across_a_restart(
    folder: SweepFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([100.0, 50.0, 200.5, 7.0])
    clock = SimpleNamespace(time=lambda: next(times))
    monkeypatch.setattr("sweep.ledger.journal.time", clock)
    for count in (3, 1):
        with folder.open(create=count == 3) as ledger:
            for number in range(count):
                ledger.append(FIRST if count + number == 3 else {"event": "workers", "count": 1})
    assert [event["time"] for event in read_events(folder.ledger)] == [100.0, 100.0, 200.5, 200.5]


def test_a_place_without_events_is_not_a_sweep(folder: SweepFolder) -> None:
    looks = (lambda: read_events(folder.ledger), lambda: folder.open(create=False))
    for look in (*looks, folder.saved_config):
        with pytest.raises(UsageError, match="is not a sweep"):
            look()
    assert folder.path.children() == [], "a check leaves no files"


def test_a_sweep_cannot_begin_twice(folder: SweepFolder) -> None:
    written(folder)
    with pytest.raises(UsageError, match="already has a sweep"):
        folder.open(create=True)
    folder.open(create=False).close()  # the failed open has released the ledger


def test_a_newer_version_raises_an_error(folder: SweepFolder) -> None:
    with folder.open(create=True) as ledger:
        ledger.append(FIRST | {"version": VERSION + 8})
    for look in (lambda: read_events(folder.ledger), lambda: folder.open(create=False)):
        with pytest.raises(StorageError, match=f"version {VERSION + 8}.*version {VERSION}"):
            look()


def test_the_same_process_cannot_open_a_ledger_twice(folder: SweepFolder) -> None:
    written(folder)
    first = folder.open(create=False)
    for _ in range(2):
        with pytest.raises(UsageError, match=f"in use by this same process .*{os.getpid()}"):
            folder.open(create=False)
        read_events(folder.ledger)  # closing another handle of the file must not release the lock
    first.close()
    first.close()
    with pytest.raises(SweepError, match="closed"):
        first.append({"event": "finish", "reason": None})
    folder.open(create=False).close()


def test_discarding_an_empty_ledger_leaves_no_files(folder: SweepFolder) -> None:
    ledger: Journal = folder.open(create=True)
    ledger.close()
    ledger.discard()
    assert folder.path.children() == []
