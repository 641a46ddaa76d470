"""The dense model: as it is, or finetuned once; its figures; what they depend on."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from sweep import baseline as baseline_module
from sweep.baseline import Dense, Workbench
from sweep.errors import TrialError, UsageError
from sweep.measure import measure
from sweep.model import fresh_bert, load_classifier, set_dropout
from sweep.params import Params
from sweep.pruning import ActivationPruner, Targets, prunable_weights
from sweep.pruning.targets import prunable_modules
from sweep.training import Recipe, evaluate, finetune_epoch, make_optimizer
from sweep.trial import Trial
from tests import tiny

Files = dict[str, str]
EPOCHS = {"baseline": {"epochs": 2}}


def make_bench(model: Path | None, files: Any, **sections: Any) -> Workbench:
    return Workbench(tiny.make_config(model, files, **sections), "cpu")


def weights(model: nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def forbidden(*_: object, **__: object) -> Any:
    raise AssertionError("this was done already")


# epochs: 0


def test_without_epochs_the_model_is_used_as_it_is(
    model_folder: Path, data_files: Files, cache: Path
) -> None:
    bench = make_bench(model_folder, data_files)
    assert torch.equal(weights(bench.dense.model), weights(tiny.bert()))
    assert bench.baseline()["train_seconds"] == 0
    assert not (bench.folder / "model").exists()


def test_a_warning_if_the_model_may_have_seen_validation(
    model_folder: Path, data_files: Files
) -> None:
    only_train = {"train": data_files["train"]}
    [warning] = make_bench(model_folder, only_train).warnings
    assert "carved" in warning
    assert "baseline.epochs: 0" in warning
    assert make_bench(model_folder, data_files).warnings == []
    assert make_bench(model_folder, only_train, **EPOCHS).warnings == []


def test_a_warning_if_no_head_was_ever_trained(
    model_folder: Path, data_files: Files, tmp_path: Path
) -> None:
    shutil.copytree(model_folder, tmp_path / "headless")
    tiny.bert().bert.save_pretrained(tmp_path / "headless")
    [warning] = make_bench(tmp_path / "headless", data_files).warnings
    assert "no trained classifier head" in warning
    assert make_bench(tmp_path / "headless", data_files, **EPOCHS).warnings == []


def test_texts_longer_than_the_model_takes_are_refused(
    model_folder: Path, data_files: Files
) -> None:
    most = tiny.bert().config.max_position_embeddings
    bench = make_bench(model_folder, data_files, task={"max_length": most + 1})
    with pytest.raises(UsageError, match=f"max_length is {most + 1}, .* takes {most} tokens"):
        bench.check()
    make_bench(model_folder, data_files, task={"max_length": most}).check()


def test_the_figures_are_what_can_be_measured(
    model_folder: Path, data_files: Files, cache: Path
) -> None:
    bench = make_bench(model_folder, data_files)
    figures = bench.baseline("test")
    model, test = tiny.bert().eval(), bench.task.split("test")
    correct = 0
    for index in range(len(test)):
        batch = test.padded(np.array([index]), 0)
        logits = model(torch.from_numpy(batch["input_ids"])).logits
        correct += int(logits.argmax()) == int(test.labels[index])
    size = measure(model, prunable_weights(model, Targets()))
    assert (figures["correct"], figures["examples"]) == (correct, 30)
    assert figures["accuracy"] == correct / 30
    assert figures["majority_accuracy"] == 0.5
    assert {name: figures.get(name) for name in size.__dict__} == size.__dict__
    assert figures["sparsity"] == 0
    counts = {name: weight.numel() for name, weight in prunable_weights(model, Targets()).items()}
    assert figures["prunable_weights"] == [[name, count] for name, count in counts.items()]
    assert len(base64.b64decode(figures["correct_bits"])) == 4  # a bit for each of 30 examples
    assert figures["seconds"] == figures["train_seconds"] + figures["eval_seconds"] > 0


def test_it_is_evaluated_once(
    model_folder: Path, data_files: Files, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    splits = ("validation", "test")
    first = {split: make_bench(model_folder, data_files).baseline(split) for split in splits}
    assert first["validation"] != first["test"]
    monkeypatch.setattr(baseline_module, "evaluate", forbidden)
    again = {split: make_bench(model_folder, data_files).baseline(split) for split in splits}
    assert again == first


@pytest.mark.parametrize(
    "change",
    [
        {"task": {"eval_samples": 20}},
        {"task": {"max_length": 5}},
        {"pruning": {"exclude": ["classifier"]}},
        {"recover": {"bf16": True}},
    ],
)
def test_what_figures_depend_on_is_measured_anew(
    model_folder: Path,
    data_files: Files,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, Any],
) -> None:
    make_bench(model_folder, data_files).baseline()
    monkeypatch.setattr(baseline_module, "evaluate", forbidden)
    make_bench(model_folder, data_files, search={"seed": 3}).baseline()
    with pytest.raises(AssertionError, match="done already"):
        make_bench(model_folder, data_files, **change).baseline()


def test_figures_that_lack_what_is_asked_for_now_are_not_taken_from_the_cache(
    model_folder: Path, data_files: Files, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = make_bench(model_folder, data_files)
    assert "f1" not in plain.baseline()
    asking = make_bench(model_folder, data_files, task={"metrics": ["f1", "matthews"]})
    assert asking.folder == plain.folder and asking.task.key == plain.task.key  # the same model
    assert {"f1", "matthews"} <= set(asking.baseline())
    monkeypatch.setattr(baseline_module, "FIGURES", baseline_module.FIGURES + 1)
    monkeypatch.setattr(baseline_module, "evaluate", forbidden)
    with pytest.raises(AssertionError, match="done already"):
        make_bench(model_folder, data_files).baseline()


def test_a_model_changed_in_place_is_another(
    model_folder: Path, data_files: Files, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(model_folder, tmp_path / "model"))
    before = make_bench(copy, data_files)
    assert before.folder == make_bench(model_folder, data_files).folder
    tiny.save_bert(copy, initializer_range=0.1)
    assert make_bench(copy, data_files).folder != before.folder


# epochs > 0


def test_it_is_finetuned_by_the_recipe(model_folder: Path, data_files: Files, cache: Path) -> None:
    settings = {"epochs": 2, "learning_rate": 3e-3, "seed": 5, "warmup": 0.25, "batch_size": 8}
    bench = make_bench(
        model_folder, data_files, baseline=settings, recover={"dropout": 0.3, "clip_norm": 0.5}
    )
    recipe = Recipe(3e-3, 2, 5, 8, 16, "linear", 0.25, dropout=0.3, clip_norm=0.5)
    model = load_classifier(str(model_folder), bench.task)
    set_dropout(model, 0.3)
    optimizer = make_optimizer(model, recipe)
    for epoch in range(2):
        finetune_epoch(model, optimizer, bench.task.train, recipe, epoch=epoch)
    assert torch.equal(weights(bench.dense.model), weights(model))
    figures = bench.baseline()
    assert figures["loss"] == evaluate(model, bench.task.split("validation"), recipe).loss
    assert figures["train_seconds"] > 0


def stamps(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()}


def test_it_is_finetuned_once(
    model_folder: Path, data_files: Files, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_bench(model_folder, data_files, **EPOCHS)
    expected, figures = weights(first.dense.model), first.baseline()
    assert not torch.equal(expected, weights(tiny.bert()))
    before = stamps(first.folder)
    assert "model.safetensors" in before
    monkeypatch.setattr(baseline_module, "finetune_epoch", forbidden)
    second = make_bench(model_folder, data_files, **EPOCHS, space={"sparsity": 0.9})
    assert torch.equal(weights(second.dense.model), expected)
    assert second.baseline() == figures
    assert stamps(second.folder) == before


def test_a_finetuning_that_dies_leaves_nothing(
    model_folder: Path, data_files: Files, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = make_bench(model_folder, data_files, baseline={"epochs": 1, "learning_rate": 1e38})
    with pytest.raises(TrialError, match="diverged"):
        bench.baseline()
    assert not bench.folder.exists()


DIFFERENT: list[dict[str, Any]] = [
    {"baseline": {"epochs": 3}},
    {"baseline": {"epochs": 2, "learning_rate": 1e-4}},
    {"baseline": {"epochs": 2, "seed": 1}},
    {"baseline": {"epochs": 2, "lr_schedule": "constant"}},
    {"baseline": {"epochs": 2, "batch_size": 4}},
    {**EPOCHS, "task": {"max_length": 7}},
    {**EPOCHS, "task": {"train_samples": 10}},
    {**EPOCHS, "task": {"replace": {"good": "bad"}}},
    {**EPOCHS, "recover": {"dropout": 0.0}},
    {**EPOCHS, "recover": {"clip_norm": 0.1}},
]


def test_other_settings_are_another_model(model_folder: Path, data_files: Files) -> None:
    folders = [
        make_bench(model_folder, data_files, **sections).folder
        for sections in ({}, EPOCHS, *DIFFERENT)
    ]
    assert len(set(folders)) == len(folders)


@pytest.mark.parametrize(
    "sections",
    [
        {"name": "other"},
        {"search": {"seed": 9, "trials": 3}},
        {"space": {"sparsity": 0.9}},
        {"recover": {"lr_schedule": "linear", "warmup": 0.5, "batch_size": 3}},
        {"storage": "elsewhere"},
    ],
)
def test_settings_of_the_search_are_not(
    model_folder: Path, data_files: Files, sections: dict[str, Any]
) -> None:
    plain = make_bench(model_folder, data_files, **EPOCHS)
    assert make_bench(model_folder, data_files, **EPOCHS, **sections).folder == plain.folder


def test_a_model_without_a_head_is_given_one_and_finetuned(
    model_folder: Path, data_files: Files, tmp_path: Path, cache: Path
) -> None:
    headless = tmp_path / "headless"
    tiny.save_tokenizer(headless)
    tiny.bert().bert.save_pretrained(headless)
    bench = make_bench(headless, data_files, baseline={"epochs": 3, "learning_rate": 5e-3})
    start = load_classifier(str(headless), bench.task)
    recipe = bench.recipe(0.0, 0, 0)
    before = evaluate(start, bench.task.train, recipe).loss
    assert evaluate(bench.dense.model, bench.task.train, recipe).loss < before


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
    monkeypatch.setattr(baseline_module, "finetune_epoch", forbidden)
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


# the working copy


def test_a_reset_undoes_whatever_was_done() -> None:
    dense = Dense.of(tiny.bert())
    model = dense.model
    batch = torch.arange(8).view(1, 8)
    expected = model.eval()(batch).logits
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1.0)
    set_dropout(model, 0.7)
    pruner = ActivationPruner(prunable_modules(model, Targets()), 0.5, "l1-norm", "local")
    pruner.attach()
    model.train()(batch).logits.sum().backward()
    assert dense.reset() is model
    assert torch.equal(model.eval()(batch).logits, expected)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert {m.p for m in model.modules() if isinstance(m, nn.Dropout)} == {0.1}
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_figures_are_plain_values(bench: Workbench) -> None:
    assert json.loads(json.dumps(bench.baseline(), allow_nan=False)) == bench.baseline()
