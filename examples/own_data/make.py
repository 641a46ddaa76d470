"""Make a small data set and a small model without any download: `data/*.csv`, `model/`.

The texts are sentences from the documentation of four installed packages. The label of a sentence
is the package that it comes from. The model is a BERT of 2 layers that has not been trained.

    python examples/own_data/make.py            # writes data/ and model/ beside this file

Replace `data/` by files of your own and `model/` by a model of your own: a CSV file has one text
column and one label column; a model is any folder that `from_pretrained` loads.
"""

from __future__ import annotations

import ast
import csv
import random
import re
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

HERE = Path(__file__).parent
PACKAGES = ("matplotlib", "numpy", "pandas", "scipy")
PER_PACKAGE = {"train": 1000, "validation": 400, "test": 400}
WORDS = 2000
LENGTH = 32


def docstrings(package: str) -> Iterator[str]:
    """The docstrings of a package, in the order of its files. The package is not imported."""
    spec = find_spec(package)
    assert spec is not None and spec.origin is not None
    for file in sorted(Path(spec.origin).parent.rglob("*.py")):
        if "tests" in file.parts:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                yield ast.get_docstring(node) or ""


def sentences(package: str) -> list[str]:
    """The different sentences of a package, without its own name, which would give it away."""
    found: dict[str, None] = {}
    for text in docstrings(package):
        plain = re.sub(rf"{package}|[`*]", "", text, flags=re.IGNORECASE)
        for sentence in re.split(r"(?<=\.)\s+|\n\n", plain):
            line = " ".join(sentence.split())
            if 40 <= len(line) <= 200 and re.fullmatch(r"[A-Z][a-z]+ [^>]+\.", line):
                found[line] = None
    return list(found)


def write_data(folder: Path) -> list[str]:
    """Write the three CSV files. Returns the texts of train, for the tokenizer."""
    folder.mkdir(exist_ok=True)
    draw = random.Random(0)
    splits: dict[str, list[tuple[str, str]]] = {split: [] for split in PER_PACKAGE}
    for package in PACKAGES:
        texts = sentences(package)
        draw.shuffle(texts)
        rest = iter(texts)
        for split, count in PER_PACKAGE.items():
            splits[split] += [(next(rest), package) for _ in range(count)]
    for split, rows in splits.items():
        draw.shuffle(rows)
        with (folder / f"{split}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(chain([("text", "label")], rows))
    return [text for text, _ in splits["train"]]


def write_model(folder: Path, texts: list[str]) -> None:
    """Write a tokenizer trained on the texts and a BERT of 2 layers, as Hugging Face saves them."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=WORDS, special_tokens=special)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token"), special, strict=True))
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_input_names=["input_ids", "attention_mask"], **names
    )
    torch.manual_seed(0)
    shape = BertConfig(
        vocab_size=WORDS,
        hidden_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=512,
        max_position_embeddings=LENGTH,
        id2label=dict(enumerate(PACKAGES)),
        label2id={name: number for number, name in enumerate(PACKAGES)},
    )
    BertForSequenceClassification(shape).save_pretrained(folder)
    fast.save_pretrained(folder)


if __name__ == "__main__":
    write_model(HERE / "model", write_data(HERE / "data"))
    print("wrote data/ and model/ beside this script")
