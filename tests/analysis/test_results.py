"""The tables: their columns, types and values for every kind of trial."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from analysis import Results, load
from tests.analysis.ledgers import CONFIG, DENSE, EXAMPLES, LedgerBuilder, small_sweep


def names(text: str) -> list[str]:
    return text.split()


# A copy of the contract, which a change of the code must not change.
CONTRACT = names("""
    trial_id status stage epoch partial accuracy loss sparsity model_sparsity nonzero_params
    size_bytes baseline_accuracy accuracy_drop seconds train_seconds eval_seconds seed error
""")
PARAMS = names("""
    param_sparsity param_method param_scope param_finetune_epochs param_learning_rate
    param_activation_sparsity param_activation_method param_activation_scope param_ramp_epochs
    param_distill_weight param_distill_temperature param_quantization
""")
EXTRA = names("correct examples time worker attempt quantized_sparsity coverage")
FRONT = names("""
    accuracy_low accuracy_high test_accuracy test_accuracy_low test_accuracy_high
    test_accuracy_spread seeds test_drop optimism front_probability verdict p_value feasible
    test_drop_high
""")


def test_the_columns_are_those_of_the_contract(small: Results) -> None:
    assert list(small.trials) == CONTRACT + PARAMS + EXTRA
    assert list(small.records) == CONTRACT + PARAMS + EXTRA
    assert list(small.front) == CONTRACT + PARAMS + EXTRA + FRONT


def test_types_are_the_same_for_empty_tables(small: Results, big: Results, tmp_path: Path) -> None:
    (tmp_path / "ledger.jsonl").touch()
    for empty in (LedgerBuilder().load(), LedgerBuilder().baseline().load(), load(tmp_path)):
        for name in ("trials", "records", "front", "decisions"):
            expected = getattr(small, name).dtypes
            pd.testing.assert_series_equal(getattr(empty, name).dtypes, expected)
            pd.testing.assert_series_equal(getattr(big, name).dtypes, expected)


def test_types(small: Results) -> None:
    dtypes = small.records.dtypes.astype(str)
    assert dtypes["trial_id"] == dtypes["error"] == dtypes["param_method"] == "string"
    assert dtypes["epoch"] == dtypes["seed"] == dtypes["param_finetune_epochs"] == "Int64"
    assert dtypes["partial"] == "boolean"
    assert dtypes["accuracy"] == dtypes["param_learning_rate"] == "float64"


def test_there_is_one_row_per_evaluation_and_one_for_the_dense_model(small: Results) -> None:
    records = small.records
    assert records["trial_id"].tolist()[:4] == ["baseline", "t00000", "t00000", "t00000"]
    assert records["stage"].tolist()[:4] == ["baseline", "pruned", "recovered", "recovered"]
    dense = records.iloc[0]
    assert (dense["status"], dense["accuracy"]) == ("completed", DENSE / EXAMPLES)
    assert dense["epoch"] is pd.NA and dense["param_method"] is pd.NA
    assert (dense["accuracy_drop"], dense["seed"]) == (0.0, 7)
    assert len(records) == 8


def test_a_record_has_its_trials_status_and_params(small: Results) -> None:
    stopped = small.records[small.records["trial_id"] == "t00001"]
    assert set(stopped["status"]) == {"stopped"}
    assert set(stopped["param_method"]) == {"random"}
    assert set(stopped["param_sparsity"]) == {0.8}
    assert stopped["train_seconds"].tolist() == [0.0, 8.0]
    assert stopped["seconds"].tolist() == [1.0, 10.0]


def test_there_is_one_row_per_trial_with_its_last_evaluation(small: Results) -> None:
    trials = small.trials.set_index("trial_id")
    assert trials["status"].tolist() == ["completed", "stopped", "failed", "running"]
    done, failed = trials.loc["t00000"], trials.loc["t00002"]
    assert (done["stage"], done["epoch"], done["correct"]) == ("recovered", 2, 795)
    assert (done["train_seconds"], done["eval_seconds"], done["seconds"]) == (16.0, 3.0, 19.0)
    assert failed["error"] == "the loss is not finite"
    assert failed["stage"] is pd.NA and failed["epoch"] is pd.NA
    assert (failed["param_sparsity"], failed["seed"], failed["attempt"]) == (0.5, 11, 1)
    assert pd.isna(failed["accuracy"]) and pd.isna(failed["train_seconds"])


def test_summary(small: Results) -> None:
    assert small.counts == {"completed": 1, "stopped": 1, "failed": 1, "running": 1}
    assert small.cost.epochs_spent == 2 + 1 + 0 + 1
    assert small.cost.epochs_saved == 3 - 1
    assert small.cost.epochs_asked == 2 + 3 + 2 + 3
    assert small.directions == {"accuracy": "max", "sparsity": "max"}
    assert small.reference_point == {"accuracy": 0.1, "sparsity": 0.0}
    assert small.config == CONFIG and small.name == "toy"
    assert small.baseline["accuracy"] == DENSE / EXAMPLES
    assert small.state == "running" and not small.confirmed
    (decision,) = small.decisions.to_dict("records")
    assert (decision["trial_id"], decision["beaten_by"]) == ("t00001", ["t00000"])
    assert "4 trials, 8 records, 3 on the front" in repr(small)


def test_ids_remain_text_and_integers_in_a_float_column_become_floats() -> None:
    ledger = LedgerBuilder().trial("0123", sparsity=0, learning_rate=1, finetune_epochs=0)
    results = ledger.record("0123", 0, 9, 0.5).load()
    assert results.trials["trial_id"].tolist() == ["0123"] == results.records["trial_id"].tolist()
    assert str(results.trials["param_sparsity"].dtype) == "float64"
    assert results.trials["param_finetune_epochs"].tolist() == [0]


def test_a_new_parameter_gets_a_column() -> None:
    ledger = LedgerBuilder().trial("a", gradual=True, steps=3).trial("b", alpha=1, zeta="[1]")
    results = ledger.record("a", 0, 9, 0.5).load()
    new = ["param_alpha", "param_gradual", "param_steps", "param_zeta"]
    assert list(results.trials) == CONTRACT + PARAMS + new + EXTRA
    assert results.trials["param_gradual"].tolist() == [True, pd.NA]
    assert results.trials["param_zeta"].tolist() == [pd.NA, "[1]"]
    assert list(results.records) == list(results.trials)


def test_an_unknown_objective_becomes_a_column() -> None:
    ledger = LedgerBuilder(directions={"f1": "max", "sparsity": "max"}).trial("a")
    results = ledger.record("a", 0, 9, 0.5, f1=0.7).load()
    assert results.front["f1"].tolist() == [0.7]
    assert results.hypervolume is None


@pytest.mark.parametrize("asked", [True, False])
def test_further_metrics_are_columns_of_numbers(asked: bool) -> None:
    """The columns exist if the config names the metrics, or once a record has them."""
    ledger = LedgerBuilder()
    task = {"metrics": ["matthews", "f1"]} if asked else {}
    ledger.events[0]["config"] = CONFIG | {"task": CONFIG["task"] | task}
    new = ledger.load()
    both = ["f1", "matthews"]
    assert list(new.records)[-2:] == (both if asked else EXTRA[-2:])
    ledger.baseline(f1=0.8, matthews=0.5).trial("a").record("a", 0, 9, 0.5, f1=1, matthews=None)
    results = ledger.load()
    for name in ("trials", "records"):
        table = getattr(results, name)
        assert list(table)[-2:] == both
        assert [str(table[metric].dtype) for metric in both] == ["float64"] * 2
    assert results.records["f1"].tolist() == [0.8, 1.0]
    assert results.front["matthews"].isna().all()
    ledger.confirm_round({("a", 0): {1: 8}}, f1=0.25)
    assert ledger.load().confirmation["f1"].tolist() == [0.25]


def test_metrics_that_the_head_names_have_standard_errors() -> None:
    facts = {"direction": "max", "unit": "share", "worst": 0.0, "chance": 0.1}
    ledger = LedgerBuilder(metric="accuracy", metrics={"accuracy": facts, "f1": facts})
    ledger.baseline(accuracy_se=0.01).trial("a").record("a", 0, 800, 0.5, accuracy_se=0.02, f1=0.9)
    results = ledger.load()
    assert list(results.records)[-3:] == ["accuracy_se", "f1", "f1_se"]
    assert results.records["accuracy_se"].tolist() == [0.01, 0.02]
    assert results.metric.name == "accuracy" and results.metric.chance == 0.1
    assert "Wilson" in results.interval_name


def test_an_extended_sweep_plans_what_it_was_extended_to() -> None:
    ledger = small_sweep().add("finish")
    assert ledger.load().state == "finished"
    extended = ledger.add("resume", trials=9).load()
    assert (extended.trials_planned, extended.state) == (9, "running")
    assert ledger.add("interrupt", signal="SIGINT").load().state == "interrupted"


def test_the_baseline_completes_the_reference_point() -> None:
    ledger = LedgerBuilder(reference_point={"sparsity": 0.0})
    assert ledger.load().hypervolume is None
    results = ledger.baseline(reference_point={"accuracy": 0.5}).load()
    assert results.reference_point == {"sparsity": 0.0, "accuracy": 0.5}
    assert results.hypervolume == 0.0
