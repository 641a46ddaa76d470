"""The dense model of a bench: which models it accepts, and which it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sweep.compress.train import Recipe
from sweep.config.plan import plan
from sweep.errors import UsageError
from sweep.space.params import Params
from tests.harness import tiny
from tests.harness.benches import MakeBench, nothing_is_made, weights
from tests.harness.trials import evaluated, finetune

Files = dict[str, str]


def test_without_epochs_the_model_is_used_as_it_is(make_bench: MakeBench) -> None:
    bench = make_bench()
    assert torch.equal(weights(bench.dense.model), weights(tiny.bert()))
    assert bench.baseline()["train_seconds"] == 0
    assert not (bench.models.folder / "model").exists()


def test_a_max_length_above_the_models_positions_is_refused(make_bench: MakeBench) -> None:
    most = tiny.bert().config.max_position_embeddings
    bench = make_bench(task={"max_length": most + 1})
    with pytest.raises(UsageError, match=f"max_length is {most + 1}, .* takes {most} tokens"):
        bench.check()
    make_bench(task={"max_length": most}).check()


@pytest.mark.parametrize("asked", [None, ["none", "int8"], ["fixed", "none"]])
@pytest.mark.parametrize("epochs", [0, 1])
def test_a_plan_counts_the_grids_that_a_bench_finetunes_on(
    make_bench: MakeBench, asked: list[str] | None, epochs: int
) -> None:
    baseline, space = {"quantization": {"epochs": epochs}}, {"quantization": asked}
    bench = make_bench(baseline=baseline, space=space)
    assert len(bench.trained) == len(plan(bench.config)["quantization_epochs"])


DIGITS = {"max_length": 64, "train_samples": 60, "eval_samples": 30}


def test_the_digits_task_finetunes_a_new_model(make_bench: MakeBench, cache: Path) -> None:
    how = {"task": DIGITS, "baseline": {"epochs": 1}}
    bench = make_bench(None, "digits", **how)
    model = bench.task.fresh(0)
    recipe = Recipe(
        learning_rate=1e-3,
        epochs=1,
        seed=0,
        batch_size=16,
        eval_batch_size=16,
        lr_schedule="linear",
    )
    finetune(model, bench.task.train, recipe)
    assert torch.equal(weights(bench.dense.model), weights(model))
    score = evaluated(model, bench.task.split("validation"), 16)
    assert bench.baseline()["loss"] == score.loss
    with nothing_is_made(cache):
        again = make_bench(None, "digits", **how)
        records = list(again.trial(Params(sparsity=0.5, finetune_epochs=1), seed=0).run())
    assert [record.epoch for record in records] == [0, 1]
    accuracy = score.figures(["accuracy"])["accuracy"]
    assert records[0].scores["baseline_accuracy"] == accuracy


def test_an_untrained_model_depends_on_its_seed(make_bench: MakeBench) -> None:
    one, other = (
        make_bench(None, "digits", task=DIGITS, baseline={"seed": seed}) for seed in (0, 1)
    )
    assert one.baseline()["loss"] != other.baseline()["loss"]


def test_check_refuses_what_would_make_every_trial_fail(
    make_bench: MakeBench, data_files: Files, tmp_path: Path
) -> None:
    make_bench().check()
    three = tiny.write(tmp_path / "three.jsonl", [{"text": "good", "label": i} for i in range(3)])
    with pytest.raises(UsageError, match="head of 2 labels, but the data has 3"):
        make_bench(files={**data_files, "train": three}).check()
    with pytest.raises(UsageError, match="nothing to prune"):
        make_bench(pruning={"include": ["decoder.*"]}).check()
    with pytest.raises(UsageError, match="not found"):
        make_bench(files={**data_files, "validation": "/nowhere/x.csv"}).check()


TURNED = "has the labels good, bad, the data bad, good"


def named(folder: Path, *names: str) -> Path:
    """A model whose head has these label names, in this order."""
    return tiny.save(folder, id2label=dict(enumerate(names)), label2id={})


@pytest.fixture
def by_name(tmp_path: Path) -> Files:
    """Data whose labels are names: `bad` is 0, `good` is 1."""

    def write(split: str, count: int) -> str:
        rows = [{**row, "label": ("bad", "good")[row["label"]]} for row in tiny.rows(count, 0)]
        return tiny.write(tmp_path / f"{split}.csv", rows)

    return {"train": write("train", 64), "validation": write("validation", 40)}


@pytest.mark.parametrize("epochs", [0, 1])
def test_a_head_with_the_labels_in_another_order_is_refused(
    make_bench: MakeBench, tmp_path: Path, by_name: Files, epochs: int
) -> None:
    """Otherwise every answer would count as its opposite, in the figures or in an export."""
    model = named(tmp_path / "model", "Good", "Bad")
    bench = make_bench(model, by_name, baseline={"epochs": epochs})
    with pytest.raises(UsageError, match=rf"^model '.*/model' {TURNED}; allowed: the same order"):
        bench.check()
    assert not bench.models.folder.exists()  # nothing was finetuned


def test_a_cached_model_with_labels_in_another_order_is_refused(
    make_bench: MakeBench, by_name: Files, cache: Path
) -> None:
    """A version without this check may have left one in the cache or in the folder of a sweep."""
    bench = make_bench(files=by_name, baseline={"epochs": 1})
    named(bench.models.folder / "model", "good", "bad")
    with pytest.raises(UsageError, match=TURNED):
        bench.check()


@pytest.mark.parametrize(
    "names", [("Bad", "Good"), ("LABEL_0", "LABEL_1"), ("great", "dull"), ("good", "other")]
)
def test_label_names_in_the_same_order_or_unrelated_names_are_accepted(
    make_bench: MakeBench, tmp_path: Path, by_name: Files, names: tuple[str, ...]
) -> None:
    bench = make_bench(named(tmp_path / "model", *names), by_name)
    bench.check()
    assert bench.task.label_names == ("bad", "good")


def test_integer_labels_need_no_names(make_bench: MakeBench, tmp_path: Path) -> None:
    """A refused user can use the head's ids: 0 is its first label, whatever the name."""
    plain = make_bench(named(tmp_path / "plain", "LABEL_0", "LABEL_1"))
    turned = make_bench(named(tmp_path / "turned", "good", "bad"))
    turned.check()
    assert turned.baseline()["accuracy"] == plain.baseline()["accuracy"]


def test_twelve_labels_with_default_names_are_accepted(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    """LABEL_10 sorts before LABEL_2; a new head is finetuned in that order, which is correct."""
    rows = [{"text": f"good {tiny.FILLER[i % 8]}", "label": f"LABEL_{i}"} for i in range(12)] * 2
    names = {"train": "a.csv", "validation": "b.jsonl"}  # of different bytes
    files = {split: tiny.write(tmp_path / name, rows) for split, name in names.items()}
    model = tiny.save(tmp_path / "model", head=False)
    bench = make_bench(model, files, baseline={"epochs": 1})
    bench.check()
    assert bench.task.label_names[2] == "LABEL_10"
