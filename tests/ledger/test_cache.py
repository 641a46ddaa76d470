"""The cache's place, and digests that differ where contents do."""

from __future__ import annotations

import errno
import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from sweep.ledger.cache import cache_root, fingerprint, once, tree_digest


def test_the_place_is_asked_for_in_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PRUNESWEEP_CACHE", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_root() == tmp_path / "own"
    monkeypatch.delenv("PRUNESWEEP_CACHE")
    assert cache_root() == tmp_path / "xdg" / "prunesweep"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_root() == tmp_path / "home" / ".cache" / "prunesweep"


def test_a_fingerprint_minds_values_and_not_the_order_of_keys() -> None:
    assert fingerprint({"a": 1, "b": [2, None]}) == fingerprint({"b": [2, None], "a": 1})
    values = [1, "1", [1], {"a": 1}, {"a": 2}, {"b": 1}, None, [[1, 2]], [[2, 1]]]
    assert len({fingerprint(value) for value in values}) == len(values)


def test_a_folder_is_its_files_names_and_bytes(tmp_path: Path) -> None:
    def folder(name: str, **files: str) -> str:
        (tmp_path / name / "sub").mkdir(parents=True)
        for file, text in files.items():
            (tmp_path / name / "sub" / file).write_text(text)
        return tree_digest(tmp_path / name)

    first = folder("one", a="1", b="2")
    assert folder("two", a="1", b="2") == first
    others = {folder("three", a="1", b="3"), folder("four", a="1", c="2"), folder("five", a="1")}
    assert len(others | {first}) == 4


# one makes, the others wait

MAKER = """
import sys, time
from pathlib import Path
from sweep.ledger.cache import once

target, log = Path(sys.argv[1]), Path(sys.argv[2])

def make():
    with log.open("a") as file:
        file.write("made\\n")
    time.sleep(0.5)
    target.parent.mkdir()
    target.write_text("whole")

print(once(target, make).read_text())
"""


def test_of_processes_that_ask_at_once_one_makes(tmp_path: Path) -> None:
    arguments = [sys.executable, "-c", MAKER, str(tmp_path / "x" / "target"), str(tmp_path / "log")]
    asking = [subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert [process.communicate(timeout=60)[0] for process in asking] == ["whole\n"] * 4
    assert (tmp_path / "log").read_text() == "made\n"


def test_where_one_fails_the_next_tries(tmp_path: Path) -> None:
    target = tmp_path / "target"

    def fail() -> None:
        raise ValueError

    with pytest.raises(ValueError):
        once(target, fail)
    assert once(target, target.touch) == target
    assert once(target, fail) == target


def test_without_locks_it_is_made_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(file: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert once(tmp_path / "target", (tmp_path / "target").touch).exists()
