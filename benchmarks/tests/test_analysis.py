"""The benchmark of analysis/ on a small ledger, which must be a consistent sweep."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import analysis
from benchmarks import analysis as benchmark
from benchmarks.big_ledger import CONFIG, EXAMPLES, RECORDS, RUNGS, WORKERS, write_ledger

TRIALS = 80


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_ledger(tmp_path_factory.mktemp("big"), TRIALS, seed=3)


@pytest.fixture(scope="module")
def results(folder: Path) -> analysis.Results:
    return analysis.load(folder)


def test_the_ledger_is_a_complete_sweep(results: analysis.Results) -> None:
    assert (results.state, len(results.trials)) == ("finished", TRIALS)
    assert len(results.records) == RECORDS * TRIALS + 1, "the dense model's, too"
    assert results.counts == {"completed": 39, "stopped": 40, "failed": 1, "running": 0}
    assert results.cost.workers == WORKERS and 0 < (results.cost.utilisation or 0) < 1
    bounds = CONFIG["space"]["finetune_epochs"]
    assert results.trials["param_finetune_epochs"].between(bounds["low"], bounds["high"]).all()


def test_the_figures_of_a_record_are_consistent(results: analysis.Results) -> None:
    records = results.records[results.records["stage"] != "baseline"]
    for row in records[::37].itertuples():
        answers = results.answers(row.trial_id, row.epoch)
        assert answers is not None and len(answers) == EXAMPLES
        assert answers.sum() == row.correct == round(row.accuracy * EXAMPLES)
        layers = results.layers(row.trial_id, row.epoch)
        assert layers is not None
        assert layers["zeros"].sum() / layers["count"].sum() == pytest.approx(row.sparsity)
    dense = results.baseline["accuracy"] if results.baseline else np.nan
    assert np.allclose(records["accuracy_drop"], dense - records["accuracy"])


def test_every_stopped_trial_has_a_decision_at_a_rung(results: analysis.Results) -> None:
    stops = results.decisions[results.decisions["action"] == "stop"].set_index("trial_id")["epoch"]
    stopped = results.trials[results.trials["status"] == "stopped"].set_index("trial_id")["epoch"]
    assert stops.sort_index().equals(stopped.sort_index())
    assert set(results.decisions["epoch"]) == set(RUNGS)


def test_times_increase_and_workers_run_one_trial_at_a_time(results: analysis.Results) -> None:
    times = [event["time"] for event in results.events]
    assert times == sorted(times)
    for _, stays in results.timeline.sort_values(["worker", "start"]).groupby("worker"):
        assert (stays["start"].to_numpy()[1:] >= stays["end"].to_numpy()[:-1]).all()


def test_sparsity_reduces_accuracy_and_epochs_restore_it(results: analysis.Results) -> None:
    done = results.trials[results.trials["status"] == "completed"]
    assert done["sparsity"].corr(done["accuracy"]) < -0.3
    first = results.records[results.records["epoch"] == 0].set_index("trial_id")["accuracy"]
    assert (done.set_index("trial_id")["accuracy"] - first).mean() > 0.02


def test_the_same_seed_gives_the_same_ledger(folder: Path, tmp_path: Path) -> None:
    made = (folder / "ledger.jsonl").read_bytes()
    assert (write_ledger(tmp_path / "a", TRIALS, 3) / "ledger.jsonl").read_bytes() == made
    assert (write_ledger(tmp_path / "b", TRIALS, 4) / "ledger.jsonl").read_bytes() != made


def test_too_few_trials_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"at least 20 trials, got 19"):
        write_ledger(tmp_path, 19)


def test_every_stage_is_measured_on_the_right_data(folder: Path, results: analysis.Results) -> None:
    seen = {stage: benchmark.measure(stage, folder) for stage in benchmark.STAGES}
    counts = {name: n for figures in seen.values() for name, n in figures["counts"].items()}
    page = folder / "report.html"
    assert counts == {
        "trials": TRIALS,
        "records": RECORDS * TRIALS,
        "points": len(results.front),
        "hypervolume": results.hypervolume,
        "steps": RECORDS * TRIALS,
        "report_mb": page.stat().st_size / 1e6,
        "files": len(list(folder.rglob("*"))) - 3,  # less the ledger and two folders
    }
    took = {name: spent for figures in seen.values() for name, spent in figures["took"].items()}
    assert set(took) == {"import", "load", "front", "probability", "traces", "report"}
    table = benchmark.table(took, counts).splitlines()
    assert [line.split()[0] for line in table[1:-2]] == list(took)
    words = dict(word.split("=") for word in benchmark.last_line(took, counts).split())
    assert list(words) == ["load_s", "front_s", "report_s", "report_mb"]
    assert float(words["report_s"]) == pytest.approx(took["report"][0], abs=1e-3)
