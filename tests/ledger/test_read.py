from __future__ import annotations

from pathlib import Path

import pytest

from analysis import NewerLedger, NotASweep, load
from sweep.ledger.read import read_ledger
from tests.analysis.ledgers import LedgerBuilder, small_sweep


@pytest.mark.parametrize(
    "damage",
    [
        {5_000: b'{"event": "note"', 5_001: b'"time": 1}', 8_200: b"5", 8_900: b""},
        {4: b'\xff{"event": "record"', 6: b'["no", "event"]'},
    ],
)
def test_a_damaged_line_is_found_among_thousands_and_left_out(
    tmp_path: Path, damage: dict[int, bytes]
) -> None:
    """Whichever part of a long ledger it is in; and lines that only together are one event."""
    ledger = small_sweep()
    for _ in range(9_000):
        ledger.add("note")
    folder = ledger.write(tmp_path)
    lines = (folder / "ledger.jsonl").read_bytes().split(b"\n")
    for place, line in damage.items():
        lines[place] = line
    (folder / "ledger.jsonl").write_bytes(b"\n".join(lines))
    read = read_ledger(folder)
    numbers = [int(text.split()[1]) for text in read.problems]
    assert numbers == [place + 1 for place in damage]
    kept = [event for place, event in enumerate(ledger.events) if place not in damage]
    assert read.events == kept


@pytest.mark.parametrize("content", [b"", b'{"event": "sweep", "vers'])
def test_a_sweep_that_was_just_made_is_one(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ledger.jsonl").write_bytes(content)
    assert read_ledger(tmp_path).events == []


@pytest.mark.parametrize(
    "content", [b"hello\n", b"hello", b'{"a": 1}\n', b'{"event": "record"}\n', b"\x89PNG\r\n\x1a"]
)
def test_another_file_is_no_ledger(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ledger.jsonl").write_bytes(content)
    with pytest.raises(NotASweep, match="not the ledger of a sweep"):
        load(tmp_path)


def test_a_folder_without_a_ledger_is_no_sweep(tmp_path: Path) -> None:
    with pytest.raises(NotASweep, match=r"it has no ledger\.jsonl"):
        load(tmp_path)
    with pytest.raises(NotASweep, match="no such folder"):
        load(tmp_path / "absent")
    assert issubclass(NotASweep, ValueError)


def test_a_newer_ledger_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NewerLedger, match="version 2"):
        load(LedgerBuilder(version=2).write(tmp_path))
