"""Read a ledger for display: damage is an error; folders, files and addresses work."""

from __future__ import annotations

import sys
from pathlib import Path

import fsspec
import pandas as pd
import pytest

from analysis import MissingPackage, NewerLedger, NotASweep, load
from sweep.errors import StorageError, UsageError
from sweep.ledger.read import first_event, read_ledger
from sweep.ledger.store import Folder, store_at
from sweep.ledger.store_errors import BadAddress
from tests.analysis.ledgers import LedgerBuilder, small_sweep


@pytest.mark.parametrize(
    "damage",
    [
        {5_000: b'{"event": "note"', 5_001: b'"time": 1}'},
        *({place: line} for place, line in ((8_200, b"5"), (8_900, b""), (4, b'["no", "event"]'))),
        {6: b'\xff{"event": "record"'},
        {7: b'{"event": "note", "x": NaN}'},
        {9_010: b"[" * 100_000},
    ],
)
def test_one_damaged_line_among_thousands_is_named(
    tmp_path: Path, damage: dict[int, bytes]
) -> None:
    """In any part of a long ledger, and for two lines that are one event only if joined."""
    ledger = small_sweep()
    for _ in range(9_000):
        ledger.add("note")
    folder = ledger.write(tmp_path)
    lines = (folder / "ledger.jsonl").read_bytes().split(b"\n")
    for place, line in damage.items():
        lines[place] = line
    (folder / "ledger.jsonl").write_bytes(b"\n".join(lines))
    words = f"line {min(damage) + 1} of {len(ledger.events)} is not an event"
    with pytest.raises(StorageError, match=words):
        read_ledger(folder)


@pytest.mark.parametrize("content", [b"", b'{"event": "sweep", "vers'])
def test_a_new_sweep_without_a_complete_event_is_a_sweep(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ledger.jsonl").write_bytes(content)
    assert read_ledger(tmp_path).events == []


@pytest.mark.parametrize("content", [b"hello\n", b"hello", b'{"a": 1}\n', b"\x89PNG\r\n\x1a"])
def test_another_file_is_not_a_ledger(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ledger.jsonl").write_bytes(content)
    with pytest.raises(NotASweep, match="not the ledger of a sweep"):
        load(tmp_path)


def test_a_folder_without_a_ledger_is_not_a_sweep(tmp_path: Path) -> None:
    with pytest.raises(NotASweep, match=r"it has no ledger\.jsonl"):
        load(tmp_path)
    with pytest.raises(NotASweep, match="no such folder"):
        load(tmp_path / "absent")
    assert issubclass(NotASweep, ValueError)


def test_a_newer_ledger_raises_an_error(tmp_path: Path) -> None:
    with pytest.raises(NewerLedger, match="version 2"):
        load(LedgerBuilder(version=2).write(tmp_path))


@pytest.fixture
def store(tmp_path: Path) -> str:
    """The address of a sweep in fsspec's store in memory."""
    address = f"memory://{tmp_path.name}/digits"
    ledger = small_sweep().write(tmp_path) / "ledger.jsonl"
    fsspec.filesystem("memory").pipe_file(f"{address}/ledger.jsonl", ledger.read_bytes())
    return address


@pytest.mark.parametrize("end", ["", "/", "/ledger.jsonl"])
def test_a_sweep_in_a_store_reads_like_one_in_a_folder(
    store: str, end: str, tmp_path: Path
) -> None:
    there, here = load(store + end), load(tmp_path)
    pd.testing.assert_frame_equal(there.records, here.records)
    pd.testing.assert_frame_equal(there.front, here.front)
    assert there.folder == store and there.name == "toy"
    assert load([store + end, tmp_path]).table["folder"].tolist() == [store, str(tmp_path)]


def test_a_sweep_without_a_name_gets_the_name_of_its_folder(store: str, tmp_path: Path) -> None:
    content = LedgerBuilder(name="", config={}).write(tmp_path / "x") / "ledger.jsonl"
    fsspec.filesystem("memory").pipe_file(f"{store}/ledger.jsonl", content.read_bytes())
    assert load(store).name == "digits"
    with pytest.raises(NotASweep, match=r"digits/other is not a sweep"):
        load(f"{store}/other")


def test_an_unsupported_scheme_raises_an_error() -> None:
    with pytest.raises(OSError, match="fsspec does not support nonsense://"):
        load("nonsense://bucket/sweep")


@pytest.mark.parametrize(("address", "needs"), [("s3://b/x", "s3fs"), ("gs://b/x", "gcsfs")])
def test_a_missing_package_is_named(
    address: str, needs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # None in sys.modules makes Python raise ImportError for a module.
    monkeypatch.setitem(sys.modules, "fsspec", None)
    extra = needs.removesuffix("fs")
    with pytest.raises(MissingPackage, match=rf"need {needs},.* 'prunesweep\[{extra}\]'") as raised:
        load(address)
    assert address in str(raised.value) and isinstance(raised.value, ImportError)


@pytest.mark.parametrize("address", ["s3://b/x*", "memory://b?/x", "gs://b/[x]", "s3://b/x["])
def test_patterns_are_rejected_as_addresses(address: str) -> None:
    with pytest.raises(BadAddress, match="must have no"):
        load(address)
    with pytest.raises(UsageError, match=r"must have no|must be in a folder"):
        store_at(address)


@pytest.mark.parametrize(
    ("address", "words"),
    [("ftp://x/y", "a sweep must be in a folder"), ("s3://", "names no bucket")],
)
def test_addresses_that_cannot_hold_a_sweep_are_rejected(address: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        store_at(address)


def test_an_unknown_error_of_a_store_becomes_a_store_error() -> None:
    files = fsspec.filesystem("memory")

    class Moody(type(files)):  # type: ignore[misc]
        protocol = "moody"

        def cat_file(self, *args: object, **kwargs: object) -> bytes:
            raise RuntimeError("no credentials")

    fsspec.register_implementation("moody", Moody, clobber=True)
    with pytest.raises(OSError, match=r"moody://b/x.*: the store returned an error \(no cred"):
        load("moody://b/x")


def test_local_paths_become_folders() -> None:
    assert store_at("a/b/") == Folder(Path("a/b")) == store_at(Path("a/b"))
    for text in ("a/b", "s3://a/b/"):
        there = store_at(text)
        assert there.name == "b" and there.parent / "b" == there
        assert str(there) == text.rstrip("/")


@pytest.mark.parametrize("first", [b"\n", b"5\n", b'{"event": "sweep"}\n', b"\xff\n"])
def test_the_first_event_is_refused_as_the_whole_ledger_is(tmp_path: Path, first: bytes) -> None:
    file = small_sweep().write(tmp_path) / "ledger.jsonl"
    file.write_bytes(first + file.read_bytes())
    with pytest.raises(StorageError, match="is damaged: line 1 of") as refused:
        read_ledger(tmp_path)
    with pytest.raises(StorageError) as also:
        first_event(store_at(file))
    assert str(also.value) == str(refused.value)
