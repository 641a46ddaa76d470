"""Atomic writes, the cache folder, and digests of contents."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sweep.ledger.files import cache_root, fingerprint, new_folder, once, tree_digest, write_text


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_folder_appears_when_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "target"
    with new_folder(target) as scratch:
        (scratch / "a").write_text("1")
        (scratch / "sub").mkdir()
        (scratch / "sub" / "b").write_text("2")
        assert not target.exists()
    assert (target / "a").read_text() == "1"
    assert (target / "sub" / "b").read_text() == "2"
    assert names_in(target.parent) == {"target"}


@pytest.mark.parametrize(("mask", "folder", "file"), [(0o022, 0o755, 0o644), (0o077, 0o700, 0o600)])
def test_a_new_folder_and_its_files_have_the_modes_of_the_umask(
    tmp_path: Path, mask: int, folder: int, file: int
) -> None:
    before = os.umask(mask)
    try:
        with new_folder(tmp_path / "target") as scratch:
            (scratch / "sub").mkdir()
            (scratch / "a").touch(0o600)  # as safetensors does
            (scratch / "sub" / "b").touch()
            assert scratch.stat().st_mode & 0o777 == folder
        write_text(tmp_path / "c", "text")
    finally:
        os.umask(before)
    modes = {path: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert modes == {path: folder if path.is_dir() else file for path in modes}


def test_an_error_leaves_no_files(tmp_path: Path) -> None:
    with pytest.raises(UnicodeError), new_folder(tmp_path / "target") as scratch:
        (scratch / "a").write_text("no text: \ud800", encoding="utf-8")
    assert names_in(tmp_path) == set()


def test_the_second_of_two_writers_leaves_the_first_folder_unchanged(tmp_path: Path) -> None:
    target = tmp_path / "target"
    with new_folder(target) as slow:
        (slow / "who").write_text("slow")
        with new_folder(target) as fast:
            (fast / "who").write_text("fast")
    assert (target / "who").read_text() == "fast"
    assert names_in(tmp_path) == {"target"}


def test_a_file_in_the_place_of_a_new_folder_raises_an_error(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("a file")
    with pytest.raises(OSError, match="target"), new_folder(tmp_path / "target") as scratch:
        (scratch / "a").write_text("1")
    assert names_in(tmp_path) == {"target"}


def test_writes_do_not_follow_links(tmp_path: Path) -> None:
    """Neither at the target nor at a name that a temporary file may have."""
    (tmp_path / "victim").write_text("precious")
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("file.json", f".file.json.{os.getpid()}"):
        (folder / name).symlink_to(tmp_path / "victim")
    for text in ("first, longer", "2 ü"):
        write_text(folder / "file.json", text)
        assert (folder / "file.json").read_text(encoding="utf-8") == text
    assert (tmp_path / "victim").read_text() == "precious"


def test_a_reader_sees_the_old_file_until_the_new_one_is_complete(
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
    assert names_in(tmp_path) == {"file.json"}


def test_the_cache_folder_follows_the_environment_in_order(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PRUNESWEEP_CACHE", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_root() == tmp_path / "own"
    monkeypatch.delenv("PRUNESWEEP_CACHE")
    assert cache_root() == tmp_path / "xdg" / "prunesweep"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_root() == tmp_path / "home" / ".cache" / "prunesweep"


def test_a_fingerprint_depends_on_values_but_not_on_key_order() -> None:
    assert fingerprint({"a": 1, "b": [2, None]}) == fingerprint({"b": [2, None], "a": 1})
    values = [1, "1", [1], {"a": 1}, {"a": 2}, {"b": 1}, None, [[1, 2]], [[2, 1]]]
    assert len({fingerprint(value) for value in values}) == len(values)


def test_a_tree_digest_depends_on_names_and_bytes(tmp_path: Path) -> None:
    def folder(name: str, **files: str) -> str:
        (tmp_path / name / "sub").mkdir(parents=True)
        for file, text in files.items():
            (tmp_path / name / "sub" / file).write_text(text)
        return tree_digest(tmp_path / name)

    first = folder("one", a="1", b="2")
    assert folder("two", a="1", b="2") == first
    others = {folder("three", a="1", b="3"), folder("four", a="1", c="2"), folder("five", a="1")}
    assert len(others | {first}) == 4


MAKER = """
import sys, time
from pathlib import Path
from sweep.ledger.files import once

target, log = Path(sys.argv[1]), Path(sys.argv[2])

def make():
    with log.open("a") as file:
        file.write("made\\n")
    time.sleep(0.5)
    target.parent.mkdir()
    target.write_text("whole")

print(once(target, make).read_text())
"""


def test_one_of_several_processes_makes_the_target(tmp_path: Path) -> None:
    arguments = [sys.executable, "-c", MAKER, str(tmp_path / "x" / "target"), str(tmp_path / "log")]
    asking = [subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert [process.communicate(timeout=60)[0] for process in asking] == ["whole\n"] * 4
    assert (tmp_path / "log").read_text() == "made\n"


def test_the_next_caller_tries_after_a_failure(tmp_path: Path) -> None:
    target = tmp_path / "target"

    def fail() -> None:
        raise ValueError

    with pytest.raises(ValueError):
        once(target, fail)
    assert once(target, target.touch) == target
    assert once(target, fail) == target


def test_the_target_is_made_even_without_file_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(file: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert once(tmp_path / "target", (tmp_path / "target").touch).exists()
