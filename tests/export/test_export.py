"""`sweep export`: exported models load and answer as recorded, and errors have messages."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file

import analysis
from sweep.compress.dense.bench import Workbench
from sweep.export import checks, sparse
from sweep.ledger import checkpoint
from sweep.space.params import Params
from tests.export.sweeps import TRIALS
from tests.faults.verdict import of_kind, read_events
from tests.harness.command import Command, Done, assert_refused

FILES = {
    "README.md", "config.json", "masks.safetensors", "model.safetensors",
    "model.sparse.safetensors", "prunesweep.json", "tokenizer.json", "tokenizer_config.json",
}  # fmt: skip


def test_an_export_has_the_documented_files(exported: Path) -> None:
    assert {file.name for file in exported.iterdir()} == FILES
    assert {file.stat().st_mode & 0o777 for file in exported.iterdir()} == {0o644}
    assert [path.name for path in exported.parent.iterdir()] == ["model"]


def test_from_pretrained_gives_the_checkpoint_logits_and_the_recorded_answers(
    bench: Workbench, swept: Path, exported: Path
) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(exported)
    found = checks.logits(model, bench)
    trial = bench.dense.reset()
    where = checkpoint.epoch_folder(swept / "checkpoints", "t00001", 2)
    trial.load_state_dict(load_file(where / "model.safetensors"))
    ours = checks.logits(trial, bench)
    assert np.array_equal(found.view(np.int32), ours.view(np.int32))
    recorded = analysis.load(swept).answers("t00001", 2)
    assert recorded is not None
    assert checks.is_correct(found, bench).tolist() == recorded.tolist()
    assert AutoTokenizer.from_pretrained(exported)("good film")["input_ids"][0] == 2


def test_the_lineage_names_the_origin_of_the_model(swept: Path, exported: Path) -> None:
    lineage = json.loads((exported / "prunesweep.json").read_text())
    assert (lineage["trial_id"], lineage["epoch"], lineage["seed"]) == ("t00001", 2, 5)
    assert lineage["params"] == Params.of(TRIALS[1]).to_dict()
    assert lineage["config"] == json.loads((swept / "ledger.jsonl").open().readline())["config"]
    assert lineage["checks"]["differing"] == 0
    dtype = json.loads((exported / "config.json").read_text())["dtype"]
    assert lineage["checks"]["dtype"] == dtype == "float32"
    assert "| type of all weights | float32 |" in (exported / "README.md").read_text()
    assert "correct_bits" not in lineage["record"]
    for name, digest in lineage["sha256"].items():
        assert hashlib.sha256((exported / name).read_bytes()).hexdigest() == digest
    assert {*lineage["sha256"], "prunesweep.json", "README.md"} == FILES


@pytest.mark.parametrize(
    ("options", "trial"),
    [
        (["--max-drop", 1], None),
        (["--min-sparsity", 0.2], None),
        (["--trial", "t00001"], "t00001"),
        (["--trial", "t00003", "--epoch", 0], "t00003"),  # a record from before the failure
    ],
)
def test_a_request_exports_its_point(
    swept: Path, tmp_path: Path, export: Command, options: list[object], trial: str | None
) -> None:
    """The request names a point of the front, or a trial, whose best record is exported."""
    done = export(swept, "--to", tmp_path / "new" / "model", *options)
    assert done.code == 0, done.err
    assert "as recorded" in done.out
    results = analysis.load(swept)
    wanted = set(zip(results.front["trial_id"], results.front["epoch"], strict=True))
    if trial:
        records = results.story.trials[trial].records
        wanted = {(trial, max(records, key=lambda record: record["accuracy"])["epoch"])}
    lineage = json.loads((tmp_path / "new" / "model" / "prunesweep.json").read_text())
    assert (lineage["trial_id"], lineage["epoch"]) in wanted


def refused(done: Done, code: int, folder: Path, *words: str) -> None:
    """Assert that the command failed with a message and left no files in ``folder``."""
    assert_refused(done, code, *words)
    assert [path.name for path in folder.iterdir() if path.name != "own"] == []


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ([], 2, "name one point"),
        (["--knee", "--max-drop", 0.1], 2, "name one point"),
        (["--knee", "--epoch", 1], 2, "--epoch can only be used with --trial"),
        (["--max-drop", 7], 2, "max_drop must be from -1 to 1"),
        (["--min-sparsity", 0.99], 4, "no point of the front"),
        (["--knee"], 4, "has no knee"),
        (["--trial", "t00009"], 4, "no trial 't00009'"),
        (["--trial", "t00001", "--epoch", 7], 4, "no record of epoch 7; epochs: 0, 1, 2"),
        (["--trial", "t00003"], 2, "t00003 failed: diverged: loss is nan"),
        (["--trial", "t00003"], 2, "--epoch 0"),
        (["--trial", "t00004"], 2, "the worker died) has no record to export"),
    ],
)
def test_a_request_without_a_point_raises_an_error(
    swept: Path, tmp_path: Path, export: Command, options: list[object], code: int, words: str
) -> None:
    refused(export(swept, "--to", tmp_path / "a" / "b", *options), code, tmp_path, words)


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_an_existing_target_is_never_changed(
    swept: Path, tmp_path: Path, export: Command, kind: str
) -> None:
    to = tmp_path / "taken"
    {"file": to.touch, "folder": to.mkdir, "link": lambda: to.symlink_to("nowhere")}[kind]()
    before = (to.lstat().st_ino, to.lstat().st_mtime_ns)
    done = export(swept, "--to", to, "--trial", "t00000")
    assert_refused(done, 2, "already exists")
    assert (to.lstat().st_ino, to.lstat().st_mtime_ns) == before
    assert list(tmp_path.iterdir()) == [to]


def test_a_folder_that_appears_during_the_export_is_unchanged(
    swept: Path, tmp_path: Path, export: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = tmp_path / "model"

    write = sparse.save

    def meanwhile(*given: Any) -> None:  # another process creates the folder during the export
        to.mkdir()
        (to / "mine").write_text("mine")
        write(*given)

    monkeypatch.setattr(sparse, "save", meanwhile)
    assert_refused(export(swept, "--to", to, "--trial", "t00000"), 2, "appeared during the export")
    assert [path.name for path in tmp_path.rglob("*")] == ["model", "mine"]


@pytest.mark.parametrize("damage", ["missing", "cut", "of another trial"])
def test_a_trial_without_a_complete_checkpoint_raises_an_error(
    own: Path, tmp_path: Path, export: Command, damage: str
) -> None:
    where = checkpoint.epoch_folder(own / "checkpoints", "t00001", 2)
    words = ["t00001 has no complete checkpoint of epoch 2", "--epoch 0"]
    if damage == "cut":
        (where / "model.safetensors").write_bytes(b"half")
    else:
        shutil.rmtree(where)
    if damage == "of another trial":
        shutil.copytree(own / "checkpoints" / "t00002" / "epoch-0001", where)
        words = ["does not belong to trial t00001"]
    done = export(own, "--to", tmp_path / "m", "--trial", "t00001", "--epoch", 2)
    refused(done, 2, tmp_path, *words)


LINKS = ("checkpoints", "checkpoints/t00001", "checkpoints/t00001/epoch-0002/trial.json", "dense")


@pytest.mark.parametrize("name", LINKS)
def test_nothing_is_read_through_a_link(
    own: Path, tmp_path: Path, export: Command, name: str
) -> None:
    (own / name).parent.mkdir(exist_ok=True)
    if (own / name).exists():
        (own / name).rename(own / "moved")
    (own / name).symlink_to(own / "moved")
    done = export(own, "--to", tmp_path / "m", "--trial", "t00001", "--epoch", 2)
    refused(done, 6, tmp_path, f"{name} is a symbolic link")


def test_a_checkpoint_of_another_model_raises_an_error(
    own: Path, tmp_path: Path, export: Command
) -> None:
    where = checkpoint.epoch_folder(own / "checkpoints", "t00001", 2)
    state, note = checkpoint.load(where) or ({}, {})
    state["model"] = {name: value[:1] for name, value in state["model"].items()}
    checkpoint.save(where, state, {name: note[name] for name in ("params", "seed")})
    done = export(own, "--to", tmp_path / "m", "--trial", "t00001", "--epoch", 2)
    refused(done, 6, tmp_path, "epoch-0002 does not fit its trial", "remove it")


def test_answers_that_differ_from_the_record_need_may_differ(
    own: Path, tmp_path: Path, export: Command
) -> None:
    events = read_events(own)
    for event in of_kind(events, "record"):
        if (event["trial_id"], event["epoch"]) == ("t00001", 2):
            event["correct"] = 3
            del event["correct_bits"]
    (own / "ledger.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    done = export(own, "--to", tmp_path / "m", "--trial", "t00001", "--epoch", 2)
    refused(done, 6, tmp_path, "the record says 3", "answers differ", "--may-differ")
    wanted = ("--trial", "t00001", "--epoch", 2, "--may-differ", 40)
    done = export(own, "--to", tmp_path / "m", *wanted)
    assert done.code == 0, done.err
    assert "as recorded" not in done.out and "answers differ from the record" in done.out


@pytest.mark.parametrize("why", [signal.SIGINT, signal.SIGTERM, "the disk is full"])
def test_an_interrupt_or_a_full_disk_leaves_no_files(
    swept: Path,
    tmp_path: Path,
    export: Command,
    monkeypatch: pytest.MonkeyPatch,
    why: signal.Signals | str,
) -> None:
    def interrupted(*given: object) -> None:
        if isinstance(why, str):
            raise OSError(28, "No space left on device")
        os.kill(os.getpid(), why)

    monkeypatch.setattr(sparse, "save", interrupted)
    done = export(swept, "--to", tmp_path / "a" / "m", "--trial", "t00000")
    if isinstance(why, str):
        assert_refused(done, 6, "cannot write", "No space left on device")
    else:
        assert done.code == 128 + why
    assert list(tmp_path.iterdir()) == []


def test_a_missing_base_model_raises_an_error(own: Path, tmp_path: Path, export: Command) -> None:
    text = (own / "ledger.jsonl").read_text()
    model = json.loads(text.splitlines()[0])["config"]["model"]
    (own / "ledger.jsonl").write_text(text.replace(model, "/nowhere/model"))
    done = export(own, "--to", tmp_path / "m", "--trial", "t00000")
    refused(done, 2, tmp_path, "folder not found: /nowhere/model")
