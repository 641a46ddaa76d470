"""The figures of the dense model: their values, their cache, and their warnings."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from sweep.compress.dense import figures as figures_module
from sweep.compress.dense.figures import chance_warnings
from sweep.compress.measure import measure
from sweep.compress.prune.targets import prunable_weights
from sweep.config.sections import PruningConfig
from sweep.errors import UsageError
from tests.harness import tiny
from tests.harness.benches import EPOCHS, MakeBench, nothing_is_made
from tests.harness.trials import logits_one_by_one


def test_the_figures_equal_independent_measurements(make_bench: MakeBench) -> None:
    bench = make_bench()
    figures = bench.baseline("test")
    model, test = tiny.bert().eval(), bench.task.split("test")
    correct = int((logits_one_by_one(model, test).argmax(-1).numpy() == test.labels).sum())
    size = measure(model, prunable_weights(model, PruningConfig()))
    assert (figures["correct"], figures["examples"]) == (correct, 30)
    assert figures["accuracy"] == correct / 30
    assert figures["metrics"]["accuracy"]["chance"] == 0.5
    assert {name: figures.get(name) for name in size.__dict__} == size.__dict__
    assert figures["sparsity"] == 0
    counts = {
        name: weight.numel() for name, weight in prunable_weights(model, PruningConfig()).items()
    }
    assert figures["prunable_weights"] == [[name, count] for name, count in counts.items()]
    assert figures["coverage"] == 1.0 and figures["left_out"] == []
    assert len(base64.b64decode(figures["correct_bits"])) == 4  # a bit for each of 30 examples
    assert figures["seconds"] == figures["train_seconds"] + figures["eval_seconds"] > 0


def test_the_dense_model_is_evaluated_once_per_split(make_bench: MakeBench, cache: Path) -> None:
    splits = ("validation", "test")
    first = {split: make_bench().baseline(split) for split in splits}
    assert first["validation"] != first["test"]
    with nothing_is_made(cache):
        again = {split: make_bench().baseline(split) for split in splits}
    assert again == first  # the seconds too


@pytest.mark.parametrize(
    "change",
    [
        {"task": {"eval_samples": 20}},
        {"task": {"max_length": 5}},
        {"pruning": {"exclude": ["classifier"]}},
        {"recover": {"bf16": True}},
    ],
)
def test_a_setting_that_changes_the_figures_causes_a_new_evaluation(
    make_bench: MakeBench, cache: Path, change: dict[str, Any]
) -> None:
    first = make_bench().baseline()
    with nothing_is_made(cache):
        make_bench(search={"seed": 3}, pruning={"calibration_samples": 7}).baseline()
    again = make_bench(**change).baseline()
    assert again["eval_seconds"] != first["eval_seconds"]


def test_cached_figures_without_a_requested_metric_are_not_used(
    make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = make_bench()
    figures = plain.baseline()
    assert "f1" not in figures
    asking = make_bench(task={"metrics": ["f1", "matthews"]})
    assert (
        asking.models.folder == plain.models.folder and asking.task.key == plain.task.key
    )  # the same model
    assert {"f1", "matthews"} <= set(asking.baseline())
    monkeypatch.setattr(figures_module, "FIGURES", figures_module.FIGURES + 1)
    again = make_bench().baseline()
    assert again["eval_seconds"] != figures["eval_seconds"]


def test_examples_that_splits_share_are_counted_and_warned_of(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    rows = tiny.splits({"train": 9, "validation": 8, "test": 7})
    rows["validation"][0] = rows["train"][0]
    rows["test"][1:3] = rows["train"][1:3]
    parts = {name: tiny.write(tmp_path / f"{name}.csv", part) for name, part in rows.items()}
    bench = make_bench(files=parts)
    for split, shared in (("validation", 1), ("test", 2)):
        about = bench.about(split)
        assert {name: each["rows"] for name, each in about["shared_rows"].items()} == {
            "train": shared
        }
        found = [text for text in about["warnings"] if "AT CHANCE LEVEL" not in text]
        assert found[0].startswith("1 of 8 validation examples")
        assert len(found) == shared
    assert found[1].startswith("2 of 7 test examples")
    reached = bench.reach()  # what `sweep check` prints
    assert reached["warnings"][0].startswith("1 of 8 validation examples")
    assert reached["shared_rows"]["train"]["rows"] == 1
    assert make_bench().about("test")["shared_rows"] == {}


def test_a_model_that_may_have_seen_validation_gives_a_warning(
    make_bench: MakeBench, data_files: dict[str, str]
) -> None:
    only_train = {"train": data_files["train"]}
    [warning] = make_bench(files=only_train).warnings
    assert "carved" in warning and "baseline.epochs: 0" in warning
    assert make_bench().warnings == make_bench(files=only_train, **EPOCHS).warnings == []


@pytest.mark.parametrize(
    ("value", "chance", "direction", "warns"),
    [
        (0.5, 0.5, "max", True),
        (0.4, 0.5, "max", True),
        (0.51, 0.5, "max", False),
        (0.5, None, "max", False),
        (3.0, 2.0, "min", True),
        (1.0, 2.0, "min", False),
    ],
)
def test_a_dense_model_at_chance_level_gives_a_warning(
    value: float, chance: float | None, direction: str, warns: bool
) -> None:
    facts = {"direction": direction, "chance": chance}
    figures = {"rmse": value, "metrics": {"rmse": facts}}
    found = chance_warnings(figures, "rmse", "test")
    assert [f"rmse on test is {value:.4f}" in text for text in found] == [True] * warns


def test_a_model_that_answers_the_opposite_is_reported(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    """One of a model and its opposite is at chance level or below."""
    texts = []
    for names in (["no", "yes"], ["yes", "no"]):
        model = tiny.save(tmp_path / names[0], id2label=dict(enumerate(names)), label2id={})
        bench = make_bench(model, task={"label_names": ["no", "yes"]})
        correct = bench.baseline()["correct"]
        found = [text for text in bench.about("validation")["warnings"] if "CHANCE" in text]
        assert len(found) == (correct <= 20)
        assert found == [text for text in bench.reach()["warnings"] if "CHANCE" in text]
        texts += found
    assert texts


def test_a_model_without_a_trained_head_gives_a_warning(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    headless = tiny.save(tmp_path, head=False)
    [warning] = make_bench(headless).warnings
    assert "no trained classifier head" in warning
    assert make_bench(headless, **EPOCHS).warnings == []


def test_a_low_coverage_gives_a_warning_that_names_what_is_left_out(make_bench: MakeBench) -> None:
    bench = make_bench(pruning={"exclude": ["bert.encoder.*"]})
    figures = bench.baseline()
    weights = {n: p.numel() for n, p in tiny.bert().named_parameters() if "encoder" in n}
    matrices = {n: c for n, c in weights.items() if c > 100}  # no bias and no LayerNorm
    assert figures["left_out"] == [[name, count, "patterns"] for name, count in matrices.items()]
    others = 32 * 32 + 32 * 2  # pooler and classifier
    assert figures["coverage"] == others / (others + sum(matrices.values()))
    [warning] = [text for text in bench.warnings if "coverage" in text]
    assert "less than half" in warning and f"coverage {figures['coverage']:.4f}" in warning
    assert "bert.encoder.layer.*.intermediate.dense.weight (3,072 weights" in warning
    assert bench.reach()["left_out"] == figures["left_out"] and bench.reach()["warnings"]


def test_a_finished_head_of_another_task_is_refused_unless_a_new_one_is_trained(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    folder = tiny.save(tmp_path, head=False)
    content = json.loads((folder / "config.json").read_text())
    content["architectures"] = ["BertForQuestionAnswering"]
    (folder / "config.json").write_text(json.dumps(content))
    with pytest.raises(UsageError, match=r"BertForQuestionAnswering, .*baseline\.epochs is 0: set"):
        make_bench(folder).check()
    found = make_bench(folder, **EPOCHS).warnings
    [warning] = [text for text in found if "head is dropped" in text]
    assert "BertForQuestionAnswering" in warning
