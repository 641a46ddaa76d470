from __future__ import annotations

from pathlib import Path

import pytest

from analysis import load
from analysis import markdown as md
from analysis.report import report_text, write_report
from tests.analysis.ledgers import LedgerBuilder, big_sweep, small_sweep


def report(ledger: LedgerBuilder, folder: Path) -> str:
    return report_text(load(ledger.write(folder)))


def test_a_report_and_its_figures_are_written(tmp_path: Path) -> None:
    folder = big_sweep().write(tmp_path / "sweep")
    path = write_report(load(folder), folder)
    assert path == folder / "report.md"
    text = path.read_text()
    assert "![The Pareto front](figures/front.png)" in text
    assert (folder / "figures" / "front.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (folder / "figures" / "front.svg").read_text()
    assert sorted(file.name for file in (folder / "figures").iterdir()) == [
        "front.png",
        "front.svg",
    ]


def test_the_same_sweep_gives_the_same_report(tmp_path: Path) -> None:
    results = load(small_sweep().write(tmp_path))
    files = ("report.md", "figures/front.svg")
    for folder in ("one", "two"):
        write_report(results, tmp_path / folder)
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_validation_figures_are_marked_unconfirmed(tmp_path: Path) -> None:
    text = report(small_sweep(), tmp_path)
    assert "## Answer (UNCONFIRMED)" in text
    assert "validation accuracy" in text
    assert "test accuracy" not in text


def test_the_answer_is_the_sparsest_point_near_dense(tmp_path: Path) -> None:
    text = report(small_sweep(), tmp_path)
    assert "**50.0 % sparsity at 91.17 % validation accuracy**" in text
    assert "0.57 points below dense" in text
    assert "no clear knee" in text


def test_where_nothing_is_near_dense_it_is_said(tmp_path: Path) -> None:
    ledger = LedgerBuilder().baseline().trial("a").record("a", 0, 500, 0.5)
    assert "No point is within one point of dense" in report(ledger, tmp_path)
    ledger = LedgerBuilder().trial("a").record("a", 0, 500, 0.5, accuracy_drop=None)
    assert "no dense baseline yet" in report(ledger, tmp_path)


def test_cost_and_failures(tmp_path: Path) -> None:
    ledger = small_sweep().add("lost", trial_id="t00003", attempt=1, reason="SIGKILL")
    text = report(ledger, tmp_path)
    assert "| finetune epochs spent | 4 |" in text
    assert "| if every trial ran to its end | 10 |" in text
    assert "| saved by stopping trials | 2 (20 %) |" in text
    assert "| t00002 | - | the loss is not finite |" in text
    assert "a worker was lost in t00003: SIGKILL" in text


def test_warnings_of_the_baseline_are_shown(tmp_path: Path) -> None:
    ledger = LedgerBuilder().baseline(warnings=["it has seen the validation set"])
    assert "- **Warning:** it has seen the validation set" in report(ledger, tmp_path)


@pytest.mark.parametrize(
    ("ledger", "say"),
    [
        (LedgerBuilder(), "the sweep has no trials yet"),
        (LedgerBuilder().baseline(), "the sweep has no trials yet"),
        (LedgerBuilder().baseline().trial("a"), "the sweep has no finished evaluation yet"),
    ],
)
def test_a_sweep_without_a_front_says_so(tmp_path: Path, ledger: LedgerBuilder, say: str) -> None:
    folder = ledger.write(tmp_path)
    text = write_report(load(folder), folder).read_text()
    assert f"There is no front: {say}." in text
    assert "UNCONFIRMED" not in text


def test_a_sweep_that_was_just_made_has_a_report(tmp_path: Path) -> None:
    (tmp_path / "ledger.jsonl").touch()
    text = write_report(load(tmp_path), tmp_path).read_text()
    assert "no trials yet" in text and "It is not evaluated yet" in text


def test_text_from_trials_is_no_markup(tmp_path: Path) -> None:
    error = "<script>alert(1)</script> | a\n\n# b [x](http://y) `c`"
    ledger = LedgerBuilder().trial("t|1").end("t|1", "failed", error)
    text = report(ledger, tmp_path)
    assert "<script>" not in text and "\n# b" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; \\| a # b \\[x\\](http://y) \\`c\\`" in text


def test_a_long_front_is_thinned_and_says_so(tmp_path: Path) -> None:
    ledger = LedgerBuilder().baseline()
    for number in range(100):
        ledger.trial(f"t{number}").record(f"t{number}", 0, 800 - number, number / 100)
    text = report(ledger, tmp_path)
    assert "100 points of 100 evaluations. 40 of them" in text
    assert sum(line.startswith("| t") and line[3].isdigit() for line in text.splitlines()) == 40


def test_commands_are_quoted(tmp_path: Path) -> None:
    text = report(small_sweep(), tmp_path / "my sweep")
    assert f"sweep resume '{tmp_path}/my sweep'" in text


def test_numbers_for_people() -> None:
    assert md.percent(0.5) == "50.00 %" and md.percent(None) == md.UNKNOWN
    assert md.duration(59.94) == "59.9 s" and md.duration(7500) == "2 h 05 min"
    assert md.duration(723) == "12 min 03 s"
    assert md.number(20_000) == "20,000" and md.number(float("nan")) == md.UNKNOWN
    assert md.count(1, "trial") == "1 trial" and md.count(0, "trial") == "0 trials"
