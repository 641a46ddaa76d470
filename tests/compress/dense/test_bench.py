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
from tests.harness.trials import evaluated, finetune, logits_one_by_one

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
    with pytest.raises(
        UsageError, match=r"has the labels 0, 1, 2, and the head .* has LABEL_0, LABEL_1: 2 "
    ):
        make_bench(files={**data_files, "train": three}).check()
    with pytest.raises(UsageError, match="nothing to prune"):
        make_bench(pruning={"include": ["decoder.*"]}).check()
    with pytest.raises(UsageError, match="not found"):
        make_bench(files={**data_files, "validation": "/nowhere/x.csv"}).check()


def named(folder: Path, *names: str) -> Path:
    """A model whose head has these label names, in this order."""
    return tiny.save(folder, id2label=dict(enumerate(names)), label2id={})


@pytest.fixture
def by_name(tmp_path: Path) -> Files:
    """Data whose labels are the names `bad` and `good`."""

    def write(split: str, count: int) -> str:
        rows = [{**row, "label": ("bad", "good")[row["label"]]} for row in tiny.rows(count, 0)]
        return tiny.write(tmp_path / f"{split}.csv", rows)

    return {"train": write("train", 64), "validation": write("validation", 40)}


@pytest.mark.parametrize("epochs", [0, 1])
def test_labels_are_those_of_the_head_in_its_order(
    make_bench: MakeBench, tmp_path: Path, by_name: Files, epochs: int
) -> None:
    """Otherwise every answer would count as its opposite, in the figures or in an export."""
    model = named(tmp_path / "model", "Good", "Bad")
    bench = make_bench(model, by_name, baseline={"epochs": epochs})
    bench.check()
    assert bench.task.label_names == ("Good", "Bad")
    validation, dense = bench.task.split("validation"), bench.dense.reset().eval()
    assert validation.labels.tolist() == [1 - row["label"] for row in tiny.rows(40, 0)]
    answers = logits_one_by_one(dense, validation).argmax(-1).numpy()
    assert bench.baseline()["correct"] == (answers == validation.labels).sum()
    assert dense.config.id2label == {0: "Good", 1: "Bad"}
    assert dense.config.label2id == {"Good": 0, "Bad": 1}


def test_a_cached_model_with_labels_in_another_order_is_refused(
    make_bench: MakeBench, by_name: Files, cache: Path, tmp_path: Path
) -> None:
    """The folder of a sweep may have one of another version."""
    model = tiny.save(tmp_path / "model", head=False)
    bench = make_bench(model, by_name, baseline={"epochs": 1})
    named(bench.models.folder / "model", "good", "bad")
    with pytest.raises(UsageError, match="has the labels good, bad, the dense model bad, good"):
        bench.check()


def test_a_finetuned_model_of_an_older_version_has_no_names(
    make_bench: MakeBench, by_name: Files, cache: Path, tmp_path: Path
) -> None:
    model = tiny.save(tmp_path / "model", head=False)
    bench = make_bench(model, by_name, baseline={"epochs": 1})
    tiny.save(bench.models.folder / "model")
    bench.check()
    assert bench.dense.model.config.id2label == {0: "bad", 1: "good"}


@pytest.mark.parametrize("names", [("LABEL_0", "LABEL_1"), ("great", "dull"), ("good", "other")])
def test_a_head_whose_names_do_not_tell_the_order_is_refused(
    make_bench: MakeBench, tmp_path: Path, by_name: Files, names: tuple[str, ...]
) -> None:
    model = named(tmp_path / "model", *names)
    with pytest.raises(UsageError, match=f"and the head of model '.*' has {', '.join(names)}: .*"):
        make_bench(model, by_name).check()
    new = make_bench(model, by_name, baseline={"new_head": True, "epochs": 1})
    new.check()
    assert new.task.label_names == ("bad", "good")
    if "good" not in names:
        given = make_bench(model, by_name, task={"label_names": ["good", "bad"]})
        given.check()
        assert given.dense.model.config.id2label == {0: "good", 1: "bad"}


def test_integer_labels_need_no_names(make_bench: MakeBench, tmp_path: Path) -> None:
    """0 is the head's first label, whatever its name, unless the integers are named."""
    plain = make_bench(named(tmp_path / "plain", "LABEL_0", "LABEL_1"))
    turned = make_bench(named(tmp_path / "turned", "good", "bad"))
    turned.check()
    assert turned.baseline()["accuracy"] == plain.baseline()["accuracy"]
    names = make_bench(tmp_path / "turned", task={"label_names": ["bad", "good"]})
    assert names.baseline()["correct"] == 40 - plain.baseline()["correct"]


def test_a_new_head_is_drawn_from_the_seed_and_has_its_own_cache_entry(
    make_bench: MakeBench, model_folder: Path
) -> None:
    old = make_bench()
    new, other = (make_bench(baseline={"new_head": True, "seed": seed}) for seed in (0, 1))
    assert len({bench.models.folder for bench in (old, new, other)}) == 3
    weights = [bench.dense.model.state_dict() for bench in (old, new, other)]
    changed = {k for k in weights[0] if not torch.equal(weights[0][k], weights[1][k])}
    assert changed == {"classifier.weight"}  # the bias is 0
    assert not torch.equal(weights[1]["classifier.weight"], weights[2]["classifier.weight"])
    assert "no trained classifier head" in new.warnings[-1]
    # The model itself can teach, with its own head.
    recover = {"distill": {"teacher": str(model_folder)}}
    taught = make_bench(baseline={"new_head": True, "epochs": 1}, recover=recover)
    assert torch.equal(taught.teacher_logits, make_bench(recover=recover).teacher_logits)


def test_ten_labels_and_more_are_sorted_as_numbers(make_bench: MakeBench, tmp_path: Path) -> None:
    rows = [{"text": f"good {tiny.FILLER[i % 8]}", "label": str(i)} for i in range(1, 13)] * 2
    train = tiny.write(tmp_path / "train.jsonl", rows)
    files = {"train": train, "validation": tiny.write(tmp_path / "validation.csv", rows)}
    bench = make_bench(tiny.save(tmp_path / "model", head=False), files, baseline={"epochs": 1})
    assert bench.task.train.labels.tolist() == [*range(12)] * 2
    assert bench.dense.model.config.id2label == {i: str(i + 1) for i in range(12)}
