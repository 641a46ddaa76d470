"""The dense model: what a bench takes for it, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sweep.baseline import Workbench
from sweep.dense import finetuning
from sweep.errors import UsageError
from sweep.model import fresh_bert
from sweep.params import Params
from sweep.training import Recipe, evaluate, finetune_epoch, make_optimizer
from sweep.trial import Trial
from tests import tiny
from tests.dense.benches import Files, forbidden, make_bench, weights


def test_without_epochs_the_model_is_used_as_it_is(
    model_folder: Path, data_files: Files, cache: Path
) -> None:
    bench = make_bench(model_folder, data_files)
    assert torch.equal(weights(bench.dense.model), weights(tiny.bert()))
    assert bench.baseline()["train_seconds"] == 0
    assert not (bench.folder / "model").exists()


def test_texts_longer_than_the_model_takes_are_refused(
    model_folder: Path, data_files: Files
) -> None:
    most = tiny.bert().config.max_position_embeddings
    bench = make_bench(model_folder, data_files, task={"max_length": most + 1})
    with pytest.raises(UsageError, match=f"max_length is {most + 1}, .* takes {most} tokens"):
        bench.check()
    make_bench(model_folder, data_files, task={"max_length": most}).check()


# digits


def digits(epochs: int = 1, seed: int = 0) -> Workbench:
    task = {"max_length": 64, "train_samples": 60, "eval_samples": 30}
    return make_bench(None, "digits", task=task, baseline={"epochs": epochs, "seed": seed})


def test_digits_from_a_fresh_model(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = digits()
    model = fresh_bert(bench.task, 64, 0)
    recipe = Recipe(1e-3, 1, 0, 16, 16, "linear")
    optimizer = make_optimizer(model, recipe)
    finetune_epoch(model, optimizer, bench.task.train, recipe, epoch=0)
    assert torch.equal(weights(bench.dense.model), weights(model))
    score = evaluate(model, bench.task.split("validation"), recipe)
    assert bench.baseline()["loss"] == score.loss
    monkeypatch.setattr(finetuning, "finetune_epoch", forbidden)
    params = Params(sparsity=0.5, finetune_epochs=1)
    records = list(Trial.on(digits(), params, seed=0).run())
    assert [record.epoch for record in records] == [0, 1]
    assert records[0].baseline_accuracy == score.accuracy


def test_an_untrained_model_is_known_by_its_seed(cache: Path) -> None:
    one, other = digits(0, seed=0), digits(0, seed=1)
    assert one.baseline()["loss"] != other.baseline()["loss"]


# what cannot be used


def test_what_would_make_every_trial_fail_is_said_before(
    model_folder: Path, data_files: Files, tmp_path: Path
) -> None:
    make_bench(model_folder, data_files).check()
    three = tiny.write(tmp_path / "three.jsonl", [{"text": "good", "label": i} for i in range(3)])
    with pytest.raises(UsageError, match="head of 2 labels, the data has 3"):
        make_bench(model_folder, {**data_files, "train": three}).check()
    with pytest.raises(UsageError, match="nothing to prune"):
        make_bench(model_folder, data_files, pruning={"include": ["decoder.*"]}).check()
    with pytest.raises(UsageError, match="not found"):
        make_bench(model_folder, {**data_files, "validation": "/nowhere/x.csv"}).check()
