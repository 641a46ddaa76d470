"""Tokenizers: how they pad, the token they pad with, keys of them, and unknown tokens."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sweep.compress.tasks.columns import Raw
from sweep.compress.tasks.encode import Encoder
from sweep.compress.tasks.split import Padding, Split
from sweep.errors import UsageError
from tests.harness import tiny

IDS = {word: number for number, word in enumerate(tiny.VOCABULARY)}
TEXTS = ("good film", "the plot very dull", "")

Make = Callable[..., Encoder]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Open the tiny tokenizer, with other settings in its tokenizer_config.json."""

    def call(config: Any = None, **settings: Any) -> Encoder:
        tiny.save_tokenizer(tmp_path)
        file = tmp_path / "tokenizer_config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | settings))
        return Encoder(str(tmp_path), config)

    return call


def raw(texts: tuple[str, ...] = TEXTS, pairs: tuple[str, ...] | None = None) -> Raw:
    return Raw(texts, pairs, [0] * len(texts))


def tokens(
    encoder: Encoder, rows: Raw, max_length: int = 16, **replace: str
) -> tuple[Split, dict[str, int]]:
    return encoder.tokenise(rows, np.zeros(len(rows.texts)), max_length, replace)


@pytest.mark.parametrize("pairs", [None, ("very", "bad", "good")])
@pytest.mark.parametrize(
    ("settings", "padding"),
    [
        ({}, Padding(0, 0, False)),
        ({"padding_side": "left"}, Padding(0, 0, True)),
        ({"pad_token": "[SEP]"}, Padding(3, 0, False)),
        ({"model_input_names": ["input_ids", "attention_mask"]}, Padding(0, 0, False)),
    ],
)
def test_batches_are_those_of_the_tokenizer(
    make: Make, settings: dict[str, Any], padding: Padding, pairs: tuple[str, ...] | None
) -> None:
    assert_equal_batches(make(**settings), padding, pairs)
    other = make(**settings)
    other.tokenizer._pad_token_type_id = 3  # as XLNet had it
    assert_equal_batches(other, replace(padding, segment=3), pairs)


def assert_equal_batches(encoder: Encoder, padding: Padding, pairs: tuple[str, ...] | None) -> None:
    assert encoder.padding == padding
    split, _ = tokens(encoder, raw(pairs=pairs))
    batch = replace(split, padding=encoder.padding).batch(np.arange(3))
    del batch["labels"]
    texts = [list(TEXTS), *([list(pairs)] if pairs else [])]
    expected = encoder.tokenizer(*texts, padding=True)
    assert {name: part.tolist() for name, part in batch.items()} == dict(expected)


@pytest.mark.parametrize(
    ("settings", "own", "name", "told"),
    [
        ({}, 1, "[PAD]", False),
        ({"pad_token": None}, 2, "[CLS]", False),
        ({"pad_token": None, "eos_token": "film"}, None, "film", True),
        ({"pad_token": None, "eos_token": "film"}, -1, "film", True),
        ({"pad_token": None, "eos_token": "film"}, 99, "film", True),
        ({"pad_token": None, "eos_token": "[SEP]"}, None, "[UNK]", True),  # [SEP] ends all rows
    ],
)
def test_the_pad_token_is_the_tokenizers_or_the_models_or_ends_texts(
    make: Make, settings: dict[str, Any], own: int | None, name: str, told: bool, tmp_path: Path
) -> None:
    """A saved tokenizer has the same token, and says nothing more."""
    config = SimpleNamespace(get_text_config=lambda: SimpleNamespace(pad_token_id=own))
    encoder = make(config, **settings)
    assert encoder.padding.token == IDS[name]
    assert [f"padded with '{name}'" in text for text in encoder.warnings(16)] == [True] * told
    encoder.tokenizer.save_pretrained(tmp_path / "saved")
    saved = Encoder(str(tmp_path / "saved"))
    assert (saved.padding, saved.warnings(16)) == (encoder.padding, [])


def test_a_tokenizer_without_a_token_to_pad_with_is_refused(make: Make) -> None:
    with pytest.raises(UsageError, match=r"has no pad token, .*: set pad_token in its tok"):
        make(pad_token=None, unk_token=None)


def test_segments_are_those_of_the_tokenizer(make: Make) -> None:
    split, _ = tokens(make(), raw(("good", ""), ("bad", "bad")))
    assert split.segments is not None
    assert split.segments.tolist() == [0, 0, 0, 1, 1, 0, 0, 1, 1]
    none = make(model_input_names=["input_ids", "attention_mask"])
    assert tokens(none, raw(("good",), ("bad",)))[0].segments is None


def test_other_inputs_are_refused(make: Make) -> None:
    encoder, whole = make(), make().tokenizer
    encoder.tokenizer = lambda *texts, **how: {**whole(*texts, **how), "bbox": [[0] * 4]}
    encoder.tokenizer.num_special_tokens_to_add = whole.num_special_tokens_to_add  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match="returns bbox; allowed: tokenizers of texts"):
        tokens(encoder, raw())


def test_a_tokenizer_that_fails_on_a_text_is_refused(make: Make, tmp_path: Path) -> None:
    make()
    file = tmp_path / "tokenizer.json"
    file.write_text(file.read_text().replace('"unk_token": "[UNK]"', '"unk_token": "[NONE]"'))
    with pytest.raises(UsageError, match=r"fails on the texts: WordLevel error: .*; allowed"):
        tokens(Encoder(str(tmp_path)), raw(("other words",)))


def test_counts_leave_out_what_the_tokenizer_adds(make: Make) -> None:
    _, counts = tokens(make(), raw(("good Xx film", "Xx", "a b c plot plot")), 5)
    assert counts == {"examples": 3, "tokens": 7, "unknown": 5, "cut": 1}
    _, counts = tokens(make(), raw(("good Xx film",), ("bad",)), 16, Xx="very")
    assert counts == {"examples": 1, "tokens": 4, "unknown": 0, "cut": 0}


@pytest.mark.parametrize(
    ("unknown", "refuse", "expected"),
    [(50, True, None), (51, True, "5.1%"), (200, True, "20.0%"), (900, False, "90.0%")],
)
def test_many_unknown_tokens_are_told(
    make: Make, unknown: int, refuse: bool, expected: str | None
) -> None:
    found = make().unknown("train", {"tokens": 1000, "unknown": unknown}, refuse)
    assert len(found) == (expected is not None)
    assert all(f"{expected} of the 1000 tokens of train are unknown ([UNK])" in s for s in found)
    assert make().unknown("train", {"tokens": 0, "unknown": 0}, True) == []


def test_too_many_unknown_tokens_are_refused(make: Make) -> None:
    with pytest.raises(UsageError, match=r"20\.1% of .* allowed: at most 20%; name"):
        make().unknown("train", {"tokens": 1000, "unknown": 201}, refuse=True)


def test_texts_are_cut_on_the_tokenizers_side(make: Make) -> None:
    rows = raw(("good film plot very dull",))
    for side, words in (("right", ("good", "film")), ("left", ("very", "dull"))):
        split, counts = tokens(make(truncation_side=side), rows, 4)
        assert split.tokens.tolist() == [IDS[word] for word in ("[CLS]", *words, "[SEP]")]
        assert counts["cut"] == 1
    with pytest.raises(UsageError, match=r"max_length is 2, .* adds 2 tokens .* to 3 or more"):
        tokens(make(), rows, 2)


def test_a_length_above_the_limit_of_the_tokenizer_is_told(make: Make) -> None:
    encoder = make(model_max_length=12)
    assert encoder.warnings(12) == []
    [warning] = encoder.warnings(13)
    assert "(model_max_length 12): texts are cut at task.max_length" in warning


def test_a_text_without_a_token_is_one_pad_token(make: Make, tmp_path: Path) -> None:
    encoder = make()
    content = json.loads((tmp_path / "tokenizer.json").read_text())
    (tmp_path / "tokenizer.json").write_text(json.dumps(content | {"post_processor": None}))
    encoder = Encoder(str(tmp_path))
    split, counts = tokens(encoder, raw())
    assert split.lengths.tolist() == [2, 4, 1]
    assert split.tokens[-1] == encoder.padding.token
    assert split.segments is not None and len(split.segments) == 7
    assert counts["tokens"] == 6


def test_a_key_is_of_all_that_changes_tokens(make: Make, tmp_path: Path) -> None:
    same = {make().key, make().key}
    changes = (
        {"padding_side": "left"},
        {"truncation_side": "left"},
        {"model_input_names": ["input_ids"]},
        {"pad_token": "[SEP]"},
        {"unk_token": "the"},
    )
    keys = [make(**change).key for change in changes]
    make()
    content = json.loads((tmp_path / "tokenizer.json").read_text())
    for change in ({"normalizer": {"type": "Lowercase"}}, {"post_processor": None}):
        (tmp_path / "tokenizer.json").write_text(json.dumps(content | change))
        keys.append(Encoder(str(tmp_path)).key)
    assert len(same) == 1 and len({*same, *keys}) == 1 + len(keys)
