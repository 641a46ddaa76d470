"""The dense model is finetuned once by its recipe, and again when a relevant setting changes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from sweep.compress.dense.make import Dense
from sweep.compress.dropout import set_dropout
from sweep.compress.prune.activations import ActivationPruner
from sweep.compress.prune.targets import prunable_modules
from sweep.compress.train import Recipe
from sweep.config.sections import PruningConfig
from sweep.errors import TrialError
from tests.harness import tiny
from tests.harness.benches import EPOCHS, MakeBench, nothing_is_made, weights
from tests.harness.trials import evaluated, finetune


def test_a_model_changed_in_place_gets_another_cache_key(
    make_bench: MakeBench, model_folder: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(model_folder, tmp_path / "model"))
    before = make_bench(copy)
    assert before.models.folder == make_bench().models.folder
    tiny.save(copy, initializer_range=0.1)
    assert make_bench(copy).models.folder != before.models.folder


def test_the_dense_model_is_finetuned_by_the_recipe(
    make_bench: MakeBench, model_folder: Path
) -> None:
    settings = {"epochs": 2, "learning_rate": 3e-3, "seed": 5, "warmup": 0.25, "batch_size": 8}
    bench = make_bench(baseline=settings, recover={"dropout": 0.3, "clip_norm": 0.5})
    recipe = Recipe(
        learning_rate=3e-3,
        epochs=2,
        seed=5,
        batch_size=8,
        eval_batch_size=16,
        lr_schedule="linear",
        warmup=0.25,
        dropout=0.3,
        clip_norm=0.5,
    )
    model = bench.task.load(str(model_folder))
    set_dropout(model, 0.3)
    finetune(model, bench.task.train, recipe)
    assert torch.equal(weights(bench.dense.model), weights(model))
    figures = bench.baseline()
    assert figures["loss"] == evaluated(model, bench.task.split("validation"), 16).loss
    assert figures["train_seconds"] > 0


def test_the_dense_model_is_finetuned_once(make_bench: MakeBench, cache: Path) -> None:
    first = make_bench(**EPOCHS)
    expected, figures = weights(first.dense.model), first.baseline()
    assert not torch.equal(expected, weights(tiny.bert()))
    assert (first.models.folder / "model" / "model.safetensors").is_file()
    with nothing_is_made(cache):
        second = make_bench(**EPOCHS, space={"sparsity": 0.9})
        assert torch.equal(weights(second.dense.model), expected)
        assert second.baseline() == figures


def test_a_failed_finetuning_leaves_no_files(make_bench: MakeBench) -> None:
    bench = make_bench(baseline={"epochs": 1, "learning_rate": 1e38})
    with pytest.raises(TrialError, match="diverged"):
        bench.baseline()
    assert not bench.models.folder.exists()


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


SAME: list[dict[str, Any]] = [
    {"name": "other"},
    {"search": {"seed": 9, "trials": 3}},
    {"space": {"sparsity": 0.9}},
    {"recover": {"lr_schedule": "linear", "warmup": 0.5, "batch_size": 3}},
    {"recover": {"distill": {"weight": 0.3}}},
    {"storage": "elsewhere"},
]


def test_training_settings_change_the_cache_key_and_search_settings_do_not(
    make_bench: MakeBench,
) -> None:
    folders = [make_bench(**sections).models.folder for sections in ({}, EPOCHS, *DIFFERENT)]
    assert len(set(folders)) == len(folders)
    assert {make_bench(**EPOCHS, **sections).models.folder for sections in SAME} == {folders[1]}


def test_a_model_without_a_head_gets_one_and_is_finetuned(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    headless = tiny.save(tmp_path / "headless", head=False)
    bench = make_bench(headless, baseline={"epochs": 3, "learning_rate": 5e-3})
    start = bench.task.load(str(headless))
    before = evaluated(start, bench.task.train, 16).loss
    assert evaluated(bench.dense.model, bench.task.train, 16).loss < before


def test_a_reset_undoes_a_trial() -> None:
    dense = Dense.of(tiny.bert())
    model, batch, seen = dense.model, torch.arange(8).view(1, 8), []
    expected = model.eval()(batch).logits
    model.register_forward_pre_hook(lambda module, inputs: seen.append(inputs))  # a foreign hook
    pruner = ActivationPruner(prunable_modules(model, PruningConfig()), 0.5, "l1-norm", "local")
    pruner.attach()
    dense.undo.append(pruner.remove)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1.0)
        assert not torch.equal(model(batch).logits, expected)
    dense.undo.append(set_dropout(model, 0.7))
    model.train()(batch).logits.sum().backward()
    assert dense.reset() is model
    assert torch.equal(model.eval()(batch).logits, expected)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert {m.p for m in model.modules() if isinstance(m, nn.Dropout)} == {0.1}
    assert [len(m._forward_pre_hooks) for m in model.modules() if m._forward_pre_hooks] == [1]
    assert len(seen) == 3
