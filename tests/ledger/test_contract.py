"""What a driver relies on, of a ledger in a folder and of one in an object store alike."""

from __future__ import annotations

from pathlib import Path

import pytest

import analysis
from sweep.errors import StorageError, SweepError, UsageError
from sweep.ledger.address import Address
from sweep.ledger.file import VERSION, Event
from sweep.ledger.folder import SweepFolder
from sweep.ledger.open import Journal, open_ledger, read_events
from sweep.ledger.store import Place

FIRST: Event = {"event": "sweep", "version": VERSION, "name": "größer", "config": {}}


@pytest.fixture(params=["folder", "store"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> SweepFolder:
    kind = {"folder": lambda: tmp_path, "store": lambda: request.getfixturevalue("sweep")}
    place: Place = kind[request.param]()
    return SweepFolder(place)


def written(folder: SweepFolder, count: int = 3) -> list[Event]:
    with open_ledger(folder.ledger, create=True) as ledger:
        return ledger.append(FIRST, *({"event": "start", "attempt": i} for i in range(count)))


def test_what_is_appended_is_read_by_readers_and_by_the_next_writer(folder: SweepFolder) -> None:
    events = written(folder)
    assert read_events(folder.ledger) == events
    with open_ledger(folder.ledger, create=False) as ledger:
        assert ledger.events == events
        more = ledger.append({"event": "finish"})
        assert (
            len({event["time"] for event in events}) == 1 and more[0]["time"] >= events[0]["time"]
        )
        ledger.sync()
        assert ledger.is_synced and read_events(folder.ledger) == events + more
    place = folder.path if isinstance(folder.path, Path) else str(folder.path)
    assert analysis.load(place).events == events + more
    assert analysis.load(place).state == "finished"


def test_a_sweep_is_there_once_it_has_an_event(folder: SweepFolder) -> None:
    assert not folder.holds_sweep
    with open_ledger(folder.ledger, create=True) as ledger:
        assert not folder.holds_sweep
        ledger.append(FIRST)
        ledger.sync()
        assert folder.holds_sweep
    assert folder.saved_config() == {}


def test_an_event_that_is_no_strict_json_writes_nothing(folder: SweepFolder) -> None:
    with open_ledger(folder.ledger, create=True) as ledger:
        ledger.append(FIRST)
        with pytest.raises(SweepError, match="record"):
            ledger.append({"event": "start"}, {"event": "record", "loss": float("nan")})
        ledger.append({"event": "finish"})
    assert [event["event"] for event in read_events(folder.ledger)] == ["sweep", "finish"]


def test_time_never_goes_backwards(folder: SweepFolder) -> None:
    ledger = open_ledger(folder.ledger, create=True)
    last = ledger.append(FIRST)[0]["time"]
    ledger._clock = lambda: 7.0  # type: ignore[attr-defined]
    assert ledger.append({"event": "start"})[0]["time"] == last
    ledger.close()


def test_a_place_without_events_is_no_sweep(folder: SweepFolder) -> None:
    for look in (read_events, lambda path: open_ledger(path, create=False)):
        with pytest.raises(UsageError, match="is no sweep"):
            look(folder.ledger)
    with pytest.raises(UsageError, match="is no sweep"):
        folder.saved_config()


def test_a_sweep_is_not_begun_twice(folder: SweepFolder) -> None:
    written(folder)
    with pytest.raises(UsageError, match="holds a sweep"):
        open_ledger(folder.ledger, create=True)
    open_ledger(folder.ledger, create=False).close()  # what was refused has let go


def test_a_newer_version_is_refused(folder: SweepFolder) -> None:
    with open_ledger(folder.ledger, create=True) as ledger:
        ledger.append(FIRST | {"version": VERSION + 8})
    for look in (read_events, lambda path: open_ledger(path, create=False)):
        with pytest.raises(StorageError, match=f"version {VERSION + 8}.*version {VERSION}"):
            look(folder.ledger)


def test_a_second_opener_in_the_same_process_is_refused(folder: SweepFolder) -> None:
    written(folder)
    first = open_ledger(folder.ledger, create=False)
    with pytest.raises(UsageError, match="in use by this very process"):
        open_ledger(folder.ledger, create=False)
    first.close()
    first.close()
    with pytest.raises(SweepError, match="closed"):
        first.append({"event": "finish"})
    open_ledger(folder.ledger, create=False).close()


def test_a_ledger_that_was_never_begun_leaves_nothing(folder: SweepFolder) -> None:
    ledger: Journal = open_ledger(folder.ledger, create=True)
    ledger.close()
    ledger.discard()
    place = folder.path
    left = place.names() if isinstance(place, Address) else list(place.iterdir())
    assert left == []
