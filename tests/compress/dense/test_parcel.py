"""What one machine made, put in place on another: whole, once, and only if it is needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweep.compress.dense.ship import Parcel, pack, unpack


@pytest.fixture
def made(tmp_path: Path) -> Path:
    folder = tmp_path / "made"
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "weights").write_bytes(b"w")
    (folder / "model" / "config").write_bytes(b"c")
    (folder / "validation-1.json").write_text("{}")
    (folder / ".model.lock").touch()
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    files = [f for f in folder.rglob("*") if f.is_file() and not f.name.startswith(".")]
    return {str(f.relative_to(folder)): f.read_bytes() for f in files}


def test_what_was_packed_is_there_after(made: Path, tmp_path: Path) -> None:
    unpack(tmp_path / "other", lambda: pack(made), "model")
    assert contents(tmp_path / "other") == contents(made)
    assert len(contents(made)) == 3


def test_nothing_is_fetched_that_is_there(made: Path) -> None:
    def fetch() -> Parcel:
        raise AssertionError

    unpack(made, fetch, "model")
    unpack(made, fetch, "validation-1.json")


def test_what_is_there_stays(made: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "validation-1.json").write_text("[1]")
    unpack(other, lambda: pack(made), "model")
    assert (other / "validation-1.json").read_text() == "[1]"
    assert (other / "model" / "weights").read_bytes() == b"w"


def test_an_empty_folder_is_an_empty_parcel(tmp_path: Path) -> None:
    assert pack(tmp_path / "nothing") == {}
    unpack(tmp_path / "other", dict, "model")
    assert contents(tmp_path / "other") == {}
