"""What a driver relies on, of a ledger in a folder and of one in an object store alike."""

from __future__ import annotations

import os

import pytest

import analysis
from sweep.errors import StorageError, SweepError, UsageError
from sweep.ledger.events import Event
from sweep.ledger.folder import SweepFolder
from sweep.ledger.journal import VERSION, Journal
from sweep.ledger.read import read_events

FIRST: Event = {"event": "sweep", "version": VERSION, "name": "größer", "config": {}}


@pytest.fixture(
    params=["tmp_path", "memory_sweep", pytest.param("s3_sweep", marks=pytest.mark.slow)]
)
def folder(request: pytest.FixtureRequest) -> SweepFolder:
    return SweepFolder(request.getfixturevalue(request.param))


def written(folder: SweepFolder, count: int = 3) -> list[Event]:
    with folder.open(create=True) as ledger:
        return ledger.append(FIRST, *({"event": "start", "attempt": i} for i in range(count)))


def test_what_is_appended_is_read_by_readers_and_by_the_next_writer(folder: SweepFolder) -> None:
    events = written(folder)
    assert read_events(folder.ledger) == events
    with folder.open(create=False) as ledger:
        assert ledger.events == events
        more = ledger.append({"event": "finish"})
        assert {event["time"] for event in events} == {events[0]["time"]}
        assert more[0]["time"] >= events[0]["time"]
        ledger.sync()
        assert ledger.is_synced and read_events(folder.ledger) == events + more
    results = analysis.load(str(folder.path))
    assert results.events == events + more
    assert results.state == "finished"


def test_a_sweep_is_there_once_it_has_an_event(folder: SweepFolder) -> None:
    assert not folder.holds_sweep
    with folder.open(create=True) as ledger:
        assert not folder.holds_sweep
        ledger.append(FIRST)
        ledger.sync()
        assert folder.holds_sweep
    assert folder.saved_config() == {}


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), object()])
def test_an_event_that_is_no_strict_json_writes_nothing(folder: SweepFolder, bad: object) -> None:
    with folder.open(create=True) as ledger:
        ledger.append(FIRST)
        with pytest.raises(SweepError, match="record"):
            ledger.append({"event": "start"}, {"event": "record", "loss": bad})
        ledger.append({"event": "finish"})
    assert [event["event"] for event in read_events(folder.ledger)] == ["sweep", "finish"]


def test_time_never_goes_backwards_not_even_across_a_restart(folder: SweepFolder) -> None:
    clock = iter([100.0, 50.0, 200.5, 7.0])
    for count in (3, 1):
        with folder.open(create=count == 3, clock=lambda: next(clock)) as ledger:
            for _ in range(count):
                ledger.append(FIRST)
    assert [event["time"] for event in read_events(folder.ledger)] == [100.0, 100.0, 200.5, 200.5]


def test_a_place_without_events_is_no_sweep(folder: SweepFolder) -> None:
    looks = (lambda: read_events(folder.ledger), lambda: folder.open(create=False))
    for look in (*looks, folder.saved_config):
        with pytest.raises(UsageError, match="is not a sweep"):
            look()
    assert folder.path.children() == [], "asking leaves nothing behind"


def test_a_sweep_is_not_begun_twice(folder: SweepFolder) -> None:
    written(folder)
    with pytest.raises(UsageError, match="already has a sweep"):
        folder.open(create=True)
    folder.open(create=False).close()  # what was refused has let go


def test_a_newer_version_is_refused(folder: SweepFolder) -> None:
    with folder.open(create=True) as ledger:
        ledger.append(FIRST | {"version": VERSION + 8})
    for look in (lambda: read_events(folder.ledger), lambda: folder.open(create=False)):
        with pytest.raises(StorageError, match=f"version {VERSION + 8}.*version {VERSION}"):
            look()


def test_a_second_opener_in_the_same_process_is_refused(folder: SweepFolder) -> None:
    written(folder)
    first = folder.open(create=False)
    for _ in range(2):
        with pytest.raises(UsageError, match=f"in use by this same process .*{os.getpid()}"):
            folder.open(create=False)
        read_events(folder.ledger)  # closes another handle of a file, which frees no lock
    first.close()
    first.close()
    with pytest.raises(SweepError, match="closed"):
        first.append({"event": "finish"})
    folder.open(create=False).close()


def test_a_ledger_that_was_never_begun_leaves_nothing(folder: SweepFolder) -> None:
    ledger: Journal = folder.open(create=True)
    ledger.close()
    ledger.discard()
    assert folder.path.children() == []
