"""A task: splits are read on request, divided and subset by stratified draws, tokenised once."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sweep.compress.tasks import Split
from sweep.compress.tasks.split import Padding
from sweep.compress.tasks.task import SPLITS
from sweep.config import SweepConfig
from sweep.errors import UsageError
from sweep.registry import TASKS
from tests.harness import tiny
from tests.harness.benches import nothing_is_made

Files = dict[str, str]


@pytest.fixture
def files(data_files: Files, tmp_path: Path) -> Files:
    """Copies of the data files that a test may change."""
    return {name: shutil.copy(path, tmp_path) for name, path in data_files.items()}


Load = Callable[..., Any]


@pytest.fixture
def load(model_folder: Path, files: Files, tmp_path: Path) -> Load:
    """A function that opens a task of these files, other files, or rows, with given settings."""

    def call(data: Any = files, model: Path = model_folder, **task: Any) -> Any:
        if isinstance(data, list):
            names = {"train": "rows.jsonl", "validation": "rows.json"}  # of different bytes
            data = {split: tiny.write(tmp_path / name, data) for split, name in names.items()}
        return of(tiny.make_config(model, data, task=task))

    return call


@pytest.fixture(scope="module")
def headless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model without a head, and its tokenizer."""
    return tiny.save(tmp_path_factory.mktemp("headless"), head=False)


def of(config: SweepConfig) -> Any:
    return TASKS[config.task.name](config.task, config.model, config.tokenizer)


def contents(split: Split) -> Counter[tuple[Any, ...]]:
    """Count each example of a split."""
    cuts = zip(split.offsets[:-1], split.offsets[1:], split.labels, strict=True)
    return Counter((*split.tokens[start:end].tolist(), int(label)) for start, end, label in cuts)


def encoded(text: str) -> list[int]:
    ids = {word: i for i, word in enumerate(tiny.VOCABULARY)}
    words = [ids.get(word, ids["[UNK]"]) for word in text.split()]
    return [ids["[CLS]"], *words, ids["[SEP]"]]


def tokens_of(data: list[tiny.Row]) -> Counter[tuple[Any, ...]]:
    """Return the expected :func:`contents` of rows."""
    return Counter((*encoded(row["text"]), row["label"]) for row in data)


def numbered(count: int, labels: int = 2) -> list[tiny.Row]:
    """Make distinct rows of four words, which spell the row's number."""
    words = tiny.FILLER
    return [
        {"text": " ".join(words[(i // 8**p) % 8] for p in range(4)), "label": i % labels}
        for i in range(count)
    ]


def test_rows_are_tokenised(load: Load, tmp_path: Path) -> None:
    """There are enough rows for several chunks of the tokeniser."""
    data = tiny.rows(2100, seed=3)
    train = tiny.write(tmp_path / "train.csv", data)
    validation = tiny.write(tmp_path / "validation.jsonl", data[:6])
    task = load({"train": train, "validation": validation})
    for split, rows in ((task.train, data), (task.split("validation"), data[:6])):
        assert contents(split) == tokens_of(rows)
    assert task.label_names == ("LABEL_0", "LABEL_1")  # of the head
    assert (task.encoder.padding, task.vocabulary) == (Padding(0), len(tiny.VOCABULARY))
    assert not task.carved


def test_long_texts_are_truncated_and_words_replaced(load: Load) -> None:
    data = [{"text": "bad<br />bad good good good", "label": i} for i in (0, 1)]
    task = load(data, max_length=5, replace={"<br />": " ", "bad": "dull"})
    assert contents(task.train) == tokens_of([{**row, "text": "dull dull good"} for row in data])


def test_pairs_have_segments(load: Load) -> None:
    data = [{"a": "good film", "b": "bad", "label": 0}, {"a": "plot", "b": "the plot", "label": 1}]
    batch = load(data, text=["a", "b"]).train.batch(np.array([0, 1]))
    assert batch["token_type_ids"].tolist() == [[0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 1]]
    assert batch["input_ids"][0].tolist() == [*encoded("good film"), *encoded("bad")[1:]]


def test_label_names_have_the_same_ids_in_every_split(
    load: Load, tmp_path: Path, headless: Path
) -> None:
    data = [{"text": t, "label": label} for t, label in [("good", "pos"), ("bad", "neg")]]
    train = tiny.write(tmp_path / "train.csv", data)
    validation = tiny.write(tmp_path / "validation.csv", data[:1])
    task = load({"train": train, "validation": validation}, headless)
    assert task.label_names == ("neg", "pos")
    assert task.split("validation").labels.tolist() == [1]


def test_the_cache_depends_on_the_order_of_the_classes(
    load: Load, tmp_path: Path, headless: Path
) -> None:
    data = [{"text": t, "label": label} for t, label in [("good", "pos"), ("bad", "neg")]]
    tasks = [
        load(data, headless),
        load(data, headless, label_names=["pos", "neg"]),
        load(data, tiny.save(tmp_path / "turned", id2label={0: "pos", 1: "neg"}, label2id={})),
    ]
    assert [task.train.labels.tolist() for task in tasks] == [[1, 0], [0, 1], [0, 1]]
    assert len({task.key for task in tasks}) == 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"train_samples": 4},
            r"task\.train_samples leaves no train example of the labels 2; allowed: 41 or",
        ),
        ({"validation": 0.9}, r"task\.validation=0\.9 leaves no train example of the labels 2"),
    ],
)
def test_a_subset_of_train_that_loses_a_class_is_refused(
    load: Load, tmp_path: Path, headless: Path, settings: dict[str, Any], message: str
) -> None:
    data = [{**row, "label": 2 if i == 40 else i % 2} for i, row in enumerate(numbered(41))]
    train = tiny.write(tmp_path / "train.jsonl", data)
    task = load({"train": train}, headless, **settings)
    with pytest.raises(UsageError, match=message):
        _ = task.train


def test_a_subset_of_validation_that_loses_a_class_gives_a_warning(
    load: Load, tmp_path: Path, headless: Path
) -> None:
    data = [{**row, "label": 2 if i > 38 else i % 2} for i, row in enumerate(numbered(41))]
    names = {"train": "a.jsonl", "validation": "b.csv"}  # of different bytes
    files = {split: tiny.write(tmp_path / name, data) for split, name in names.items()}
    for _cached in range(2):
        task = load(files, headless, eval_samples=4)
        assert set(task.split("validation").labels) == {0, 1}
        assert "validation has no example of the labels 2, which train has" in task.warnings


def test_a_class_without_train_examples_gives_a_warning(load: Load, headless: Path) -> None:
    data = [{**row, "text": "plot"} if not i else row for i, row in enumerate(numbered(20))]
    warnings = load(data, headless, label_names=["a", "b", "c"]).warnings
    assert "train has no example of the labels c, so training does not teach them" in warnings
    assert not any(warning.startswith("validation has no example") for warning in warnings)


@pytest.fixture
def one_file(tmp_path: Path) -> Files:
    return {"train": tiny.write(tmp_path / "train.jsonl", numbered(100, labels=3))}


def test_splitting_off_validation_is_stratified_and_loses_no_row(
    load: Load, one_file: Files, headless: Path
) -> None:
    task = load(one_file, headless, validation=0.2)
    train, validation = task.train, task.split("validation")
    assert task.carved
    assert (len(train), len(validation)) == (80, 20)
    assert contents(train) + contents(validation) == tokens_of(numbered(100, labels=3))
    assert not contents(train) & contents(validation)
    assert sorted(np.bincount(validation.labels).tolist()) == [6, 7, 7]
    small = load(one_file, headless, validation=0.2, train_samples=30)
    assert not contents(small.train) & contents(validation)


def test_splitting_off_validation_depends_on_the_seed(
    load: Load, one_file: Files, headless: Path
) -> None:
    one, same, other = (
        load(one_file, headless, seed=seed).split("validation") for seed in (1, 1, 2)
    )
    assert contents(one) == contents(same) != contents(other)


@pytest.mark.parametrize("share", [0.001, 0.999])
def test_splitting_off_an_empty_split_is_refused(
    load: Load, one_file: Files, headless: Path, share: float
) -> None:
    task = load(one_file, headless, validation=share)
    with pytest.raises(UsageError, match="leaves an empty split"):
        task.split("validation")


def test_subsets_are_stratified_and_seeded_and_test_stays_complete(load: Load) -> None:
    small = load(train_samples=20, eval_samples=10)
    whole = load(train_samples=10_000)
    assert len(whole.train) == 64  # a larger subset than the split is the whole split
    for name, count in (("train", 20), ("validation", 10)):
        split = small.split(name)
        assert np.bincount(split.labels).tolist() == [count // 2, count // 2]
        assert contents(split) <= contents(whole.split(name))
    assert contents(small.split("test")) == contents(whole.split("test"))
    other = load(train_samples=20, eval_samples=10, seed=1)
    assert contents(other.train) != contents(small.train)


def test_the_test_split_is_read_only_when_requested(load: Load, files: Files, cache: Path) -> None:
    Path(files["test"]).write_bytes(b"\xff\x00 no rows")
    task = load()
    assert (len(task.train), len(task.split("validation"))) == (64, 40)
    with pytest.raises(UsageError, match=r"test\.jsonl is not UTF-8 text"):
        task.split("test")
    Path(files["test"]).unlink()
    with pytest.raises(UsageError, match="not found"):
        task.split("test")


def test_rows_that_two_splits_share_are_counted_and_warned_of(load: Load, tmp_path: Path) -> None:
    rows = [{"text": text, "label": i % 2} for i, text in enumerate(["good", "bad", "fine film"])]
    more = [{"text": "plot", "label": 1}, {"text": "  GOOD", "label": 1}]
    parts = {"train": rows, "validation": [*more, rows[1]], "test": [*rows, *more, rows[2]]}
    words = {"GOOD": "good"}  # equal after the replacement
    files = {name: tiny.write(tmp_path / f"{name}.csv", part) for name, part in parts.items()}
    task = load(files, replace=words)
    ours = {"rows": 2, "different": 2, "other_label": 1, "examples": 3}
    assert task.shared_rows("validation") == {"train": ours}
    assert task.shared_rows("train") == {}
    assert task.shared_rows("test") == {
        "train": {"rows": 5, "different": 3, "other_label": 1, "examples": 6},
        "validation": {"rows": 4, "different": 3, "other_label": 1, "examples": 6},
    }
    warning, _ = task.warnings  # the other one: validation lacks a label
    assert warning.startswith("2 of 3 validation examples (66.7%; 2 different) have the same")
    assert "of train, 1 with another label: the model learns them" in warning
    told = [text.partition(" examples")[0] for text in task.warnings_on("test")]
    assert told == ["5 of 6 test", "4 of 6 test"]


def test_empty_texts_and_unread_splits_are_warned_of(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = numbered(20)
    for row in rows[:3]:
        row["text"] = " "
    monkeypatch.chdir(tmp_path)
    (tmp_path / "whole").mkdir()
    for name, part in (("train", rows), ("validation", numbered(30)[20:])):
        tiny.write(tmp_path / f"whole/{name}.csv", part)
    for _ in range(2):  # the second time from the cache
        assert load("./whole").warnings == ["3 of 20 examples of train have no text"]
    import datasets

    parts = {name: datasets.Dataset.from_list(numbered(20)) for name in ("train", "dev")}
    datasets.DatasetDict(parts).save_to_disk("saved")
    [warning] = load("./saved").warnings
    assert "no split 'validation'" in warning and "it also has dev" in warning


def test_an_unknown_split_is_refused(load: Load, files: Files) -> None:
    task = load({"train": files["train"], "validation": files["validation"]})
    with pytest.raises(UsageError, match=r"task\.dataset\.test=FILE"):
        task.split("test")
    with pytest.raises(UsageError, match="train, validation, test, got 'dev'"):
        task.split("dev")


def test_a_second_task_uses_the_tokenised_cache(load: Load, cache: Path) -> None:
    first = load(train_samples=20)
    before = {name: contents(first.split(name)) for name in SPLITS}
    with nothing_is_made(cache):
        second = load(train_samples=20)
        assert {name: contents(second.split(name)) for name in SPLITS} == before
    assert isinstance(second.train.tokens, np.memmap)
    assert second.key == first.key


def test_changed_data_or_settings_are_tokenised_again(
    load: Load, files: Files, cache: Path, model_folder: Path, tmp_path: Path
) -> None:
    """This includes a changed test file, because cached figures may come from it."""
    copy = Path(shutil.copytree(model_folder, tmp_path / "copy"))
    changes = ({"max_length": 5}, {"replace": {"good": "bad"}}, {"text": ["text", "text"]})
    tasks = [load(), *(load(**change) for change in changes)]
    assert load(model=copy).key == tasks[0].key
    tiny.save_tokenizer(copy, (*tiny.SPECIAL, *reversed(tiny.VOCABULARY[4:])))
    tasks.append(load(model=copy))
    for path in files.values():
        found = [contents(task.train) for task in tasks]  # read before the file changes
        with Path(path).open("a") as file:
            file.write('{"text": "very good", "label": 1}\n')
        tasks.append(load())
    assert len({frozenset(each.items()) for each in found[:6]}) == 6
    assert len({task.key for task in tasks}) == len(tasks) == 8


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_missing_file_is_refused(load: Load, files: Files, split: str) -> None:
    with pytest.raises(UsageError, match=r"data file not found: .*/none\.csv"):
        load({**files, split: "/nowhere/none.csv"})


@pytest.mark.parametrize("what", ["model", "tokenizer"])
def test_a_missing_folder_is_named_by_its_purpose(
    model_folder: Path, files: Files, what: str
) -> None:
    given = {"model": str(model_folder), what: "/nowhere/at/all"}
    config = tiny.make_config(given.pop("model"), files, **given)
    with pytest.raises(UsageError, match=f"{what} folder not found: /nowhere/at/all"):
        of(config)


def test_a_folder_without_a_tokenizer_is_refused(
    load: Load, model_folder: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(model_folder, tmp_path / "copy"))
    (copy / "tokenizer.json").write_text("{ cut off")
    with pytest.raises(UsageError, match=r"tokenizer .*/copy' cannot be loaded"):
        load(model=copy)
    for file in copy.glob("tokenizer*"):
        file.unlink()
    with pytest.raises(UsageError, match=r"/copy has no tokenizer: set `tokenizer`"):
        load(model=copy)


def test_a_failed_load_leaves_no_cache(load: Load, cache: Path) -> None:
    with pytest.raises(UsageError, match=r"no column 'texts'.*did you mean 'text'"):
        load(text="texts")
    files = [path.name for path in cache.rglob("*") if path.is_file()]
    assert all(name.endswith(".lock") for name in files)


def digits(**task: Any) -> Any:
    return of(tiny.make_config(None, "digits", task={"max_length": 64, **task}))


def test_the_digits_task_has_ten_labels_and_three_splits() -> None:
    task = digits(train_samples=50)
    assert len(task.label_names) == 10
    assert not task.carved
    assert np.bincount(task.train.labels).tolist() == [5] * 10
    assert len(task.split("validation")) == len(task.split("test")) == 359
    assert digits(train_samples=51).key != task.key
