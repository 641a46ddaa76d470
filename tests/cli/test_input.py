"""What `sweep trial` says to a model or data that it cannot use; `sweep run` does the same."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.harness import tiny
from tests.harness.command import Done, assert_refused, call

Cli = Callable[..., Done]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return partial(call, capsys)


class Words:
    """A good config of texts, to be spoilt."""

    def __init__(self, folder: Path, model: Path, files: dict[str, str]) -> None:
        self.folder, self.model = folder, folder / "model"
        shutil.copytree(model, self.model)
        self.dataset: dict[str, str | None] = {**files, "test": None}
        self.task: dict[str, Any] = {"max_length": 16}

    def rows(self, split: str, rows: list[tiny.Row]) -> None:
        self.dataset[split] = tiny.write(self.folder / f"{split}.jsonl", rows)

    def save(self) -> Path:
        path = self.folder / "words.yaml"
        task = {"dataset": self.dataset, **self.task}
        path.write_text(json.dumps({"name": "words", "model": str(self.model), "task": task}))
        return path


@pytest.fixture
def words(tmp_path: Path, model_folder: Path, data_files: dict[str, str]) -> Words:
    return Words(tmp_path, model_folder, data_files)


def no_model(words: Words) -> str:
    words.model = words.folder / "nowhere"
    return "model folder not found"


def no_weights(words: Words) -> str:
    (words.model / "model.safetensors").unlink()
    return "has no weights"


def torn_weights(words: Words) -> str:
    file = words.model / "model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    return "cannot be loaded"


def no_weights_but_junk(words: Words) -> str:
    (words.model / "model.safetensors").write_bytes(b"not weights")
    return "cannot be loaded"


def headless_weights(words: Words) -> str:
    from safetensors.torch import load_file, save_file

    file = words.model / "model.safetensors"
    weights = {k: v for k, v in load_file(file).items() if not k.startswith("classifier")}
    save_file(weights, file, {"format": "pt"})
    return "lacks weights"


def no_model_config(words: Words) -> str:
    (words.model / "config.json").unlink()
    return "no config.json"


def torn_model_config(words: Words) -> str:
    (words.model / "config.json").write_text("{")
    return "cannot be loaded"


def no_tokenizer(words: Words) -> str:
    for file in words.model.glob("tokenizer*"):
        file.unlink()
    return "tokenizer"


def no_train_file(words: Words) -> str:
    words.dataset["train"] = str(words.folder / "nowhere.csv")
    return "data file not found"


def no_validation_file(words: Words) -> str:
    words.dataset["validation"] = str(words.folder / "nowhere.csv")
    return "data file not found"


def no_text_column(words: Words) -> str:
    words.task["text"] = "txt"
    return "did you mean 'text'"


def no_label_column(words: Words) -> str:
    words.task["label"] = "lable"
    return "did you mean 'label'"


def no_known_format(words: Words) -> str:
    file = words.folder / "train.xls"
    file.write_text("text,label")
    words.dataset["train"] = str(file)
    return "allowed: .parquet, .csv, .jsonl"


def no_table(words: Words) -> str:
    file = words.folder / "train.parquet"
    file.write_bytes(b"PAR1 but not really")
    words.dataset["train"] = str(file)
    return "cannot be read"


def three_labels(words: Words) -> str:
    words.rows("train", [{"text": "good", "label": i % 3} for i in range(30)])
    return "a head of 2 labels"


def strange_label(words: Words) -> str:
    words.rows("validation", [{"text": "good", "label": i} for i in (0, 1, 7)])
    return "label 7"


def negative_label(words: Words) -> str:
    words.rows("train", [{"text": "good", "label": i} for i in (0, 1, -1)])
    return "label -1"


def one_label(words: Words) -> str:
    words.rows("train", [{"text": "good", "label": 0} for _ in range(30)])
    return "at least 2 labels"


def empty_train(words: Words) -> str:
    file = words.folder / "train.csv"
    file.write_text("text,label\n")
    words.dataset["train"] = str(file)
    return "empty"


def empty_validation(words: Words) -> str:
    words.rows("validation", [])
    return "validation.jsonl"


def nothing_carved(words: Words) -> str:
    words.dataset["validation"] = None
    words.task["validation"] = 0.001
    return "empty split"


SPOILT = [
    no_model,
    no_weights,
    torn_weights,
    no_weights_but_junk,
    headless_weights,
    no_model_config,
    torn_model_config,
    no_tokenizer,
    no_train_file,
    no_validation_file,
    no_text_column,
    no_label_column,
    no_known_format,
    no_table,
    three_labels,
    strange_label,
    negative_label,
    one_label,
    empty_train,
    empty_validation,
    nothing_carved,
]


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("spoil", SPOILT, ids=lambda spoil: spoil.__name__)
def test_what_is_wrong_with_model_or_data_is_a_sentence(
    cli: Cli, words: Words, spoil: Callable[[Words], str]
) -> None:
    word = spoil(words)
    done = cli("trial", words.save())
    assert_refused(done, 2, word)
    assert len(done.err.strip().splitlines()) == 1
    assert not (words.folder / "results").exists()


def test_a_cache_that_cannot_be_written_is_a_storage_problem(
    cli: Cli, words: Words, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRUNESWEEP_CACHE", str(words.save() / "cache"))
    assert_refused(cli("trial", words.save()), 6, "words.yaml")
