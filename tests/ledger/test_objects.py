"""Segments: packing, reads during packing, and missing or malformed segments."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

import analysis
from sweep.errors import StorageError, UsageError
from sweep.ledger.folder import SweepFolder
from sweep.ledger.objects import SegmentLedger
from sweep.ledger.read import read_events
from sweep.ledger.store_objects import ObjectStore
from tests.analysis.ledgers import small_sweep
from tests.ledger.test_contract import FIRST


def written(sweep: ObjectStore, count: int) -> SegmentLedger:
    """A ledger of ``count`` segments after the one with its first event."""
    ledger = SegmentLedger.open(sweep / "ledger", create=True)
    for number in range(-1, count):
        ledger.append(FIRST if number < 0 else {"event": "workers", "count": number})
        ledger.sync()
    return ledger


def test_events_appended_during_a_put_share_the_next_segment(sweep: ObjectStore) -> None:
    with written(sweep, 0) as ledger:
        before = len((sweep / "ledger").names())
        turn, create = threading.Event(), ObjectStore.create

        def slow(self: ObjectStore, data: bytes, retry_seconds: float = 0.0) -> None:
            assert turn.wait(30)
            create(self, data, retry_seconds)

        with patch.object(ObjectStore, "create", slow):
            for number in range(50):
                ledger.append({"event": "workers", "count": number})
                time.sleep(0.001)
            assert not ledger.is_synced
            turn.set()
            ledger.sync()
        assert len((sweep / "ledger").names()) - before <= 2
    assert len(read_events(sweep / "ledger")) == 51


def test_an_unsafe_id_is_damage(sweep: ObjectStore) -> None:
    with written(sweep, 1) as ledger:
        ledger.append(
            {"event": "finish", "reason": None}, {"event": "end", "trial_id": "../t00001"}
        )
    words = r"line 4 of 4: trial_id of the `end` event: must be 1 to 64 .*; got '\.\./t00001'"
    looks = (read_events, lambda path: SegmentLedger.open(path, create=False))
    for look in (*looks, lambda path: analysis.load(str(path.parent))):
        with pytest.raises(StorageError, match=words):
            look(sweep / "ledger")


@pytest.mark.parametrize("packed", [False, True])
def test_a_missing_segment_is_damage(sweep: ObjectStore, packed: bool) -> None:
    with patch("sweep.ledger.segments.PACK", 3 if packed else 256):
        written(sweep, 6).close()
    names = [name for name in (sweep / "ledger").names() if "-" in name] if packed else []
    (sweep / "ledger" / (names[1] if names else "00000004.jsonl")).remove()
    with patch("sweep.ledger.segments.PAUSE", 0.0):
        with pytest.raises(StorageError, match="is damaged: segment 4 is missing"):
            read_events(sweep / "ledger")
        with pytest.raises(StorageError, match="segment 4 is missing"):
            analysis.load(str(sweep))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        *(
            (text, "00000003")
            for text in (b"", b"garbage\n", b'{"segment":9}\n', b'{"segment":"x"}\n')
        ),
        (b'{"segment":3}\n{"half":', "line 2 of 3 is not an event"),
    ],
)
def test_a_malformed_segment_is_damage(sweep: ObjectStore, content: bytes, words: str) -> None:
    written(sweep, 3).close()
    (sweep / "ledger" / "00000003.jsonl").write_bytes(content)
    with patch("sweep.ledger.segments.PAUSE", 0.0), pytest.raises(StorageError, match=words):
        SegmentLedger.open(sweep / "ledger", create=False)


@pytest.mark.parametrize("step", ["create", "remove_all"])
def test_interrupted_packing_loses_nothing(sweep: ObjectStore, step: str) -> None:
    """The driver stops after it wrote a pack, or before it deleted the packed segments."""
    real = getattr(ObjectStore, step)

    def interrupt(self: ObjectStore, what: Any, retry_seconds: float = 0.0) -> None:
        if step == "create":
            real(self, what, retry_seconds)
        if step == "remove_all" or "-" in self.name:
            raise StorageError("interrupted")

    with patch("sweep.ledger.segments.PACK", 7):
        ledger = written(sweep, 4)
        with patch.object(ObjectStore, step, interrupt):
            ledger.append({"event": "workers", "count": 4})
            with pytest.raises(StorageError, match="interrupted"):
                ledger.sync()
        ledger.close()
        names = (sweep / "ledger").names()
        assert any("-" in name for name in names) and "00000003.jsonl" in names
        for count in (5, 6, 7):
            found = read_events(sweep / "ledger")
            assert [event.get("count") for event in found] == [None, *range(count)]
            with SegmentLedger.open(sweep / "ledger", create=False) as again:
                again.append({"event": "workers", "count": count})


def test_packing_does_not_disturb_readers(sweep: ObjectStore) -> None:
    seen: list[int] = []
    with patch("sweep.ledger.segments.PACK", 4), written(sweep, 0) as ledger:
        done = threading.Event()

        def read() -> None:
            while not done.is_set():
                events = read_events(sweep / "ledger")
                assert [e["count"] for e in events[1:]] == list(range(len(events) - 1))
                seen.append(len(events))

        reader = threading.Thread(target=read)
        reader.start()
        for number in range(25):
            ledger.append({"event": "workers", "count": number})
            ledger.sync()
        done.set()
        reader.join()
    assert seen and seen == sorted(seen)
    assert len(read_events(sweep / "ledger")) == 26


def test_copies_between_folders_and_stores_can_be_read(sweep: ObjectStore, tmp_path: Path) -> None:
    here = small_sweep().write(tmp_path / "here")
    (sweep / "ledger.jsonl").write_bytes((here / "ledger.jsonl").read_bytes())
    folder = SweepFolder(sweep)
    assert folder.holds_sweep and read_events(folder.ledger) == analysis.load(here).events
    with pytest.raises(UsageError, match="copied to a store can be read there, but not resumed"):
        SegmentLedger.open(folder.ledger, create=False)
    other = sweep / "other"
    written(other, 9).close()
    for name in (other / "ledger").names():
        target = tmp_path / "copy" / "ledger" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((other / "ledger" / name).read_bytes())
    assert analysis.load(tmp_path / "copy").events == read_events(other / "ledger")
