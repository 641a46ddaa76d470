"""Models: loading, refusal with a clear message, and new models from a seed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from sweep.compress.models import dropout_rates, fresh_bert, load_classifier, set_dropout
from sweep.errors import UsageError
from tests.harness import tiny


def load(
    folder: Path, labels: int = 2, vocabulary: int = len(tiny.VOCABULARY), seed: int = 0
) -> Any:
    return load_classifier(str(folder), "abcdefghij"[:labels], vocabulary, 16, seed)


@pytest.fixture
def folder(model_folder: Path, tmp_path: Path) -> Path:
    """A copy of the model folder that a test may change."""
    return Path(shutil.copytree(model_folder, tmp_path / "model"))


def same_weights(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().items(), other.state_dict().items(), strict=True)
    return all(a == b and torch.equal(v, w) for (a, v), (b, w) in pairs)


def test_a_saved_model_loads_with_its_weights(model_folder: Path) -> None:
    model = load(model_folder)
    assert same_weights(model, tiny.bert())
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_half_precision_weights_are_loaded_in_single_precision(tmp_path: Path) -> None:
    tiny.bert().to(torch.bfloat16).save_pretrained(tmp_path)
    model = load(tmp_path)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def cut(share: float, folder: Path) -> None:
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[: int(len(content) * share)])


def only_pickles(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save(tiny.bert().state_dict(), folder / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (shutil.rmtree, "model folder not found: /"),
        (lambda folder: (folder / "config.json").unlink(), r"has no config\.json"),
        (lambda folder: (folder / "config.json").write_text("{ not json"), "cannot be loaded"),
        (lambda folder: (folder / "model.safetensors").unlink(), "has no weights: it needs"),
        (only_pickles, r"has no weights: it needs model\.safetensors"),
        *((partial(cut, s), r"model .* cannot be loaded: \S") for s in (0, 0.001, 0.5, 0.999)),
    ],
)
def test_an_incomplete_folder_is_refused(
    folder: Path, damage: Callable[[Path], object], message: str
) -> None:
    damage(folder)
    with pytest.raises(UsageError, match=message):
        load(folder)


@pytest.mark.parametrize("lost", ["classifier.weight", "bert.encoder.layer.1.output.dense.weight"])
def test_missing_weights_are_refused(folder: Path, lost: str) -> None:
    tensors = load_file(folder / "model.safetensors")
    del tensors[lost]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UsageError, match=f"lacks weights.*{lost}"):
        load(folder)


@pytest.mark.parametrize("labels", [3, 10])
def test_a_head_with_another_number_of_labels_is_refused(model_folder: Path, labels: int) -> None:
    with pytest.raises(UsageError, match=f"head of 2 labels, but the data has {labels}: a, b, c"):
        load(model_folder, labels)


def test_a_tokenizer_with_too_many_tokens_is_refused(model_folder: Path) -> None:
    known = len(tiny.VOCABULARY)
    with pytest.raises(UsageError, match=f"knows {known} tokens, the tokenizer makes {known + 1}"):
        load(model_folder, vocabulary=known + 1)
    load(model_folder, vocabulary=known - 1)


def test_a_model_without_a_head_gets_one_from_the_seed(tmp_path: Path) -> None:
    """Each worker loads the model separately, and their heads must be equal."""
    tiny.save(tmp_path, head=False)
    ambient = torch.random.get_rng_state()
    one, same, other = (load(tmp_path, 3, seed=seed) for seed in (4, 4, 5))
    assert torch.equal(torch.random.get_rng_state(), ambient)
    assert one.classifier.weight.shape == (3, 32)
    assert same_weights(one, same)
    assert not torch.equal(one.classifier.weight, other.classifier.weight)
    assert same_weights(one.bert, tiny.bert().bert)


def test_a_new_bert_depends_only_on_its_seed() -> None:
    ambient = torch.random.get_rng_state()
    one, same, other = (fresh_bert(17, 10, 64, seed) for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), ambient)
    assert same_weights(one, same)
    assert not same_weights(one, other)
    assert sum(parameter.numel() for parameter in one.parameters()) == pytest.approx(294e3, rel=0.1)


def test_a_new_bert_fits_its_task() -> None:
    model = fresh_bert(17, 10, 100, 0).eval()
    assert model(torch.arange(17).repeat(2, 5)).logits.shape == (2, 10)
    # a pixel of 0 is an ordinary word, so its embedding is not the zero vector of padding
    assert model.bert.embeddings.word_embeddings.weight[0].any()


def test_dropout_is_set_in_all_layers_or_none() -> None:
    model = tiny.bert()
    own = dropout_rates(model)
    assert set(own.values()) == {0.1}
    for rate in (None, 0.3, 0.0):
        set_dropout(model, rate)
        assert dropout_rates(model) == dict.fromkeys(own, 0.1 if rate is None else rate)
