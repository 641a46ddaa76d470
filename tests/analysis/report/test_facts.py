from __future__ import annotations

from analysis import Results
from analysis.report import facts
from analysis.report.markdown import section
from tests.analysis.ledgers import LedgerBuilder, small_sweep


def dense(**figures: object) -> str:
    return section(facts.baseline(LedgerBuilder().baseline(**figures).load()))


def test_the_dense_models_figures_and_warnings() -> None:
    text = dense(warnings=["it has seen the validation set"], f1=0.5)
    assert "> **Warning:** it has seen the validation set" in text
    assert "| accuracy | 91.74 % |" in text and "| f1 | 0.5 |" in text
    assert "models/tiny" in text and "quantisation" not in text


def test_a_quantised_dense_model_is_described_step_by_step() -> None:
    steps = {"dense_accuracy": 0.9, "ptq_accuracy": 0.5, "qat_accuracy": 0.8}
    text = dense(**steps, quantized_sparsity=0.25)
    assert "| accuracy in floats | 90.00 % |" in text
    assert "| accuracy after quantisation (PTQ) | 50.00 % |" in text
    assert "| accuracy after finetuning on the grid (QAT) | 80.00 % |" in text
    assert "| zeros by quantisation | 25.00 % |" in text


def test_the_coverage_is_told_with_the_names_of_what_is_left_out() -> None:
    rows = [["layer.0.attn.q", 40, "kind"], ["layer.1.attn.q", 40, "kind"], ["head", 9, "patterns"]]
    text = dense(coverage=0.25, left_out=rows)
    assert "0.2500; left out, of kinds that cannot be pruned: layer.\\*.attn.q (80 weights)" in text
    assert "; left out by pruning.include or pruning.exclude: head (9 weights)" in text
    rows = [[f"layer.{'x' * number}", 5, "kind"] for number in range(20)]
    assert "(5 weights), 8 more." in dense(coverage=0.25, left_out=rows)
    assert "overage" not in dense(), "0.1 did not measure it"


def test_the_dense_model_on_test_has_a_column() -> None:
    ledger = small_sweep().confirm_round({("t00000", 2): {1: 780}}, dense=785)
    text = section(facts.baseline(ledger.load()))
    assert "|  | validation | test |" in text
    assert "| accuracy | 91.74 % | 90.02 % |" in text


def test_warnings_about_test_are_shown_once() -> None:
    ledger = small_sweep().confirm_round({("t00000", 2): {1: 780}})
    for event in ledger.events:
        if event["event"] == "baseline":
            event["warnings"] = ["3 rows are in train"]
        if event["event"] == "confirm_baseline":
            event["warnings"] = ["3 rows are in train", "5 rows of test are in train"]
    text = section(facts.baseline(ledger.load()))
    assert text.count("3 rows are in train") == 1
    assert "> **Warning:** 5 rows of test are in train" in text


def test_cost(small: Results) -> None:
    text = section(facts.cost(small))
    assert "| finetune epochs spent | 4 |" in text
    assert "| if every trial ran to its end | 10 |" in text
    assert "| saved by stopping trials | 2 (20 %) |" in text


def test_failures_have_their_reasons() -> None:
    ledger = small_sweep().add("lost", trial_id="t00003", attempt=1, reason="SIGKILL")
    text = section(facts.failures(ledger.load()))
    assert "| t00002 | - | the loss is not finite |" in text
    assert "- A worker was lost in t00003: SIGKILL" in text


def test_many_failures_are_counted() -> None:
    ledger = LedgerBuilder()
    for number in range(50):
        ledger.trial(f"t{number}").add("lost", trial_id=f"t{number}", reason="gone")
        ledger.end(f"t{number}", "failed", None)
    text = section(facts.failures(ledger.load()))
    assert text.count("no reason given") == facts.MAX_ROWS
    assert "50 trials failed" in text and "10 more." in text
    assert "10 more workers were lost." in text
