"""What `sweep trial` says to a model or data that it cannot use; `sweep run` does the same."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.harness import tiny
from tests.harness.command import Command, assert_refused


class Words:
    """A good config of texts, to be spoilt."""

    def __init__(self, folder: Path, model: Path, files: dict[str, str]) -> None:
        self.folder, self.model = folder, folder / "model"
        shutil.copytree(model, self.model)
        self.dataset: dict[str, str | None] = {**files, "test": None}
        self.task: dict[str, Any] = {"max_length": 16}

    def save(self) -> Path:
        path = self.folder / "words.yaml"
        task = {"dataset": self.dataset, **self.task}
        path.write_text(json.dumps({"name": "words", "model": str(self.model), "task": task}))
        return path


@pytest.fixture
def words(tmp_path: Path, model_folder: Path, data_files: dict[str, str]) -> Words:
    return Words(tmp_path, model_folder, data_files)


SPOILT = [
    ("config.json", None, "no config.json"),
    ("config.json", 1, "cannot be loaded"),
    ("model.safetensors", None, "has no weights"),
    ("model.safetensors", 1000, "cannot be loaded"),
    ("model.safetensors", b"not weights", "cannot be loaded"),
    ("tokenizer*", None, "tokenizer"),
]
"""Of a model: files, what is in them (bytes, so many of their first ones, None: they are gone), and
the words of the sentence."""

FILES = [
    ("train", "nowhere.csv", None, "data file not found"),
    ("validation", "nowhere.csv", None, "data file not found"),
    ("train", "train.xls", b"text,label", "allowed: .parquet, .csv, .jsonl"),
    ("train", "train.parquet", b"PAR1 but not really", "cannot be read"),
    ("train", "train.csv", b"text,label\n", "empty"),
]
"""Of a split: the file, what it has in it, and the words of the sentence."""

LABELS = [
    ("train", [0, 1, 2] * 10, "a head of 2 labels"),
    ("train", [0, 1, -1], "label -1"),
    ("train", [0] * 30, "at least 2 labels"),
    ("validation", [0, 1, 7], "label 7"),
    ("validation", [], "validation.jsonl"),
]


def assert_one_sentence(cli: Command, words: Words, word: str) -> None:
    done = cli("trial", words.save())
    assert_refused(done, 2, word)
    assert len(done.err.strip().splitlines()) == 1
    assert not (words.folder / "results").exists()


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(("pattern", "content", "word"), SPOILT)
def test_what_is_wrong_with_the_model_is_a_sentence(
    cli: Command, words: Words, pattern: str, content: bytes | int | None, word: str
) -> None:
    for file in words.model.glob(pattern):
        if content is None:
            file.unlink()
        else:
            file.write_bytes(file.read_bytes()[:content] if isinstance(content, int) else content)
    assert_one_sentence(cli, words, word)


@pytest.mark.usefixtures("cache")
def test_no_model_weights_without_a_head_and_nothing_to_carve_are_sentences(
    cli: Command, words: Words
) -> None:
    from safetensors.torch import load_file, save_file

    words.dataset["validation"], words.task["validation"] = None, 0.001
    assert_one_sentence(cli, words, "empty split")
    file = words.model / "model.safetensors"
    weights = {k: v for k, v in load_file(file).items() if not k.startswith("classifier")}
    save_file(weights, file, {"format": "pt"})
    words.task["validation"] = 0.5
    assert_one_sentence(cli, words, "lacks weights")
    words.model = words.folder / "nowhere"
    assert_one_sentence(cli, words, "model folder not found")


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(("split", "name", "content", "word"), FILES)
def test_what_is_wrong_with_a_file_is_a_sentence(
    cli: Command, words: Words, split: str, name: str, content: bytes | None, word: str
) -> None:
    file = words.folder / name
    if content is not None:
        file.write_bytes(content)
    words.dataset[split] = str(file)
    assert_one_sentence(cli, words, word)


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(("split", "labels", "word"), LABELS)
def test_what_is_wrong_with_labels_is_a_sentence(
    cli: Command, words: Words, split: str, labels: list[int], word: str
) -> None:
    rows: list[tiny.Row] = [{"text": "good", "label": label} for label in labels]
    words.dataset[split] = tiny.write(words.folder / f"{split}.jsonl", rows)
    assert_one_sentence(cli, words, word)


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(("column", "name"), [("text", "txt"), ("label", "lable")])
def test_a_column_that_is_not_there_is_a_sentence(
    cli: Command, words: Words, column: str, name: str
) -> None:
    words.task[column] = name
    assert_one_sentence(cli, words, f"did you mean '{column}'")


def test_a_cache_that_cannot_be_written_is_a_storage_problem(
    cli: Command, words: Words, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRUNESWEEP_CACHE", str(words.save() / "cache"))
    assert_refused(cli("trial", words.save()), 6, "words.yaml")
