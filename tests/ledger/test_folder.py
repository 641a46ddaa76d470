"""A sweep's folder may come from another person: links in it must not lead outside."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from sweep.config.load import load_config
from sweep.errors import StorageError
from sweep.ledger.folder import SweepFolder
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
    assert_refused(done, 6, "line 2 of 3", "trial_id of the `end` event", repr(str(elsewhere)))
    assert content(elsewhere) == before


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
