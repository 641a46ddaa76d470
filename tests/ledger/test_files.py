"""Files and folders: whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sweep.ledger.files import new_folder, write_text


def left_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_folder_appears_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "target"
    with new_folder(target) as scratch:
        (scratch / "a").write_text("1")
        (scratch / "sub").mkdir()
        (scratch / "sub" / "b").write_text("2")
        assert not target.exists()
    assert (target / "a").read_text() == "1"
    assert (target / "sub" / "b").read_text() == "2"
    assert left_in(target.parent) == {"target"}
    assert target.stat().st_mode & 0o777 == 0o755


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UnicodeError), new_folder(tmp_path / "target") as scratch:
        (scratch / "a").write_text("no text: \ud800", encoding="utf-8")
    assert left_in(tmp_path) == set()


def test_who_comes_second_leaves_the_first_alone(tmp_path: Path) -> None:
    target = tmp_path / "target"
    with new_folder(target) as slow:
        (slow / "who").write_text("slow")
        with new_folder(target) as fast:
            (fast / "who").write_text("fast")
    assert (target / "who").read_text() == "fast"
    assert left_in(tmp_path) == {"target"}


def test_a_folder_that_cannot_be_put_in_place_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("a file")
    with pytest.raises(OSError, match="target"), new_folder(tmp_path / "target") as scratch:
        (scratch / "a").write_text("1")
    assert left_in(tmp_path) == {"target"}


def test_no_link_takes_what_is_written_elsewhere(tmp_path: Path) -> None:
    """Neither in the file's place nor under a name that it may have while it is written."""
    (tmp_path / "victim").write_text("precious")
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("file.json", f".file.json.{os.getpid()}"):
        (folder / name).symlink_to(tmp_path / "victim")
    for text in ("first, longer", "2 ü"):
        write_text(folder / "file.json", text)
        assert (folder / "file.json").read_text(encoding="utf-8") == text
    assert (tmp_path / "victim").read_text() == "precious"


def test_a_reader_sees_the_old_file_until_the_new_one_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file.json"
    write_text(file, "old")

    def full_disk(descriptor: int) -> None:
        assert file.read_text() == "old"
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_text(file, "new")
    assert file.read_text() == "old"
    assert left_in(tmp_path) == {"file.json"}
