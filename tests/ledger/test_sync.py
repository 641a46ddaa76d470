"""When events are durable: shared fsyncs, failed fsyncs, and the state after a power failure."""

from __future__ import annotations

import errno
import random
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.errors import StorageError, SweepError
from sweep.ledger.events import Event
from sweep.ledger.file import Ledger
from sweep.ledger.lines import WINDOW
from sweep.ledger.read import read_events
from tests.harness.disk import Disk, disk_under
from tests.ledger.test_contract import FIRST


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.jsonl"


@pytest.fixture
def disk(path: Path) -> Iterator[Disk]:
    with disk_under(path) as disk:
        yield disk
        disk.turn.set()


def event(number: int, size: int = 0) -> Event:
    text = {"text": "x" * size}
    return {"event": "workers", "count": abs(number), **text} if number else {**FIRST, **text}


def wait_until(what: object, seconds: float = 30) -> None:
    assert callable(what)
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_an_append_is_in_the_file_at_once_and_on_the_disk_soon(path: Path, disk: Disk) -> None:
    with Ledger.open(path, create=True) as ledger:
        disk.turn.clear()
        written = ledger.append(event(0), event(1))
        assert read_events(path) == written
        assert disk.safe == 0 and not ledger.is_synced
        disk.turn.set()
        wait_until(lambda: ledger.is_synced)  # without a call of sync
        assert disk.safe == path.stat().st_size


def test_events_appended_during_an_fsync_share_the_next_fsync(path: Path, disk: Disk) -> None:
    with Ledger.open(path, create=True) as ledger:
        before = disk.syncs
        disk.turn.clear()
        ledger.append(event(0))
        wait_until(lambda: disk.syncs == before + 1)
        for number in range(1, 50):
            ledger.append(event(number))
        disk.turn.set()
        ledger.sync()
        assert disk.syncs == before + 2
        ledger.sync()
        assert disk.syncs == before + 2, "there was nothing to sync"


def test_close_and_open_fsync_the_whole_file(path: Path) -> None:
    with disk_under(path, is_idle=True) as disk:
        with Ledger.open(path, create=True) as ledger:
            ledger.append(event(0))
            assert disk.safe == 0
        assert disk.safe == path.stat().st_size
        disk.safe = 0  # as if the last writer had been killed
        Ledger.open(path, create=False).close()
        assert disk.safe == path.stat().st_size


def test_at_most_one_window_is_unsynced(path: Path) -> None:
    with disk_under(path, is_idle=True) as disk, Ledger.open(path, create=True) as ledger:
        for number in range(40):
            ledger.append(event(number, size=WINDOW // 7))
            assert path.stat().st_size - disk.safe <= WINDOW
        ledger.append(event(40, size=5 * WINDOW))  # larger than the window
        assert path.stat().st_size - disk.safe <= WINDOW
    assert len(read_events(path)) == 41


@pytest.mark.parametrize("heard_by", ["sync", "append", "close"])
def test_a_failed_fsync_stops_the_ledger_and_keeps_synced_events(
    path: Path, disk: Disk, heard_by: str
) -> None:
    ledger = Ledger.open(path, create=True)
    safe = ledger.append(event(0))
    ledger.sync()
    disk.error = OSError(errno.EIO, "input/output error")
    ledger.append(event(1))
    hear = {
        "sync": ledger.sync,
        "append": lambda: wait_until(
            lambda: not ledger.append(event(2))
        ),  # after the thread has failed
        "close": ledger.close,
    }
    with pytest.raises(StorageError, match="input/output error"):
        hear[heard_by]()
    disk.error = None  # a second fsync may succeed, but the lost data stays lost
    for refused in (lambda: ledger.append(event(2)), ledger.sync, lambda: ledger.is_synced):
        with pytest.raises(SweepError, match="closed" if heard_by == "close" else "input/output"):
            refused()
    ledger.close()
    assert read_events(path) == safe
    Ledger.open(path, create=False).close()  # the lock is free


def test_a_ledger_without_appends_has_no_thread(path: Path) -> None:
    before = threading.active_count()
    with Ledger.open(path, create=True) as ledger:
        assert threading.active_count() == before
        ledger.append(event(0))
        assert threading.active_count() == before + 1
    assert threading.active_count() == before


@given(
    st.lists(st.tuples(st.integers(0, 900), st.booleans()), min_size=1, max_size=40),
    st.randoms(use_true_random=False),
)
def test_a_power_failure_keeps_synced_events_and_a_valid_ledger(
    appends: list[tuple[int, bool]], chance: random.Random
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.jsonl"
        with disk_under(path, is_idle=True) as disk:
            ledger = Ledger.open(path, create=True)
            written: list[Event] = []
            safe = 0
            for number, (size, syncs) in enumerate(appends):
                written += ledger.append(event(number, size))
                if syncs:
                    ledger.sync()
                    safe = len(written)
            left = disk.cut_power(chance)
            ledger.close()
        path.write_bytes(left)
        survivors = advised(path)
        assert survivors == written[: len(survivors)]
        assert len(survivors) >= safe
        with Ledger.open(path, create=not survivors) as ledger:
            assert ledger.events == survivors
            more = ledger.append(event(-1 if survivors else 0))
        assert read_events(path) == survivors + more


def advised(path: Path) -> list[Event]:
    """The events of a ledger, after the advice of the error if it is damaged."""
    try:
        return read_events(path)
    except StorageError as error:
        told = str(error)
    advice = re.search(r"whole events follow it.*`head -n (\d+) COPY", told)
    assert advice, told
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[: int(advice[1])]))
    return read_events(path)


@pytest.mark.parametrize(("beyond", "is_damage"), [(0, False), (1, True)])
def test_holes_are_a_torn_tail_only_within_the_last_window(
    path: Path, beyond: int, is_damage: bool
) -> None:
    with Ledger.open(path, create=True) as ledger:
        ledger.append(event(0))
        first = path.stat().st_size
        ledger.append(*(event(number, size=200) for number in range(1, 400)))
    data = bytearray(path.read_bytes())
    lines = [first + at + 1 for at, byte in enumerate(data[first:]) if byte == ord("\n")]
    start = next(at for at in lines if len(data) - at <= WINDOW)
    if beyond:
        start = max(at for at in lines if len(data) - at > WINDOW)
    number = lines.index(start) + 3  # of the line that begins there
    for end, torn in ((start + 20, False), (len(data), not is_damage)):
        data[start + 10 : end] = bytes(end - start - 10)
        path.write_bytes(data)
        if torn:
            assert read_events(path)[-1]["count"] == number - 2
        else:
            with pytest.raises(StorageError, match=f"line {number} of .* is not an event"):
                read_events(path)
