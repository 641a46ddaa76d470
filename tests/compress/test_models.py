"""Models: loading, refusal with a clear message, and new models from a seed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from sweep.compress.model_files import has_head
from sweep.compress.models import (
    check_saved,
    fresh_bert,
    load_classifier,
    save_model,
    usable_positions,
)
from sweep.errors import StorageError, UsageError
from tests.harness import architectures, tiny


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
        (
            lambda folder: (folder / "config.json").write_text("{ not json"),
            r"config.json' is not a valid JSON file",
        ),
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


def test_a_pooler_of_another_shape_is_refused(tmp_path: Path) -> None:
    folder = tiny.save(tmp_path, head=False)
    tensors = load_file(folder / "model.safetensors")
    tensors["pooler.dense.weight"] = torch.zeros(7, 32)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UsageError, match=r"pooler\.dense\.weight has the shape \(7, 32\)"):
        load(folder)


def test_weights_of_another_shape_are_refused(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors["classifier.weight"] = torch.zeros(2, 7)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(
        UsageError, match=r"classifier\.weight has the shape \(2, 7\), but \(2, 32\)"
    ):
        load(folder)


def test_weights_that_are_not_finite_are_refused(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors["bert.pooler.dense.weight"][3, 4] = float("nan")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UsageError, match=r"bert\.pooler\.dense\.weight has values that are not"):
        load(folder)


def test_a_base_without_one_of_its_layers_is_refused(tmp_path: Path) -> None:
    tiny.save(tmp_path, head=False)
    tensors = load_file(tmp_path / "model.safetensors")
    del tensors["pooler.dense.weight"]  # as in BERT for masked words
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    load(tmp_path)
    del tensors["encoder.layer.1.output.dense.weight"]
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UsageError, match=r"lacks weights.*encoder\.layer\.1\.output"):
        load(tmp_path)


@pytest.mark.parametrize("labels", [2, 3])
def test_a_saved_model_is_read_back_with_its_labels(labels: int, tmp_path: Path) -> None:
    """BART has three labels by default, and the library omits two from config.json."""
    model = architectures.make("bart", num_labels=labels)
    save_model(model, tmp_path)
    assert same_weights(load(tmp_path, labels, 100), model)
    content = json.loads((tmp_path / "config.json").read_text())
    names = [f"LABEL_{index}" for index in range(labels)]
    assert content["num_labels"] == labels and content["dtype"] == "float32"
    assert list(content["id2label"].values()) == list(content["label2id"]) == names


def test_a_model_that_is_read_back_as_another_is_refused(tmp_path: Path) -> None:
    model = tiny.bert()
    save_model(model, tmp_path)
    saved = load(tmp_path)
    check_saved(model, saved)
    saved.classifier.bias.data[1] += 1e-7
    with pytest.raises(StorageError, match=r"classifier\.bias is read back as another tensor"):
        check_saved(model, saved)


@pytest.mark.parametrize(
    ("family", "usable"),
    [
        ("bert", 40),
        ("roberta", 38),  # 40, less the padding index 1 and one more
        ("xlnet", None),  # its config says -1
        *(
            pytest.param(family, usable, marks=pytest.mark.slow)
            for family, usable in (
                *(("mpnet", 38), ("longformer", 38), ("esm", 38), ("camembert", 38)),
                *(("bart", 40), ("llama", 40), ("deberta-v2", 40), ("t5", None), ("funnel", None)),
            )
        ),
    ],
)
def test_texts_may_have_as_many_tokens_as_the_model_can_read(
    family: str, usable: int | None, tmp_path: Path
) -> None:
    model = architectures.make(family, num_labels=2)
    assert usable_positions(model) == usable
    save_model(model, tmp_path)
    length = usable or 600
    load_classifier(str(tmp_path), "ab", 100, length)
    ids = torch.full((1, length), 5)
    ids[0, -1] = 2  # BART and T5 classify at the end of a text
    model.eval()(input_ids=ids, attention_mask=torch.ones_like(ids))
    if usable:
        with pytest.raises(UsageError, match=f"takes {usable} tokens at most"):
            load_classifier(str(tmp_path), "ab", 100, usable + 1)


def test_block_sparse_attention_becomes_full_attention(tmp_path: Path) -> None:
    model = architectures.make("big_bird")
    save_model(model, tmp_path)
    loaded = load(tmp_path, 2, 100)
    assert loaded.config.attention_type == "original_full"
    ids = torch.arange(5, 14).view(1, 9)
    expected = model.eval()(input_ids=ids).logits  # it replaces its modules for this short text
    parts = list(loaded.modules())
    assert torch.equal(loaded.eval()(input_ids=ids).logits, expected)
    assert all(one is other for one, other in zip(parts, loaded.modules(), strict=True))


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


@pytest.mark.parametrize(
    "settings",
    [
        {"model_type": "distilbert", "dim": 16, "hidden_dim": 24, "n_layers": 1, "n_heads": 2},
        {"model_type": "roberta", "hidden_size": 16, "intermediate_size": 24},
        {"model_type": "bart", "d_model": 16, "encoder_layers": 1, "decoder_layers": 1},
        {"model_type": "gpt2", "n_embd": 16, "n_layer": 1, "n_head": 2, "pad_token_id": 0},
    ],
    ids=lambda settings: settings["model_type"],
)
def test_a_new_head_replaces_a_trained_one(tmp_path: Path, settings: dict[str, Any]) -> None:
    """All other weights stay, and the names are in the config."""
    from transformers import AutoConfig, AutoModelForSequenceClassification

    small = {"vocab_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2, "num_labels": 3}
    config = AutoConfig.for_model(**{**small, **settings})
    AutoModelForSequenceClassification.from_config(config).save_pretrained(tmp_path)
    old = load_classifier(str(tmp_path), ["a", "b", "c"], 5, 8)
    new, same = (
        load_classifier(str(tmp_path), ["w", "x", "y", "z"], 5, 8, seed=3, new_head=True)
        for _ in range(2)
    )
    assert same_weights(new, same)
    assert same_weights(new.base_model, old.base_model)  # type: ignore[arg-type]
    assert new.config.id2label == dict(enumerate("wxyz")) and old.config.id2label[1] == "b"
    base = {id(weight) for weight in new.base_model.parameters()}  # type: ignore[operator]
    head = {name for name, weight in new.named_parameters() if id(weight) not in base}
    before = dict(old.named_parameters())
    assert head and not any(
        torch.equal(weight, before[name])
        for name, weight in new.named_parameters()
        if name in head and weight.dim() > 1
    )
    assert has_head(old.config) and not has_head(new.config)


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
