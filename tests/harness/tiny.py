"""A task and models that train in a moment; they are made here, without a network or files."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sweep.compress.tasks import Split
from sweep.config import SweepConfig

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
GOOD = ("good", "fine", "great")
BAD = ("bad", "poor", "dull")
FILLER = ("film", "plot", "actor", "scene", "music", "very", "the", "with")
VOCABULARY = (*SPECIAL, *GOOD, *BAD, *FILLER)

Row = dict[str, Any]


def rows(count: int, seed: int) -> list[Row]:
    """Balanced sentences of 1 to 9 words; one word of each gives the label."""
    rng = np.random.default_rng(seed)
    made = []
    for index in range(count):
        label = index % 2
        words = list(rng.choice(FILLER, size=rng.integers(0, 9)))
        words.insert(int(rng.integers(0, len(words) + 1)), str(rng.choice((BAD, GOOD)[label])))
        made.append({"text": " ".join(words), "label": label})
    return made


def splits(sizes: dict[str, int]) -> dict[str, list[Row]]:
    """Balanced splits of :func:`rows` in which no text occurs twice."""
    different = {row["text"]: row for row in rows(999, 0)}.values()
    fresh = [iter([row for row in different if row["label"] == label]) for label in (0, 1)]
    return {name: [next(fresh[i % 2]) for i in range(size)] for name, size in sizes.items()}


def write(path: Path, data: Sequence[Row]) -> str:
    """Write rows in the format of the file's suffix; return the path as a string."""
    if path.suffix == ".gz":
        plain = Path(write(path.with_suffix(""), data))
        path.write_bytes(gzip.compress(plain.read_bytes()))
        plain.unlink()
    elif path.suffix == ".parquet":
        import pyarrow as pa
        from pyarrow import parquet

        parquet.write_table(pa.Table.from_pylist(list(data)), path)
    elif path.suffix in (".csv", ".tsv"):
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(data[0]), delimiter=",\t"[path.suffix == ".tsv"])
            writer.writeheader()
            writer.writerows(data)
    elif path.suffix == ".json":
        path.write_text(json.dumps(data))
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in data))
    return str(path)


def save_tokenizer(folder: Path, words: Iterable[str] = VOCABULARY) -> None:
    """Save a tokenizer of whole words, with [CLS] and [SEP], and segments for pairs."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    ids = {word: i for i, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])],
    )
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    inputs = ["input_ids", "token_type_ids", "attention_mask"]
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_input_names=inputs, **names
    ).save_pretrained(folder)


def bert(labels: int = 2, vocabulary: int = len(VOCABULARY), **settings: Any) -> nn.Module:
    """A BERT classifier of 2 layers and width 32, always with the same weights."""
    from transformers import BertConfig, BertForSequenceClassification

    shape = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 48,
        "max_position_embeddings": 64,
        # Large initial weights, so that outputs differ between sentences.
        "initializer_range": 0.2,
    }
    config = BertConfig(vocab_size=vocabulary, num_labels=labels, **{**shape, **settings})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        return BertForSequenceClassification(config)


def save(
    folder: Path, words: Sequence[str] = VOCABULARY, head: bool = True, **settings: Any
) -> Path:
    """Save a model folder: :func:`bert`, with or without its head, and a tokenizer."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    model: Any = bert(**settings)
    (model if head else model.bert).save_pretrained(folder)
    save_tokenizer(folder, words)
    return folder


def gpt2(**settings: Any) -> nn.Module:
    """A GPT-2 classifier of 2 layers and width 32, always with the same weights.

    Its layers are transformers' ``Conv1D``; c_proj of the attention is square.
    """
    from transformers import GPT2Config, GPT2ForSequenceClassification

    shape = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 64, "initializer_range": 0.2}
    tokens = dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id"), 0)
    config = GPT2Config(vocab_size=len(VOCABULARY), **{**shape, **tokens, **settings})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        return GPT2ForSequenceClassification(config)


def save_gpt2(folder: Path) -> Path:
    """Save a model folder: :func:`gpt2` and a tokenizer."""
    model: Any = gpt2()
    model.save_pretrained(folder)
    save_tokenizer(folder)
    return folder


def make_config(model: Path | str | None, dataset: Any, **sections: Any) -> SweepConfig:
    """A config of small batches; ``sections`` are merged over it."""
    plain: dict[str, Any] = {
        "name": "tiny",
        "model": None if model is None else str(model),
        "task": {"dataset": dataset, "max_length": 16},
        "baseline": {"batch_size": 16, "learning_rate": 1e-3},
        "space": {},
        "recover": {"batch_size": 16, "eval_batch_size": 16},
        "search": {"grace_period": 1, "scheduler": "fifo"},
    }
    for name, section in sections.items():
        merged = isinstance(section, dict) and isinstance(plain.get(name), dict)
        plain[name] = {**plain[name], **section} if merged else section
    return SweepConfig.model_validate(plain)


class Net(nn.Module):
    """A classifier without segments: a bag of words and two Linear layers."""

    def __init__(self, words: int = 12, width: int = 8, labels: int = 3, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.words = nn.Embedding(words, width)
            self.hidden = nn.Linear(width, 10)
            self.drop = nn.Dropout(0.0)
            self.head = nn.Linear(10, labels)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> SimpleNamespace:
        seen = attention_mask.unsqueeze(-1).float()
        mean = (self.words(input_ids) * seen).sum(1) / seen.sum(1)
        return SimpleNamespace(logits=self.head(self.drop(torch.tanh(self.hidden(mean)))))


def bags(count: int = 48, words: int = 12, labels: int = 3, seed: int = 0) -> Split:
    """Random rows of 1 to 7 words for :class:`Net`."""
    rng = np.random.default_rng(seed)
    ids = [rng.integers(0, words, size=rng.integers(1, 8)).tolist() for _ in range(count)]
    return Split.of(ids, np.arange(count) % labels)
