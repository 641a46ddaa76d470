"""Two drivers on one sweep in an object store: the newer continues, the older stops, and no event
is lost.

Tests that need two drivers at once remove the lease, which normally keeps the second one out.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import suppress
from unittest.mock import patch

import pytest

from sweep.errors import UsageError
from sweep.ledger import lease
from sweep.ledger.objects import SegmentLedger
from sweep.ledger.read import read_events
from sweep.ledger.segments import Fenced
from sweep.ledger.store_objects import ObjectStore
from tests.ledger.test_contract import FIRST


def taken_over(sweep: ObjectStore) -> SegmentLedger:
    """Open the ledger at once, although another driver is alive."""
    for _ in range(100):
        (sweep / lease.NAME).remove()
        with suppress(UsageError):  # the older driver has just renewed its lease
            return SegmentLedger.open(sweep / "ledger", create=False)
    raise AssertionError("the lease is always there")


def begun(sweep: ObjectStore) -> SegmentLedger:
    ledger = SegmentLedger.open(sweep / "ledger", create=True)
    _write(ledger, FIRST)
    return ledger


def event(number: int) -> dict[str, object]:
    return {"event": "workers", "count": number}


def _write(ledger: SegmentLedger, one: dict[str, object]) -> None:
    ledger.append(one)
    ledger.sync()


def attempts(sweep: ObjectStore) -> list[int]:
    return [e["count"] for e in read_events(sweep / "ledger") if e["event"] == "workers"]


def test_an_older_driver_is_fenced_at_its_next_write(sweep: ObjectStore) -> None:
    with begun(sweep) as old:
        _write(old, event(1))
        with taken_over(sweep) as new:
            assert [e["event"] for e in new.events] == ["sweep", "workers"]
            with pytest.raises(Fenced, match=rf"taken over by another .* \(pid {os.getpid()} on"):
                _write(old, event(2))
            for refused in (lambda: old.append(event(3)), old.sync, lambda: old.is_synced):
                with pytest.raises(Fenced):
                    refused()
            _write(new, event(4))
    assert attempts(sweep) == [1, 4]


def test_an_older_driver_stays_fenced_after_its_number_was_packed(sweep: ObjectStore) -> None:
    pack = patch("sweep.ledger.segments.PACK", 4)
    with pack, begun(sweep) as old, taken_over(sweep) as new:
        for number in range(20):
            _write(new, event(number))
        names = (sweep / "ledger").names()
        assert len([name for name in names if "-" in name]) >= 4 and len(names) < 12
        with pytest.raises(Fenced):
            _write(old, event(100))
    assert attempts(sweep) == list(range(20))
    with SegmentLedger.open(sweep / "ledger", create=False) as third:
        assert len(third.events) == 21


def test_an_idle_older_driver_is_fenced_too(
    sweep: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if it reads its own lease and then overwrites that of the newer driver."""
    monkeypatch.setattr(lease, "BEAT", 0.2)
    old, crossing, taken = begun(sweep), threading.Event(), threading.Event()
    write = ObjectStore.write_bytes

    def late(self: ObjectStore, data: bytes, retry_seconds: float = 0.0) -> None:
        if not crossing.is_set():  # the older driver, at its next renewal
            crossing.set()
            taken.wait()
        write(self, data, retry_seconds)

    monkeypatch.setattr(ObjectStore, "write_bytes", late)
    assert crossing.wait(60)
    new = taken_over(sweep)
    taken.set()

    def asked() -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            old.sync()
            time.sleep(0.05)

    with old, new:
        with pytest.raises(Fenced):
            asked()
        new.append(event(1))
    assert attempts(sweep) == [1]


def test_a_put_whose_answer_was_lost_is_recognized(sweep: ObjectStore) -> None:
    ledger = begun(sweep)
    create, calls = ObjectStore.create, []

    def put_twice(self: ObjectStore, data: bytes, retry_seconds: float = 0.0) -> None:
        create(self, data, retry_seconds)
        calls.append(self)
        create(self, data, retry_seconds)  # the retry finds the object there: 412

    with patch.object(ObjectStore, "create", put_twice):
        _write(ledger, event(1))
    ledger.append(event(2))
    ledger.close()
    assert len(calls) == 1 and attempts(sweep) == [1, 2]


def test_a_take_over_succeeds_while_the_older_driver_writes(sweep: ObjectStore) -> None:
    old, create = begun(sweep), ObjectStore.create
    written: list[int] = []

    def late(self: ObjectStore, data: bytes, retry_seconds: float = 0.0) -> None:
        if self.parent.name == "ledger" and b'"driver"' in data and len(written) < 3:
            written.append(len(written))
            _write(old, event(written[-1]))  # after the new driver has read, before it takes over
        create(self, data, retry_seconds)

    with patch.object(ObjectStore, "create", late):
        new = taken_over(sweep)
    with old, new:
        assert [e.get("count") for e in new.events] == [None, 0, 1, 2]
        with pytest.raises(Fenced):
            _write(old, event(9))
    assert attempts(sweep) == [0, 1, 2]


DRIVE = """
    import sys, time
    from sweep.ledger.store_objects import ObjectStore
    from sweep.ledger.objects import SegmentLedger
    ledger = SegmentLedger.open(ObjectStore.at(sys.argv[1]), create=False)
    print("open", flush=True)
    for number in range(100000):
        ledger.append({"event": "workers", "count": number}, {"event": "note", "number": number})
        if number % 7 == 0:
            ledger.sync()
            print(number, flush=True)
"""


@pytest.mark.slow
def test_a_killed_driver_leaves_complete_appends_and_all_synced_events(
    s3_sweep: ObjectStore,
) -> None:
    begun(s3_sweep).close()
    command = [sys.executable, "-c", textwrap.dedent(DRIVE), f"{s3_sweep}/ledger"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == "open\n"
            synced = [int(process.stdout.readline()) for _ in range(6)][-1]
            words = rf"in use by another driver: pid {process.pid} on"
            with pytest.raises(UsageError, match=words):
                SegmentLedger.open(s3_sweep / "ledger", create=False)
        finally:
            process.kill()
    assert process.returncode == -signal.SIGKILL
    started = time.monotonic()
    with SegmentLedger.open(
        s3_sweep / "ledger", create=False
    ) as ledger:  # without a wait, as it ran here
        assert time.monotonic() - started < lease.STALE
        found = [(e["event"], e.get("count", e.get("number"))) for e in ledger.events[1:]]
    assert len(found) >= 2 * synced
    assert found == [(k, n) for n in range(len(found) // 2) for k in ("workers", "note")]


def test_a_driver_is_known_by_its_lease(sweep: ObjectStore) -> None:
    with patch.object(lease, "BEAT", 0.1):
        ledger = begun(sweep)
        assert lease.driver_of(sweep) == lease.driver_name()
        ledger.close()
        assert lease.driver_of(sweep) is None
    (sweep / lease.NAME).write_bytes(b'{"id": "x", "beat": 1, "pid": 1, "machine": "another"}')
    with patch.object(lease, "BEAT", 0.1):
        assert lease.driver_of(sweep) is None, "it is not renewed"


@pytest.mark.parametrize(
    "note",
    [
        b"[" * 10**4,
        b"[]",
        b'{"id": {}, "beat": 1}',
        b'{"id": "x", "stale": "20"}',
        b'{"id": "x", "stale": 1e400}',
        b'{"id": "x", "stale": -1}',
        b'{"id": "x", "pid": -1, "machine": "m"}',
        b'{"id": "x", "pid": 99999999999999999999, "machine": "m"}',
        b'{"id": "x"}, {"id": "y"}',
        b"\xff",
    ],
)
def test_a_lease_of_wrong_types_is_one_of_an_unknown_driver(
    sweep: ObjectStore, note: bytes
) -> None:
    (sweep / lease.NAME).write_bytes(note)
    assert lease._note_at(sweep / lease.NAME) == {}


def test_an_expired_lease_is_taken_over(
    sweep: ObjectStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sweep")
    monkeypatch.setattr(lease, "BEAT", 0.2)
    note = {"id": "x", "beat": 7, "stale": 1.0, "driver": "pid 1 on elsewhere", "pid": 1}
    (sweep / "driver.json").write_bytes(json.dumps(note | {"machine": "another"}).encode())
    started = time.time()
    ledger = SegmentLedger.open(sweep / "ledger", create=True)
    assert time.time() - started >= 1.0
    ledger.close()
    [record] = caplog.records
    assert record.created - started < 0.9
    assert "pid 1 on elsewhere: waiting up to 1 s for a sign" in record.getMessage()
    assert "driver.json" not in sweep.names()


def test_a_renewed_lease_is_respected(sweep: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "BEAT", 0.2)
    begun(sweep).close()
    note, done = {"id": "x", "stale": 20.0, "driver": "pid 1 on elsewhere"}, threading.Event()

    def renew(beat: int = 0) -> None:
        while not done.wait(0.1):
            beat += 1
            (sweep / lease.NAME).write_bytes(json.dumps({**note, "beat": beat}).encode())

    other = threading.Thread(target=renew)
    other.start()
    try:
        while lease.NAME not in sweep.names():
            time.sleep(0.05)
        with pytest.raises(UsageError, match=r"by another driver: pid 1 on .* 20 s after its end"):
            SegmentLedger.open(sweep / "ledger", create=False)
    finally:
        done.set()
        other.join()
