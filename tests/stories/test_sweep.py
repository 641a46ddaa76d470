"""Whole sweeps, with real Ray and Optuna, on the closed-form task."""

from __future__ import annotations

import json
from pathlib import Path

import moocore
import numpy as np
import pandas as pd
import pytest

import analysis
from analysis.tables.columns import PARAMS, contract, front_columns
from sweep.ledger.metric import PrimaryMetric
from tests.harness import sweeps
from tests.harness.command import Command, assert_refused
from tests.harness.sweeps import CONFIG, assert_each_once, keys, of_kind, story
from tests.stories.conftest import Sweep

FILES = ("config.yaml", "ledger.jsonl", "report.md")
TABLES = ("trials", "records", "front")


def test_a_sweep_succeeds_and_leaves_the_files_of_the_contract(undisturbed: Sweep) -> None:
    assert undisturbed.done.code == 0, undisturbed.done.err
    names = [*FILES, *(f"{table}.{kind}" for table in TABLES for kind in ("csv", "parquet"))]
    assert [name for name in names if not (undisturbed.folder / name).is_file()] == []
    assert list((undisturbed.folder / "figures").glob("*.png"))
    assert analysis.load(undisturbed.folder).state == "finished"


def test_the_tables_have_the_columns_of_the_contract(undisturbed: Sweep) -> None:
    metric = PrimaryMetric()
    always = [*contract(metric), *(f"param_{name}" for name in PARAMS)]
    for table in TABLES:
        frame = pd.read_csv(undisturbed.folder / f"{table}.csv")
        wanted = always + (list(front_columns(metric)) if table == "front" else [])
        assert [name for name in wanted if name not in frame.columns] == []
        assert len(frame) > 0


def test_data_goes_to_standard_output_and_progress_to_standard_error(undisturbed: Sweep) -> None:
    done = undisturbed.done
    assert "Pareto front" in done.out and "trial_id" in done.out
    assert "10/10" in done.err and f"sweep resume {undisturbed.folder}" in done.err
    noise = ("Traceback", "Warning", "(raylet", "(pid=", "\x1b")
    assert [word for word in noise if word in done.err + done.out] == []
    one_line_each = [line for line in done.err.splitlines() if " t000" in line]
    assert len(one_line_each) == 10


def test_trials_run_to_their_last_epoch_or_are_stopped_for_a_reason(undisturbed: Sweep) -> None:
    events = undisturbed.events
    assert_each_once(events, trials=10)
    asked = {e["trial_id"]: e["params"]["finetune_epochs"] for e in of_kind(events, "trial")}
    last = {e["trial_id"]: e["epoch"] for e in of_kind(events, "record")}
    stops = {e["trial_id"]: e for e in of_kind(events, "decision") if e["action"] == "stop"}
    ends = {e["trial_id"]: e["status"] for e in of_kind(events, "end")}
    assert ends == {name: "stopped" if name in stops else "completed" for name in asked}
    assert stops, "rungs that stop nobody test nothing: choose another seed"
    for name, epochs in asked.items():
        assert last[name] == (stops[name]["epoch"] if name in stops else epochs)
    assert all(stop["beaten_by"] and stop["reason"] for stop in stops.values())


def test_the_front_is_the_non_dominated_set_of_moocore(undisturbed: Sweep) -> None:
    records = pd.read_csv(undisturbed.folder / "records.csv")
    front = pd.read_csv(undisturbed.folder / "front.csv")
    pool = records[(records["stage"] != "baseline") & ~records["partial"].astype(bool)]
    points = pool[["accuracy", "sparsity"]].to_numpy()
    kept = moocore.is_nondominated(points, maximise=[True, True], keep_weakly=False)
    assert keys(front) == keys(pool[kept])
    assert len(front) == int(np.sum(kept)) > 1


def test_only_checkpoints_of_the_front_are_kept(undisturbed: Sweep) -> None:
    front = pd.read_csv(undisturbed.folder / "front.csv")
    wanted = {f"{name}/epoch-{epoch:04d}" for name, epoch in keys(front) if epoch > 0}
    root = undisturbed.folder / "checkpoints"
    assert {str(path.relative_to(root)) for path in root.glob("*/*")} == wanted
    assert list(root.rglob("optimizer.safetensors")) == []


def test_the_saved_config_is_the_resolved_one_and_runs(undisturbed: Sweep, cli: Command) -> None:
    done = cli("check", undisturbed.folder / "config.yaml", "--json")
    assert done.code == 0
    config = undisturbed.events[0]["config"]
    assert json.loads(done.out)["config"] == config
    assert config["search"]["seed"] == CONFIG["search"]["seed"]


def test_the_same_command_again_does_nothing_more(undisturbed: Sweep, cli: Command) -> None:
    before = (undisturbed.folder / "ledger.jsonl").read_bytes()
    again = cli("run", undisturbed.config, "--out", undisturbed.folder)
    assert again.code == 0, again.err
    assert (undisturbed.folder / "ledger.jsonl").read_bytes() == before
    assert again.out == undisturbed.done.out


def test_another_config_in_the_same_folder_or_fewer_trials_are_refused(
    undisturbed: Sweep, cli: Command
) -> None:
    before = (undisturbed.folder / "ledger.jsonl").read_bytes()
    settings = ("search.seed=4", "recover.batch_size=16")
    done = cli("run", undisturbed.config, *settings, "--out", undisturbed.folder)
    assert_refused(done, 2, "search.seed: 3 -> 4", "recover.batch_size: 32 -> 16", "--out")
    assert_refused(cli("resume", undisturbed.folder, "--trials", 9), 2, "at least 10")
    assert (undisturbed.folder / "ledger.jsonl").read_bytes() == before


def test_a_formula_has_no_model_to_export(undisturbed: Sweep, tmp_path: Path, cli: Command) -> None:
    done = cli("export", undisturbed.folder, "--to", tmp_path / "model", "--knee")
    assert_refused(done, 2, "no model to export")
    assert not (tmp_path / "model").exists()


@pytest.mark.slow
def test_neither_driver_nor_worker_loads_torch_for_a_formula(address: str, tmp_path: Path) -> None:
    task = {"seconds_per_epoch": 1.0}
    config = sweeps.write_config(tmp_path / "slow.yaml", task=task, search={"trials": 1})
    folder = tmp_path / "sweep"
    given = ("run", config, "--out", folder, "--address", address)
    with sweeps.started(folder, tmp_path / "log", *given, kind=sweeps.Whole) as process:
        record = process.wait_for(process.mid_trial)
        for pid in (process.pid, sweeps.worker_pid(record)):
            loaded = Path(f"/proc/{pid}/maps").read_text()
            assert "numpy" in loaded and "libtorch" not in loaded
        done = process.end()
    assert done.code == 0, done.err


@pytest.mark.slow
def test_a_torn_ledger_is_repaired_and_the_sweep_extended(mended: Sweep) -> None:
    assert mended.done.code == 0, mended.done.err
    assert_each_once(mended.events, trials=12)
    assert analysis.load(mended.folder).trials_planned == 12


@pytest.mark.slow
def test_the_lost_records_are_computed_again(mended: Sweep, undisturbed: Sweep) -> None:
    again = [e for e in mended.events if e.get("trial_id", "") < "t00010"]
    assert story(again) == story(undisturbed.events)


@pytest.mark.slow
def test_an_extended_sweep_stays_extended(mended: Sweep, cli: Command) -> None:
    before = (mended.folder / "ledger.jsonl").read_bytes()
    done = cli("resume", mended.folder)
    assert done.code == 0 and "--trials 24" in done.err
    assert (mended.folder / "ledger.jsonl").read_bytes() == before


@pytest.mark.slow
def test_a_diverging_trial_fails_with_its_reason_and_the_sweep_continues(diverging: Sweep) -> None:
    assert diverging.done.code == 3, diverging.done.err
    trials = pd.read_csv(diverging.folder / "trials.csv")
    is_absurd = trials["param_learning_rate"] > 1
    assert trials[is_absurd]["status"].tolist() == ["failed", "failed"]
    assert trials[~is_absurd]["status"].tolist() == ["completed", "completed"]
    assert trials[is_absurd]["error"].str.contains("diverged").all()
    assert trials[is_absurd]["epoch"].tolist() == [0, 0]  # what it had before is kept


@pytest.mark.slow
def test_a_grid_knows_how_many_trials_it_has(diverging: Sweep, cli: Command) -> None:
    found = json.loads(cli("status", diverging.folder, "--json").out)
    assert found["planned"] == 4 and found["state"] == "finished"
    assert found["trials"]["failed"] == len(found["failures"]) == 2
    assert_refused(cli("resume", diverging.folder, "--trials", 8), 2, "at most 4, the points")


@pytest.mark.slow
def test_two_workers_share_the_trials(diverging: Sweep) -> None:
    assert of_kind(diverging.events, "workers")[0]["count"] == 2
    assert len({record["worker"] for record in of_kind(diverging.events, "record")}) == 2
    assert_each_once(diverging.events, trials=4)


@pytest.mark.slow
def test_data_that_cannot_be_used_leaves_no_folder(
    address: str, model_folder: Path, data_files: dict[str, str], tmp_path: Path
) -> None:
    config = {"name": "words", "model": str(model_folder)}
    config["task"] = {"dataset": data_files, "text": "review"}
    (tmp_path / "words.yaml").write_text(json.dumps(config))
    folder = tmp_path / "results" / "words"
    given = (tmp_path / "words.yaml", f"storage={folder.parent}", "--address", address)
    done = sweeps.run(folder, tmp_path / "log", "run", *given)
    assert done.code == 2 and "has no column 'review'" in done.err
    assert "Traceback" not in done.err
    assert not folder.parent.exists()
