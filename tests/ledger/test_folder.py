"""A sweep's folder may come from another person: links in it must not lead outside."""

from __future__ import annotations

import json
import os
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

from sweep.config.load import load_config
from sweep.errors import StorageError
from sweep.ledger.folder import SweepFolder
from sweep.ledger.read import read_ledger
from sweep.ledger.store import store_at
from sweep.search.warm import warm_events
from tests.harness.command import Command, assert_refused
from tests.ledger.test_contract import FIRST

INSIDE = (
    "ledger.jsonl",
    "checkpoints",
    "checkpoints/t00000",
    "checkpoints/t00000/epoch-0001",
    "checkpoints/t00000/epoch-0001/model.safetensors",
    "checkpoints/confirm",
    "checkpoints/confirm/t00000-1",
    "dense",
    "dense/0123456789abcdef.tar",
    "allocations",
    "figures",
    "tables",
)


def sweep_at(path: Path) -> SweepFolder:
    """A sweep that has begun, with one trial."""
    path.mkdir(parents=True, exist_ok=True)
    own = {"event": "trial", "trial_id": "t00000", "number": 0, "params": {}, "seed": 1}
    write(path, FIRST | {"config": config()}, own | {"sampler_attrs": {}})
    return SweepFolder(path)


def config() -> dict[str, Any]:
    settings: dict[str, Any] = load_config("closed-form", []).model_dump(mode="json")
    return settings


def write(path: Path, *events: dict[str, Any]) -> None:
    (path / "ledger.jsonl").write_text(
        "".join(json.dumps({**event, "time": 1.0}) + "\n" for event in events)
    )


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Files that must not be lost."""
    folder = tmp_path / "elsewhere"
    (folder / "epoch-0001").mkdir(parents=True)
    for name in ("file", "optimizer.safetensors", "front.png", "epoch-0001/file"):
        (folder / name).write_text("precious")
    return folder


def content(folder: Path) -> dict[str, str]:
    return {str(path): path.read_text() for path in folder.rglob("*") if path.is_file()}


def replace_by_link(path: Path, target: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


@pytest.mark.parametrize("kind", ["folder", "file", "nothing"])
@pytest.mark.parametrize("name", INSIDE)
def test_a_folder_with_a_link_cannot_be_opened(
    tmp_path: Path, elsewhere: Path, name: str, kind: str
) -> None:
    folder = sweep_at(tmp_path / "sweep")
    before = content(elsewhere)
    target = {"folder": elsewhere, "file": elsewhere / "file", "nothing": tmp_path / "new"}[kind]
    replace_by_link(tmp_path / "sweep" / name, target)
    for create in (False, True):
        with pytest.raises(StorageError, match=f"{name} is a symbolic link"):
            folder.open(create=create)
    assert content(elsewhere) == before and not (tmp_path / "new").exists()


def make_special(path: Path, kind: str) -> None:
    if kind == "pipe":
        os.mkfifo(path)
    else:
        with socket.socket(socket.AF_UNIX) as found:
            found.bind(str(path))


@pytest.mark.parametrize("kind", ["pipe", "socket"])
@pytest.mark.parametrize("name", ["ledger.jsonl", "driver.log", "dense", "checkpoints/t00000"])
def test_a_folder_with_a_device_cannot_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, kind: str
) -> None:
    folder = sweep_at(tmp_path / "sweep")
    monkeypatch.chdir(tmp_path / "sweep")
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).unlink(missing_ok=True)
    make_special(Path(name), kind)
    with pytest.raises(StorageError, match=f"{name} is a pipe, socket or device"):
        folder.open(create=False)


READERS = {
    "ledger.jsonl": ("status", "front", "report", "resume", "confirm", "export-study", "export"),
    "config.yaml": ("resume", "confirm"),
}


@pytest.mark.parametrize("kind", ["link", "pipe"])
@pytest.mark.parametrize(
    ("name", "command"), [(name, each) for name, many in READERS.items() for each in many]
)
def test_no_command_reads_through_a_link_or_waits_for_a_pipe(
    tmp_path: Path, elsewhere: Path, name: str, command: str, kind: str, cli: Command
) -> None:
    folder = sweep_at(tmp_path / "sweep").path
    path = tmp_path / "sweep" / name
    if kind == "link":
        replace_by_link(path, elsewhere / "file")
    else:
        path.unlink(missing_ok=True)
        os.mkfifo(path)
    more = ("--to", tmp_path / "to", "--knee") if command == "export" else ()
    done = cli(command, folder, *more)
    assert_refused(done, 6, f"{name} is a ", {"link": "symbolic link", "pipe": "pipe"}[kind])
    assert "precious" not in done.out + done.err
    assert not (tmp_path / "to").exists()


def test_a_config_that_is_no_text_is_a_sentence(tmp_path: Path, cli: Command) -> None:
    folder = sweep_at(tmp_path / "sweep").path
    (tmp_path / "sweep" / "config.yaml").write_bytes(b"name: \xff\n")
    assert_refused(cli("resume", folder), 2, "config.yaml is not UTF-8 text")


@pytest.mark.parametrize("command", ["resume", "confirm", "export-study"])
def test_commands_name_the_link_or_id_that_they_reject(
    tmp_path: Path, elsewhere: Path, command: str, cli: Command
) -> None:
    folder = sweep_at(tmp_path / "sweep").path
    before = content(elsewhere)
    if command != "export-study":  # it writes nothing there
        replace_by_link(tmp_path / "sweep" / "checkpoints" / "t00000", elsewhere)
        done = cli(command, folder)
        assert_refused(done, 6, "checkpoints/t00000 is a symbolic link", "remove it")
        (tmp_path / "sweep" / "checkpoints" / "t00000").unlink()
    first = FIRST | {"config": config()}
    end = {"event": "end", "trial_id": str(elsewhere), "status": "completed"}
    write(tmp_path / "sweep", first, end, {"event": "finish", "reason": None})
    done = cli(command, folder)
    assert_refused(done, 6, "line 2 of 3", "trial_id of the `end` event", repr(str(elsewhere))[:60])
    assert content(elsewhere) == before


def test_a_warm_start_does_not_read_through_a_link(tmp_path: Path, elsewhere: Path) -> None:
    sweep_at(tmp_path / "sweep")
    replace_by_link(tmp_path / "sweep" / "ledger.jsonl", elsewhere / "file")
    more = [f"search.warm_start=[{tmp_path / 'sweep'}]"]
    with pytest.raises(StorageError, match=r"ledger\.jsonl is a symbolic link"):
        warm_events(load_config("closed-form", more), store_at(tmp_path / "own"))


def test_a_link_to_a_ledger_that_the_user_names_is_read(tmp_path: Path) -> None:
    sweep_at(tmp_path / "sweep")
    (tmp_path / "mine.jsonl").symlink_to(tmp_path / "sweep" / "ledger.jsonl")
    assert len(read_ledger(tmp_path / "mine.jsonl").events) == 2


def test_the_drivers_name_is_not_read_through_a_link(tmp_path: Path, elsewhere: Path) -> None:
    folder = sweep_at(tmp_path / "sweep")
    with folder.open(create=False):
        replace_by_link(tmp_path / "sweep" / "ledger.lock", elsewhere / "file")
        with pytest.raises(StorageError, match=r"ledger\.lock is a symbolic link"):
            folder.driver()


def test_links_to_the_folder_and_links_among_other_files_are_allowed(
    tmp_path: Path, elsewhere: Path
) -> None:
    sweep_at(tmp_path / "large disk" / "sweep")
    (tmp_path / "large disk" / "sweep" / "data").symlink_to(elsewhere)
    (tmp_path / "results").symlink_to(tmp_path / "large disk")
    (tmp_path / "sweep").symlink_to(tmp_path / "results" / "sweep")
    for path in (tmp_path / "results" / "sweep", tmp_path / "sweep"):
        with SweepFolder(path).open(create=False) as ledger:
            ledger.append({"event": "resume", "trials": 1})
    kinds = [json.loads(line)["event"] for line in (path / "ledger.jsonl").open()]
    assert kinds == ["sweep", "trial", "resume", "resume"]
