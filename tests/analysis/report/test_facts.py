from __future__ import annotations

from pathlib import Path

from analysis import load
from analysis.report import facts, markdown
from tests.analysis.ledgers import LedgerBuilder, small_sweep


def test_the_dense_models_figures_and_warnings(tmp_path: Path) -> None:
    ledger = LedgerBuilder().baseline(warnings=["it has seen the validation set"], f1=0.5)
    text = markdown.section(facts.baseline(load(ledger.write(tmp_path))))
    assert "> **Warning:** it has seen the validation set" in text
    assert "| accuracy | 91.74 % |" in text and "| f1 | 0.5 |" in text
    assert "models/tiny" in text


def test_a_quantised_dense_model_is_told_step_by_step(tmp_path: Path) -> None:
    steps = {"dense_accuracy": 0.9, "ptq_accuracy": 0.5, "qat_accuracy": 0.8}
    ledger = LedgerBuilder().baseline(**steps, quantized_sparsity=0.25)
    text = markdown.section(facts.baseline(load(ledger.write(tmp_path))))
    assert "| accuracy in floats | 90.00 % |" in text
    assert "| accuracy after quantisation (PTQ) | 50.00 % |" in text
    assert "| accuracy after finetuning on the grid (QAT) | 80.00 % |" in text
    assert "| zeros by quantisation | 25.00 % |" in text
    plain = load(LedgerBuilder().baseline().write(tmp_path / "plain"))
    assert "quantisation" not in markdown.section(facts.baseline(plain))


def test_the_dense_model_on_test_stands_beside_it(tmp_path: Path) -> None:
    ledger = small_sweep().confirm_round({("t00000", 2): {1: 780}}, dense=785)
    text = markdown.section(facts.baseline(load(ledger.write(tmp_path))))
    assert "|  | validation | test |" in text
    assert "| accuracy | 91.74 % | 90.02 % |" in text


def test_a_baseline_that_is_not_there_yet(tmp_path: Path) -> None:
    text = markdown.section(facts.baseline(load(LedgerBuilder().write(tmp_path))))
    assert "It is not evaluated yet." in text


def test_cost(tmp_path: Path) -> None:
    text = markdown.section(facts.cost(load(small_sweep().write(tmp_path))))
    assert "| finetune epochs spent | 4 |" in text
    assert "| if every trial ran to its end | 10 |" in text
    assert "| saved by stopping trials | 2 (20 %) |" in text


def test_failures_have_their_reasons(tmp_path: Path) -> None:
    ledger = small_sweep().add("lost", trial_id="t00003", attempt=1, reason="SIGKILL")
    text = markdown.section(facts.failures(load(ledger.write(tmp_path))))
    assert "| t00002 | - | the loss is not finite |" in text
    assert "- A worker was lost in t00003: SIGKILL" in text


def test_damage_to_the_ledger_is_said(tmp_path: Path) -> None:
    ledger = LedgerBuilder().add("record", trial_id="a").baseline()
    text = markdown.section(facts.failures(load(ledger.write(tmp_path))))
    assert "- a record of a has no epoch" in text


def test_no_failure_is_said_too(tmp_path: Path) -> None:
    text = markdown.section(facts.failures(load(LedgerBuilder().write(tmp_path))))
    assert text == "## Failures\n\nNone."


def test_many_failures_are_counted(tmp_path: Path) -> None:
    ledger = LedgerBuilder()
    for number in range(50):
        ledger.trial(f"t{number}").end(f"t{number}", "failed", None)
        ledger.add("lost", trial_id=f"t{number}", reason="gone")
    section = facts.failures(load(ledger.write(tmp_path)))
    text = markdown.section(section)
    assert text.count("no reason given") == facts.MAX_ROWS
    assert "50 trials failed" in text and "10 more." in text
    assert "10 more workers were lost." in text
