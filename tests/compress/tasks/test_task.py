"""A task: splits read when they are asked for, cut and subset honestly, tokenised once."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sweep.compress.tasks import Split, Task, load_task
from sweep.compress.tasks import task as task_module
from sweep.compress.tasks.task import majority_share
from sweep.config import SweepConfig
from sweep.errors import UsageError
from tests.harness import tiny

Files = dict[str, str]


@pytest.fixture
def files(data_files: Files, tmp_path: Path) -> Files:
    """Copies of the data files that a test may change."""
    return {name: shutil.copy(path, tmp_path) for name, path in data_files.items()}


def load(model: Path, files: Any, **task: Any) -> Task:
    return of(tiny.make_config(model, files, task=task))


def of(config: SweepConfig) -> Task:
    return load_task(config.task, config.model, config.tokenizer)


def contents(split: Split) -> Counter[tuple[Any, ...]]:
    """How often each example is there."""
    cuts = zip(split.offsets[:-1], split.offsets[1:], split.labels, strict=True)
    return Counter((*split.tokens[start:end].tolist(), int(label)) for start, end, label in cuts)


def encoded(text: str) -> list[int]:
    ids = {word: i for i, word in enumerate(tiny.VOCABULARY)}
    words = [ids.get(word, ids["[UNK]"]) for word in text.split()]
    return [ids["[CLS]"], *words, ids["[SEP]"]]


def numbered(count: int, labels: int = 2) -> list[tiny.Row]:
    """Rows that all differ: four words each, that spell the row's number."""
    words = tiny.FILLER
    return [
        {"text": " ".join(words[(i // 8**p) % 8] for p in range(4)), "label": i % labels}
        for i in range(count)
    ]


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_rows_become_tokens_in_every_format(
    model_folder: Path, tmp_path: Path, suffix: str
) -> None:
    data = tiny.rows(20, seed=3)
    train = tiny.write(tmp_path / f"train.{suffix}", data)
    validation = tiny.write(tmp_path / f"validation.{suffix}", data[:6])
    task = load(model_folder, {"train": train, "validation": validation})
    assert contents(task.train) == Counter((*encoded(r["text"]), r["label"]) for r in data)
    assert len(task.split("validation")) == 6
    assert (task.num_labels, task.label_names) == (2, ("0", "1"))
    assert (task.pad_id, task.vocabulary) == (0, len(tiny.VOCABULARY))
    assert not task.carved


def test_long_texts_are_cut_and_words_replaced(model_folder: Path, tmp_path: Path) -> None:
    data = [{"text": "bad<br />bad good good good", "label": i} for i in (0, 1)]
    train = tiny.write(tmp_path / "train.jsonl", data)
    task = load(
        model_folder,
        {"train": train, "validation": train},
        max_length=5,
        replace={"<br />": " ", "bad": "dull"},
    )
    assert contents(task.train) == Counter((*encoded("dull dull good"), label) for label in (0, 1))


def test_pairs_have_segments(model_folder: Path, tmp_path: Path) -> None:
    data = [{"a": "good film", "b": "bad", "label": 0}, {"a": "plot", "b": "the plot", "label": 1}]
    train = tiny.write(tmp_path / "train.jsonl", data)
    task = load(model_folder, {"train": train, "validation": train}, text=["a", "b"])
    batch = task.train.padded(np.array([0, 1]), 0)
    assert batch["token_type_ids"].tolist() == [[0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 1]]
    assert batch["input_ids"][0].tolist() == [*encoded("good film"), *encoded("bad")[1:]]


def test_labels_by_name_are_the_same_in_every_split(model_folder: Path, tmp_path: Path) -> None:
    data = [{"text": t, "label": label} for t, label in [("good", "pos"), ("bad", "neg")]]
    train = tiny.write(tmp_path / "train.csv", data)
    validation = tiny.write(tmp_path / "validation.csv", data[:1])
    task = load(model_folder, {"train": train, "validation": validation})
    assert task.label_names == ("neg", "pos")
    assert task.split("validation").labels.tolist() == [1]


def test_many_rows_are_tokenised_in_pieces(model_folder: Path, tmp_path: Path) -> None:
    data = numbered(2100)
    train = tiny.write(tmp_path / "train.parquet", data)
    task = load(model_folder, {"train": train, "validation": train})
    assert contents(task.train) == Counter((*encoded(r["text"]), r["label"]) for r in data)


# validation: its own file, or carved


@pytest.fixture
def one_file(tmp_path: Path) -> Files:
    return {"train": tiny.write(tmp_path / "train.jsonl", numbered(100, labels=3))}


def test_carving_is_stratified_disjoint_and_loses_nothing(
    model_folder: Path, one_file: Files
) -> None:
    task = load(model_folder, one_file, validation=0.2)
    train, validation = task.train, task.split("validation")
    whole = Counter((*encoded(r["text"]), r["label"]) for r in numbered(100, labels=3))
    assert task.carved
    assert (len(train), len(validation)) == (80, 20)
    assert contents(train) + contents(validation) == whole
    assert not contents(train) & contents(validation)
    assert sorted(np.bincount(validation.labels).tolist()) == [6, 7, 7]


def test_carving_hangs_on_the_seed(model_folder: Path, one_file: Files) -> None:
    one, same, other = (
        contents(load(model_folder, one_file, seed=seed).split("validation")) for seed in (1, 1, 2)
    )
    assert one == same
    assert one != other


def test_a_validation_file_is_used_as_it_is(model_folder: Path, files: Files) -> None:
    task = load(model_folder, files)
    assert contents(task.split("validation")) == Counter(
        (*encoded(r["text"]), r["label"]) for r in tiny.rows(40, seed=1)
    )
    assert len(task.train) == 64


@pytest.mark.parametrize("share", [0.001, 0.999])
def test_carving_an_empty_split_is_refused(
    model_folder: Path, one_file: Files, share: float
) -> None:
    task = load(model_folder, one_file, validation=share)
    with pytest.raises(UsageError, match="leaves an empty split"):
        task.split("validation")


# subsets


def test_subsets_are_stratified_seeded_and_leave_test_whole(
    model_folder: Path, files: Files
) -> None:
    small = load(model_folder, files, train_samples=20, eval_samples=10)
    whole = load(model_folder, files)
    for name, count in (("train", 20), ("validation", 10)):
        split = small.split(name)
        assert np.bincount(split.labels).tolist() == [count // 2, count // 2]
        assert contents(split) <= contents(whole.split(name))
    assert contents(small.split("test")) == contents(whole.split("test"))
    other = load(model_folder, files, train_samples=20, eval_samples=10, seed=1)
    assert contents(other.train) != contents(small.train)


def test_a_subset_larger_than_the_data_is_all_of_it(model_folder: Path, files: Files) -> None:
    task = load(model_folder, files, train_samples=10_000)
    assert contents(task.train) == contents(load(model_folder, files).train)


def test_a_subset_of_carved_train_stays_clear_of_validation(
    model_folder: Path, one_file: Files
) -> None:
    task = load(model_folder, one_file, train_samples=30, eval_samples=5)
    assert not contents(task.train) & contents(task.split("validation"))


# the test split


def test_test_is_not_read_before_it_is_asked_for(
    model_folder: Path, files: Files, cache: Path
) -> None:
    task = load(model_folder, files)
    Path(files["test"]).unlink()
    assert (len(task.train), len(task.split("validation"))) == (64, 40)
    with pytest.raises(UsageError, match="not found"):
        task.split("test")


def test_a_test_file_that_nobody_can_read_is_noticed_when_it_is_asked_for(
    model_folder: Path, files: Files, cache: Path
) -> None:
    Path(files["test"]).write_bytes(b"\xff\x00 no rows")
    task = load(model_folder, files)
    assert (len(task.train), len(task.split("validation"))) == (64, 40)
    with pytest.raises(UsageError, match=r"test\.jsonl cannot be read"):
        task.split("test")


def test_a_task_without_test_says_how_to_give_one(model_folder: Path, files: Files) -> None:
    task = load(model_folder, {"train": files["train"], "validation": files["validation"]})
    with pytest.raises(UsageError, match=r"task\.dataset\.test=FILE"):
        task.split("test")


def test_splits_have_three_names(model_folder: Path, files: Files) -> None:
    with pytest.raises(UsageError, match="train, validation, test, got 'dev'"):
        load(model_folder, files).split("dev")


# the cache


def no_tokenizer(name: str) -> Any:
    raise AssertionError("the tokenizer was loaded again")


def test_a_second_task_tokenises_nothing(
    model_folder: Path, files: Files, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"train_samples": 20}
    first = load(model_folder, files, **settings)
    before = {name: contents(first.split(name)) for name in ("train", "validation", "test")}
    monkeypatch.setattr(task_module, "load_tokenizer", no_tokenizer)
    second = load(model_folder, files, **settings)
    assert {name: contents(second.split(name)) for name in before} == before
    assert isinstance(second.train.tokens, np.memmap)
    assert second.key == first.key


def test_other_data_or_settings_are_tokenised_anew(
    model_folder: Path, files: Files, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(model_folder, files).train  # noqa: B018
    monkeypatch.setattr(task_module, "load_tokenizer", no_tokenizer)
    changes: list[dict[str, Any]] = [
        {"max_length": 5},
        {"replace": {"good": "bad"}},
        {"text": ["text", "text"]},
    ]
    for change in changes:
        with pytest.raises(AssertionError, match="loaded again"):
            load(model_folder, files, **change).train  # noqa: B018
    with Path(files["train"]).open("a") as file:
        file.write('{"text": "very good", "label": 1}\n')
    with pytest.raises(AssertionError, match="loaded again"):
        load(model_folder, files).train  # noqa: B018


def test_a_changed_tokenizer_is_noticed(model_folder: Path, files: Files, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(model_folder, copy)
    before = load(copy, files)
    assert load(copy, files).key == before.key
    tiny.save_tokenizer(copy, (*tiny.SPECIAL, *reversed(tiny.VOCABULARY[4:])))
    after = load(copy, files)
    assert after.key != before.key
    assert contents(after.train) != contents(before.train)


def test_a_changed_file_gives_another_key(model_folder: Path, files: Files) -> None:
    """Also test: what is cached beside the key may have been measured on it."""
    keys = {load(model_folder, files).key}
    for path in files.values():
        with Path(path).open("a") as file:
            file.write('{"text": "good", "label": 1}\n')
        keys.add(load(model_folder, files).key)
    assert len(keys) == 4


# what cannot be used


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_missing_file(model_folder: Path, files: Files, split: str) -> None:
    with pytest.raises(UsageError, match=r"data file not found: .*/none\.csv"):
        load(model_folder, {**files, split: "/nowhere/none.csv"})


def test_a_missing_column(model_folder: Path, files: Files) -> None:
    with pytest.raises(UsageError, match=r"no column 'texts'.*did you mean 'text'"):
        load(model_folder, files, text="texts")


def test_a_label_that_train_does_not_have(model_folder: Path, files: Files, tmp_path: Path) -> None:
    odd = tiny.write(tmp_path / "odd.jsonl", [{"text": "good", "label": 7}])
    task = load(model_folder, {**files, "validation": odd})
    with pytest.raises(UsageError, match="split 'validation': label 7"):
        task.split("validation")


def test_one_class_only(model_folder: Path, tmp_path: Path) -> None:
    path = tiny.write(tmp_path / "one.jsonl", [{"text": "good", "label": 1}] * 4)
    with pytest.raises(UsageError, match="at least 2 labels"):
        load(model_folder, {"train": path})


@pytest.mark.parametrize("what", ["model", "tokenizer"])
def test_a_missing_folder_is_called_by_what_it_should_be(
    model_folder: Path, files: Files, what: str
) -> None:
    given = {"model": str(model_folder), what: "/nowhere/at/all"}
    config = tiny.make_config(given.pop("model"), files, **given)
    with pytest.raises(UsageError, match=f"{what} folder not found: /nowhere/at/all"):
        of(config)


def test_a_folder_without_a_tokenizer(model_folder: Path, files: Files, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(model_folder, tmp_path / "copy"))
    (copy / "tokenizer.json").write_text("{ cut off")
    with pytest.raises(UsageError, match=r"tokenizer .*/copy' cannot be loaded"):
        load(copy, files)
    for file in copy.glob("tokenizer*"):
        file.unlink()
    with pytest.raises(UsageError, match=r"/copy has no tokenizer: name one in `tokenizer`"):
        load(copy, files)


def test_nothing_is_cached_of_a_load_that_failed(
    model_folder: Path, files: Files, cache: Path
) -> None:
    with pytest.raises(UsageError):
        load(model_folder, files, text="texts")
    assert [path for path in cache.rglob("*") if path.is_file()] == []


# digits


def digits(**task: Any) -> Task:
    return of(tiny.make_config(None, "digits", task={"max_length": 64, **task}))


def test_digits() -> None:
    task = digits(train_samples=50)
    assert task.num_labels == 10
    assert not task.carved
    assert np.bincount(task.train.labels).tolist() == [5] * 10
    assert len(task.split("validation")) == len(task.split("test")) == 359
    assert digits(train_samples=51).key != task.key


def test_the_majority_share() -> None:
    split = Split.of([[1]] * 5, np.array([0, 2, 2, 1, 2]))
    assert majority_share(split) == 3 / 5
