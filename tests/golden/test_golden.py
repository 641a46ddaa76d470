"""Sweeps that version 0.1 left behind are read, reported, exported and resumed as 0.1 did it.

README.md beside this file says what lies here. Going on with the interrupted sweep takes Ray:
`tests/stories/test_golden.py`.
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
import optuna
import pandas as pd
import pytest
from safetensors.numpy import load_file

import analysis
from analysis import charts
from tests.harness.command import Done, call
from tests.ledger.server import s3_server

HERE = Path(__file__).parent
EXPORTS = json.loads((HERE / "torch" / "expected" / "exports.json").read_text())
MAY_DIFFER = 3
"""Answers that another processor may round to the other side, of 60."""

ADDED = {"coverage"}
"""Columns and keys that later versions added; they are empty for a sweep of 0.1."""

BOUND = "test_drop_high"
"""A column that fronts of 0.1 do not have."""

SOME_FAILED = ("closed-form", "grid")
DRAWN = ("closed-form", "torch")
"""Charts take seconds: the reports of the other sweeps are written without."""


@dataclass
class Golden:
    """A copy of a sweep's folder (or its objects in a store), and what 0.1 said of it.

    ``done`` is how the command ended that wrote tables and report anew: ``sweep resume`` of a
    finished sweep, ``sweep report`` of the interrupted one.
    """

    name: str
    where: str
    done: Done | None = None

    def read(self, name: str) -> bytes:
        """A file of the copy: 0.1's, or what this version wrote."""
        with fsspec.open(f"{self.where}/{name}", "rb") as file:
            content: bytes = file.read()
            return content

    def expected(self, name: str) -> bytes:
        """A file of what 0.1 said of the sweep."""
        return (HERE / self.name / "expected" / name).read_bytes()

    @property
    def originals(self) -> dict[str, bytes]:
        """What 0.1 left, by its name in the sweep's folder."""
        root = HERE / self.name / "sweep"
        files = [file for file in root.rglob("*") if file.is_file()]
        return {str(file.relative_to(root)): file.read_bytes() for file in files}


def copied(name: str, root: Path, stack: ExitStack) -> str:
    """A copy in a store, or in the folder ``sweep`` of ``root``, where the test then stands."""
    shutil.copytree(HERE / name, root, dirs_exist_ok=True)
    patch = stack.enter_context(pytest.MonkeyPatch.context())
    patch.chdir(root)
    if name != "store":
        return "sweep"
    pytest.importorskip("moto")
    server = stack.enter_context(s3_server())
    for variable, value in server.environment.items():
        patch.setenv(variable, value)
    fsspec.filesystem("s3").put(f"{root}/sweep", "bucket/sweeps/store", recursive=True)
    return "s3://bucket/sweeps/store"


@pytest.fixture(scope="module", params=["closed-form", "grid", "store", "torch", "interrupted"])
def golden(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Golden]:
    """Each sweep, for the time of all tests that look at it; they run where its folder lies."""
    with ExitStack() as stack:
        where = copied(request.param, tmp_path_factory.mktemp(request.param), stack)
        yield Golden(request.param, where)


@pytest.fixture
def written(
    golden: Golden, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Golden:
    """The sweep with tables and report as this version writes them, once."""
    if golden.done is None:
        if golden.name not in DRAWN:
            monkeypatch.setattr(charts, "CHARTS", ())
        command = "report" if golden.name == "interrupted" else "resume"
        golden.done = call(capsys, command, golden.where)
    return golden


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """The leaves of a JSON document by their paths.

    >>> flat({"a": [1, {"b": 2}]})
    {'/a/0': 1, '/a/1/b': 2}
    """
    if not isinstance(value, dict | list):
        return {path: value}
    parts = value.items() if isinstance(value, dict) else enumerate(value)
    return {k: leaf for key, part in parts for k, leaf in flat(part, f"{path}/{key}").items()}


def assert_same(found: Any, wanted: Any) -> None:
    """Two JSON documents are alike, their numbers but for rounding, and but for what was added."""
    found, wanted = flat(found), flat(wanted)
    added = {path for path in found if path.rpartition("/")[2] in ADDED}
    assert all(found.pop(path) is None for path in added)
    assert found.keys() == wanted.keys()
    for path, value in wanted.items():
        if isinstance(value, float):
            value = pytest.approx(value, rel=1e-9)
        assert found[path] == value, path


def claimed(row: Any) -> Any:
    """A row of a front of 0.1 as it is judged now: nothing is certified on validation."""
    is_claim = row["verdict"] == "certified" and pd.isna(row["test_accuracy"])
    return row | {"verdict": "likely"} if is_claim else row


def sections(markdown: str) -> dict[str, list[str]]:
    """The rows of the tables under each heading of a report; no sentence."""
    found: dict[str, list[str]] = {}
    for line in markdown.splitlines():
        if line.startswith("## "):
            rows = found.setdefault(line, [])
        elif line.startswith("| "):
            rows.append(line)
    return found


def test_nothing_that_0_1_left_is_changed_by_a_resume_or_a_report(written: Golden) -> None:
    assert written.done is not None
    assert written.done.code == (3 if written.name in SOME_FAILED else 0), written.done.err
    for name, content in written.originals.items():
        assert written.read(name) == content, name


@pytest.mark.parametrize("table", ["trials", "records", "front", "confirmation"])
def test_its_tables_are_those_of_0_1(written: Golden, table: str) -> None:
    results = analysis.load(written.where)
    if not (HERE / written.name / "expected" / f"{table}.csv").exists():
        assert table == "confirmation" and getattr(results, table).empty
        return
    wanted = pd.read_csv(io.BytesIO(written.expected(f"{table}.csv")))
    found = pd.read_csv(io.BytesIO(written.read(f"{table}.csv")))
    added = ADDED & set(found)
    assert found[list(added)].isna().all(axis=None)
    if table == "front":
        wanted = pd.DataFrame(map(claimed, wanted.to_dict("records")))
        assert found[BOUND].isna().equals(found["test_drop"].isna())
        added |= {BOUND}
    columns = [name for name in getattr(results, table) if name not in added]
    assert columns == list(wanted.columns)
    found = found[columns]
    pd.testing.assert_frame_equal(found, wanted, rtol=1e-9)


def test_its_front_covers_as_much(golden: Golden) -> None:
    results = analysis.load(golden.where)
    found = {
        name: getattr(results, name) for name in ("hypervolume", "knee", "reference_point", "state")
    }
    assert_same(found, json.loads(golden.expected("results.json")))


@pytest.mark.parametrize("command", ["status", "front"])
def test_the_commands_say_the_same_of_it(
    golden: Golden, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    done = call(capsys, command, golden.where, "--json")
    assert done.code == 0, done.err
    found, wanted = json.loads(done.out), json.loads(golden.expected(f"{command}.json"))
    if command == "front":
        wanted = [claimed(row) for row in wanted]
        assert all((row.pop(BOUND) is None) == (row["seeds"] is None) for row in found)
    elif "unfinished" in found["trials"]:  # 0.1 said that they run, although no driver did
        assert (found["state"], found["trials"]["running"]) == ("interrupted", 0)
        wanted["state"] = "interrupted"
        found["trials"]["running"] = found["trials"].pop("unfinished")
    assert_same(found, wanted)


def test_its_report_has_the_same_sections_and_tables(written: Golden) -> None:
    said = written.expected("report.md").decode()
    if "UNCONFIRMED" in said:  # nothing is certified on validation
        said = said.replace("| certified |", "| likely |")
    found, wanted = sections(written.read("report.md").decode()), sections(said)
    if written.name in DRAWN:
        assert list(found) == list(wanted)
    else:
        wanted = {heading: wanted[heading] for heading in found}
    assert [rows for rows in found.values() if rows] == [rows for rows in wanted.values() if rows]
    assert b"<html" in written.read("report.html")


def test_its_study_holds_the_same_trials(
    golden: Golden, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to = tmp_path / "study.db"
    assert call(capsys, "export-study", golden.where, "--to", to).code == 0
    study = optuna.load_study(study_name=None, storage=f"sqlite:///{to}")
    names = ("number", "params", "values", "user_attrs")
    found = [
        {"state": trial.state.name, **{name: getattr(trial, name) for name in names}}
        for trial in study.trials
    ]
    assert_same(found, json.loads(golden.expected("study.json")))


@pytest.fixture(scope="module")
def torch_sweep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The sweep of a real model, beside the model and the data that its config names."""
    with ExitStack() as stack:
        root = tmp_path_factory.mktemp("torch")
        copied("torch", root, stack)
        yield root / "sweep"


@pytest.mark.parametrize("wanted", EXPORTS, ids=lambda wanted: " ".join(wanted["options"]))
def test_its_points_are_exported_and_answer_as_recorded(
    torch_sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], wanted: dict[str, Any]
) -> None:
    to = tmp_path / "model"
    differ = ("--may-differ", MAY_DIFFER)
    options = wanted["options"]
    if options[0] == "--max-drop":  # 0.1 went by the figure alone; now a denser point is certain
        answer = analysis.load(torch_sweep).best(max_drop=float(options[1]))
        assert answer.certain and answer.point["sparsity"] < wanted["sparsity"]
        assert answer.by_figure["trial_id"] == wanted["trial_id"]
        options = ["--trial", wanted["trial_id"], "--epoch", wanted["epoch"]]
    done = call(capsys, "export", torch_sweep, "--to", to, *options, *differ)
    assert done.code == 0, done.err
    assert {file.name for file in to.iterdir()} == set(wanted["files"])
    lineage = json.loads((to / "prunesweep.json").read_text())
    for name in ("trial_id", "epoch"):
        assert lineage[name] == wanted[name]
    for name in ("correct", "weights_correct"):
        assert lineage["checks"][name] == pytest.approx(wanted[name], abs=MAY_DIFFER)
    masks = load_file(to / "masks.safetensors").values()
    zeros = 1 - sum(mask.sum() for mask in masks) / sum(mask.size for mask in masks)
    assert lineage["record"]["sparsity"] == wanted["sparsity"]
    assert zeros == pytest.approx(wanted["sparsity"], abs=0.01), "rounding makes some more"
