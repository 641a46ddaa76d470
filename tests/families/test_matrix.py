"""Every family is opened, pruned, trained, exported, and read back by plain transformers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sweep.compress.dense.bench import Workbench
from sweep.compress.prune.targets import prunable_modules
from sweep.compress.trial import ModelTrial
from sweep.export.files import write_model
from sweep.space.params import Params
from tests.families import measured
from tests.families.families import FAMILIES, Family, save
from tests.harness import tiny

pytestmark = pytest.mark.slow

EPOCH = Params(sparsity=0.5, finetune_epochs=1, learning_rate=1e-3)
CALIBRATED = Params(
    sparsity=0.5,
    method="wanda",  # with Conv layers: taylor
    scope="row",
    finetune_epochs=0,
    activation_sparsity=0.3,
    activation_scope="global",
)
TEXTS = [row["text"] for row in tiny.rows(12, seed=1)]  # those of measured.data


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return measured.data(tmp_path_factory.mktemp("data"))


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES.keys())
def test_a_family(family: Family, files: dict[str, str], tmp_path: Path) -> None:
    folder = save(family, tmp_path / "model")
    bench = measured.opened(folder, files)
    bench.check()
    assert_equal_to_plain(bench, folder)
    assert_calibrated(bench)
    trial = assert_trained(bench)
    assert_exported(bench, trial, tmp_path / "export")
    assert measured.line(family, bench) == measured.shown(family), "run python -m tests.families"


def plain(folder: Path) -> tuple[Any, Any]:
    """Load a model and a tokenizer as a user of transformers does, who pads with the end token."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    words = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    if words.pad_token is None:
        words.pad_token = words.eos_token or words.unk_token
        model.config.pad_token_id = words.pad_token_id
    return words, model


def assert_equal_to_plain(bench: Workbench, folder: Path) -> None:
    """Padded batches are equal, and so are the logits."""
    words, model = plain(folder)
    batch = words(TEXTS, padding=True, return_tensors="pt")
    ours = bench.task.split("validation").batch(np.arange(len(TEXTS)))
    assert {name: part.tolist() for name, part in batch.items()} == {
        name: ours[name].tolist() for name in batch
    }
    assert set(ours) - set(batch) <= {"labels", "attention_mask"}
    with torch.no_grad():
        expected = model(**batch).logits
    assert (expected - expected[0]).abs().max() > 1e-3  # the texts get different answers
    found = measured.logits(bench.dense.reset(), bench, range(len(TEXTS)))
    assert measured.relative(found, expected) < measured.SAME


def assert_calibrated(bench: Workbench) -> None:
    """Statistics and thresholds exist for all layers, and rows are pruned exactly."""
    modules = prunable_modules(bench.dense.model, bench.config.pruning).values()
    linear = all(isinstance(module, nn.Linear) for module in modules)
    trial = bench.trial(CALIBRATED if linear else replace(CALIBRATED, method="taylor"), seed=0)
    (record,) = trial.run()
    assert np.isfinite(record.loss)
    assert set(trial.activations.state) == set(trial.activations.modules)
    for name, weight in trial.weights.items():
        rows = weight.flatten(1)
        zeros, exact = (rows == 0).sum(1), CALIBRATED.sparsity * rows.shape[1]
        assert ((zeros - exact).abs() <= 0.5).all(), name


def assert_trained(bench: Workbench) -> ModelTrial:
    """Masks hold over an epoch, and a checkpoint restores the trial. Returns the restored trial."""
    trial, start = bench.trial(EPOCH, seed=0), {}
    for record in trial.run():
        start = start or {name: weight.detach().clone() for name, weight in trial.weights.items()}
        zeros = [weight == 0 for weight in trial.weights.values()]
        for name, found in zip(trial.weights, zeros, strict=True):
            assert torch.equal(found, ~trial.masks[name]), name
            assert abs(int(found.sum()) - EPOCH.sparsity * found.numel()) <= 0.5, name
        total = sum(found.numel() for found in zeros)
        assert record.sparsity == sum(int(found.sum()) for found in zeros) / total
    assert any(not torch.equal(start[name], weight) for name, weight in trial.weights.items())
    state, expected = trial.state_dict(), _logits(trial.model, bench)
    again = bench.trial(EPOCH, seed=0)
    again.load_state_dict(state)
    assert torch.equal(_logits(again.model, bench), expected)
    return again


def assert_exported(bench: Workbench, trial: ModelTrial, folder: Path) -> None:
    """Plain transformers reads the export, with the same zeros, logits and answers."""
    from transformers import pipeline

    write_model(trial.model, trial.masks, bench.task.label_names, folder)
    bench.task.save_beside(folder)
    words, model = plain(folder)
    assert words.pad_token_id == model.config.get_text_config().pad_token_id
    zeros = sum(int((part == 0).sum()) for part in model.state_dict().values())
    assert zeros == sum(int((part == 0).sum()) for part in trial.model.state_dict().values())
    expected = _logits(trial.model, bench)
    with torch.no_grad():
        found = model(**words(TEXTS, padding=True, return_tensors="pt")).logits
    assert measured.relative(found, expected) < measured.SAME
    if not measured.depends_on_padding(bench):
        classify = pipeline("text-classification", model=str(folder), device="cpu")
        # The pipeline cannot split batches of XLNet, which returns its memory too.
        one_by_one = model.config.model_type == "xlnet"
        answers = [*map(classify, TEXTS)] if one_by_one else [classify(TEXTS, batch_size=5)]
        told = [int(answer["label"]) for part in answers for answer in part]
        assert told == expected.argmax(-1).tolist()


def _logits(model: nn.Module, bench: Workbench) -> Tensor:
    return measured.logits(model, bench, range(len(TEXTS)))
