"""`sweep report`: its files and its refusals. The text of `status`, `front` and `confirm`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import analysis
from sweep.cli.results import front_text, status_of
from sweep.cli.run import confirmed_text
from sweep.errors import UsageError
from sweep.export.point import on_front
from tests.analysis.ledgers import DENSE, EXAMPLES, LedgerBuilder, big_sweep, small_sweep
from tests.analysis.regression import confirmed_rmse_sweep
from tests.analysis.report.pages import Page
from tests.harness.command import Command, assert_refused


def test_a_report_goes_into_the_folder_of_its_sweep_or_to_out(cli: Command, tmp_path: Path) -> None:
    folder = small_sweep().write(tmp_path / "sweep")
    done = cli("report", folder, "--out", "here")
    assert done.code == 0 and done.out == "here/report.html\n"
    assert [path.name for path in folder.iterdir()] == ["ledger.jsonl"]
    assert (tmp_path / "here" / "front.csv").is_file()
    done = cli("report", folder)
    assert done.code == 0 and done.out == f"{folder}/report.html\n"
    files = {"report.html", "report.md", "trials.csv", "front.parquet", "figures", "tables"}
    assert files <= {path.name for path in folder.iterdir()}
    assert set(tmp_path.iterdir()) == {folder, tmp_path / "here"}


@pytest.mark.parametrize("name", ["figures", "tables"])
def test_a_report_is_not_written_through_a_link_in_the_folder(
    cli: Command, tmp_path: Path, name: str
) -> None:
    """No file is written there, and no chart without content is deleted there."""
    folder = small_sweep().write(tmp_path / "sweep")
    victim = tmp_path / "elsewhere"
    victim.mkdir()
    charts = dict.fromkeys(("front.png", "importance.png", "methods.png"), "precious")
    for chart, text in charts.items():
        (victim / chart).write_text(text)
    (folder / name).symlink_to(victim)
    for arguments in ([folder], [folder, folder, "--out", folder]):
        done = cli("report", *arguments)
        assert_refused(done, 6, f"{folder / name} is a symbolic link", "remove it")
    assert {file.name: file.read_text() for file in victim.iterdir()} == charts


@pytest.mark.slow
def test_a_link_in_place_of_a_file_is_replaced(cli: Command, tmp_path: Path) -> None:
    """A link under the temporary name of the file is not followed either."""
    folder = small_sweep().write(tmp_path / "sweep")
    (tmp_path / "victim").write_text("precious")
    waiting = f".report.{os.getpid()}.part.html"
    for name in ("report.html", "trials.csv", "front.parquet", waiting):
        (folder / name).symlink_to(tmp_path / "victim")
    assert cli("report", folder).code == 0
    assert (tmp_path / "victim").read_text() == "precious"
    assert [path.name for path in folder.iterdir() if path.is_symlink()] == [waiting]


def test_several_sweeps_are_compared(cli: Command, tmp_path: Path) -> None:
    folders = [small_sweep().write(tmp_path / "a"), big_sweep(8).write(tmp_path / "b")]
    done = cli("report", *folders)
    assert done.code == 0, done.err
    assert done.out == "report/report.html\n"
    page = Page((tmp_path / "report" / "report.html").read_text())
    assert page.all("h1")[0].text == "Sweeps compared"
    for folder in folders:
        assert [path.name for path in folder.iterdir()] == ["ledger.jsonl"], "nothing is changed"


def test_sweeps_with_different_objectives_are_not_compared(cli: Command, tmp_path: Path) -> None:
    one = small_sweep().write(tmp_path / "a")
    two = LedgerBuilder(directions={"accuracy": "max", "size_bytes": "min"}).write(tmp_path / "b")
    assert_refused(cli("report", one, two), 2, "different objectives", "size_bytes min", str(two))
    assert not (tmp_path / "report").exists()


def test_a_folder_without_a_sweep_is_refused(cli: Command, tmp_path: Path) -> None:
    folder = small_sweep().write(tmp_path / "a")
    (tmp_path / "b").mkdir()
    assert_refused(cli("report", "b"), 2, "is not a sweep")
    assert_refused(cli("report", folder, "b"), 2, "is not a sweep")
    assert_refused(cli("report", folder, "c"), 2, "no such folder")
    newer = LedgerBuilder(version=99).write(tmp_path / "newer")
    assert_refused(cli("report", folder, newer), 6, "version 99")


def test_status_shows_each_step_to_a_quantised_dense_model(cli: Command, tmp_path: Path) -> None:
    steps = {"dense_accuracy": 0.9, "ptq_accuracy": 0.5}
    ledger = LedgerBuilder().baseline(872, **steps).trial("a").record("a", 0, 700, 0.5).end("a")
    quantised = ledger.write(tmp_path / "a")
    assert "(dense 1.0000 (floats 0.9000, PTQ 0.5000); unconf" in cli("status", quantised).out
    told = json.loads(cli("status", quantised, "--json").out)
    wanted = {**steps, "qat_accuracy": None}
    assert {name: told[name] for name in wanted} == wanted
    plain = cli("status", small_sweep().write(tmp_path / "b")).out
    assert "floats" not in plain and "quantization" not in plain


def test_front_shows_the_quantization_of_its_points(cli: Command, tmp_path: Path) -> None:
    ledger = LedgerBuilder(directions={"accuracy": "max", "size_bytes": "min"}).baseline()
    for name, grid, correct, size in (("a", "int8", 700, 9_000), ("b", "none", 800, 36_000)):
        ledger.trial(name, quantization=grid).record(name, 0, correct, 0.5, size_bytes=size)
        ledger.end(name)
    lines = cli("front", ledger.write(tmp_path / "a")).out.splitlines()
    assert lines[0].split()[-3:] == ["trial_id", "quantization", "size_bytes"]
    found = sorted(line.split()[-3:] for line in lines[1:])
    assert found == [["a", "int8", "9,000"], ["b", "none", "36,000"]]


def test_a_confirmed_front_shows_test_figures_and_a_dash_for_new_points(
    cli: Command, tmp_path: Path
) -> None:
    """On validation b is 5 examples below dense, on test 25."""
    ledger = LedgerBuilder().baseline()
    for name, right, sparsity in (("a", DENSE, 0.3), ("b", DENSE - 5, 0.6)):
        ledger.trial(name).record(name, 0, right, sparsity).end(name)
    assert "test_drop" not in cli("front", ledger.write(tmp_path / "young")).out
    on_test = {("a", 0): {1: DENSE}, ("b", 0): {1: DENSE - 25}}
    ledger.confirm_round(on_test, dense=DENSE)
    folder = ledger.write(tmp_path / "confirmed")
    lines = cli("front", folder).out.splitlines()
    assert lines[0].split()[-2:] == ["test_accuracy", "test_drop"]
    assert lines[2].split()[-3:] == ["b", f"{(DENSE - 25) / EXAMPLES:.4f}", f"{25 / EXAMPLES:+.4f}"]
    within = cli("front", folder, "--max-drop", 0.02).out.splitlines()
    assert within[0].split()[-2:] == ["test_drop_high", "certain"] and "test_drop" in within[0]
    assert [line.split()[-5] for line in within[1:-1]] == ["a"] and within[1].endswith(" yes")
    assert within[-1].startswith("The sparsest point with at most 2 points below dense: a after")
    assert within[-1].endswith("is certain at 95 %, also after this choice.")
    [row] = json.loads(cli("front", folder, "--max-drop", 0.02, "--json").out)
    assert [row[k] for k in ("certain", "answer_by_bound", "answer_by_figure")] == [True] * 3
    rows = json.loads(cli("front", folder, "--max-drop", 0.03, "--json").out)
    chosen = {k: [row[k] for row in rows] for k in ("answer_by_bound", "answer_by_figure")}
    assert chosen == {"answer_by_bound": [True, False], "answer_by_figure": [False, True]}
    text = cli("front", folder, "--max-drop", 0.03).out
    assert "By its figure alone the answer would be b after" in text and "optimistic" in text
    ledger.trial("c").record("c", 0, DENSE - 9, 0.9).end("c")  # found after the confirmation
    later = cli("front", ledger.write(tmp_path / "later")).out.splitlines()
    assert later[3].split()[-3:] == ["c", "-", "-"]


@pytest.mark.slow
@pytest.mark.parametrize("taken", ["report.md", "figures"])
def test_no_file_is_left_half_written(cli: Command, tmp_path: Path, taken: str) -> None:
    """Where a folder is in the place of a file, or a file in that of a folder."""
    folder = small_sweep().write(tmp_path / "a")
    (folder / "report.md").mkdir() if taken == "report.md" else (folder / "figures").touch()
    assert_refused(cli("report", folder), 6, "cannot write")
    assert not [name for name in os.listdir(folder) if ".part" in name]
    place = (folder / taken).rename(tmp_path / "file")
    if place.is_file():
        assert_refused(cli("report", folder, "--out", "file"), 6, "cannot write", "file")
        assert_refused(cli("report", folder, folder, "--out", "file"), 6, "cannot write")


# What `sweep confirm` prints.


@pytest.fixture
def ledger() -> LedgerBuilder:
    """Two trials, of which ta is denser and better."""
    built = LedgerBuilder().baseline()
    built.trial("ta", sparsity=0.5).record("ta", 0, 800, 0.5).end("ta")
    return built.trial("tb", sparsity=0.7).record("tb", 0, 700, 0.7).end("tb")


def text_of(ledger: LedgerBuilder, folder: Path) -> str:
    return confirmed_text(analysis.load(ledger.write(folder)))


def share(correct: int) -> str:
    return f"{correct / EXAMPLES:.4f}"


def cells(text: str, trial: str) -> list[str]:
    [row] = [line.split() for line in text.splitlines() if trial in line.split()]
    return row


def test_mean_spread_and_optimism_of_each_point(ledger: LedgerBuilder, tmp_path: Path) -> None:
    ledger.confirm_round({("ta", 0): {7: 760, 8: 780}, ("tb", 0): {7: 680}}, dense=790)
    [begun] = [event for event in ledger.events if event["event"] == "confirm"]
    begun["points"][1]["why"] = "runner-up"
    text = text_of(ledger, tmp_path)
    assert cells(text, "ta") == [
        "0.500", share(800), share(770), f"{20 / EXAMPLES / 2**0.5:.4f}", "2",
        f"{30 / EXAMPLES:+.4f}", f"{-20 / EXAMPLES:+.4f}", "0", "ta",
    ]  # fmt: skip
    assert cells(text, "tb") == [
        "0.700", share(700), share(680), "1",
        f"{20 / EXAMPLES:+.4f}", f"{-110 / EXAMPLES:+.4f}", "0", "tb", "(r)",
    ]  # fmt: skip
    assert f"({EXAMPLES} examples, dense {share(790)})" in text
    mean = f"{30 / EXAMPLES:+.4f}"
    assert f"optimism of the front (validation minus test): {mean} on average" in text
    assert "every seed" not in text


def test_a_note_says_that_all_seeds_gave_the_same_answers(
    ledger: LedgerBuilder, tmp_path: Path
) -> None:
    ledger.confirm_round({("ta", 0): {7: 780, 8: 780}, ("tb", 0): {7: 680, 8: 680}})
    records = [event for event in ledger.events if event["event"] == "confirm_record"]
    records[-1]["correct_bits"] = records[0]["correct_bits"]  # other answers than those of seed 7
    text = text_of(ledger, tmp_path)
    assert cells(text, "ta")[3] == "0.0000*"
    assert cells(text, "tb")[3] == "0.0000"
    assert "the same under every seed" in text and "runner-up" not in text


def test_older_rounds_are_left_out(ledger: LedgerBuilder, tmp_path: Path) -> None:
    ledger.confirm_round({("ta", 0): {7: 780}, ("tb", 0): {7: 600}})
    text = text_of(ledger.confirm_round({("ta", 0): {}}), tmp_path)
    assert cells(text, "ta")[2:5] == [share(780), "1", f"{20 / EXAMPLES:+.4f}"]
    assert share(600) not in text and "tb" not in text


def test_a_confirmation_without_a_record_says_so(ledger: LedgerBuilder, tmp_path: Path) -> None:
    ledger.confirm_round({("ta", 0): {}}, finish=False)
    assert text_of(ledger, tmp_path) == "no evaluation on test yet"


# A sweep by another metric.


def test_commands_show_any_metric_and_only_classifiers_are_exported() -> None:
    results = confirmed_rmse_sweep().load()
    status, front = status_of(results), results.front
    assert (status["best_rmse"], status["baseline_rmse"]) == (front["rmse"].min(), 1.0)
    assert not [name for name in status if "accuracy" in name]
    text = front_text(front, results.metric)
    assert text.split()[:5] == ["sparsity", "rmse", "rmse_low", "rmse_high", "rmse_drop"]
    assert f"{front['test_rmse'].iloc[0]:.4g}" in text
    assert "optimism of the front (test minus validation): +0.1 on" in confirmed_text(results)
    with pytest.raises(UsageError, match="only classifiers can be exported"):
        on_front(results, True, None, None)
