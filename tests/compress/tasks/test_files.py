"""The files of a split: lists, globs, folders of shards, folders of `datasets` and of the hub."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sweep.compress.tasks.sources import open_data
from sweep.config.sections import TaskConfig
from sweep.errors import UsageError
from tests.harness import tiny

Texts = Callable[..., list[str] | None]


@pytest.fixture
def texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Texts:
    """A function that reads the texts of a split, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(dataset: Any, split: str = "train", **settings: Any) -> list[str] | None:
        data = open_data(TaskConfig(dataset=dataset, **settings))
        return list(data.rows(split, "text", "label").texts) if split in data.files else None

    return call


def put(*paths: str) -> None:
    """Write files with one row each, whose text is the name of its file."""
    for path in paths:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        tiny.write(Path(path), [{"text": path, "label": 0}])


def test_a_split_is_a_file_a_list_a_glob_or_a_folder(texts: Texts) -> None:
    names = ["s/part-0.csv", "s/part-1.csv", "s/deep/part-2.csv"]
    put(*names, "more.jsonl", "odd[1].csv")
    Path("s/_SUCCESS").touch()
    Path("s/.part-0.csv.crc").write_bytes(b"x")
    assert texts({"train": "s/part-1.csv"}) == names[1:2]
    assert texts({"train": ["s/part-1.csv", "more.jsonl"]}) == [names[1], "more.jsonl"]
    assert texts({"train": "s/*.csv"}) == names[:2]
    assert sorted(texts({"train": "s/**/*.csv"}) or []) == sorted(names)
    assert sorted(texts({"train": "s"}) or []) == sorted(names)
    assert sorted(texts("./s") or []) == sorted(names)
    assert texts({"train": ["s/part-*.csv", "more.jsonl"]}) == [*names[:2], "more.jsonl"]
    assert texts({"train": "odd[1].csv"}) == ["odd[1].csv"]  # a name before a glob
    assert texts({"train": "more.jsonl"}, "validation") is None


HUB_STYLE = [
    ["train.csv", "validation.csv", "test.csv"],
    [f"data/{part}.parquet" for part in ("train-00000-of-00002", "train-00001-of-00002")]
    + ["data/test-00000-of-00001.parquet"],
    ["train/a.jsonl.gz", "train/b.jsonl.gz", "dev/a.jsonl.gz"],
]


@pytest.mark.parametrize("names", HUB_STYLE)
def test_a_folder_has_splits_as_on_the_hub(texts: Texts, names: list[str]) -> None:
    put(*(f"folder/{name}" for name in names))
    Path("folder/README.md").write_text("---\nlicense: mit\n---\n# Data\n")
    split = {"validation": "dev"}
    for name in ("train", "validation", "test"):
        own = [f"folder/{each}" for each in names if name in each or split.get(name, "?") in each]
        plain = [each.removesuffix(".gz") for each in own]
        assert [text.removesuffix(".gz") for text in texts("./folder", name) or []] == plain
        if own:
            assert texts({"train": "folder", name: "folder"}, name) == texts("./folder", name)


def test_a_folder_with_several_subsets_needs_its_name(texts: Texts) -> None:
    put("folder/one/a.csv", "folder/two/b.csv")
    subsets = [{"config_name": n, "data_files": f"{n}/*.csv"} for n in ("one", "two")]
    Path("folder/README.md").write_text(f"---\nconfigs: {json.dumps(subsets)}\n---\n")
    assert texts("./folder", subset="two") == ["folder/two/b.csv"]
    with pytest.raises(UsageError, match=r"available configs: \['one', 'two'\]"):
        texts("./folder")
    with pytest.raises(UsageError, match="'three' not found"):
        texts("./folder", subset="three")


def saved(texts: Texts) -> dict[str, Any]:
    import datasets

    datasets.disable_progress_bars()
    names = datasets.ClassLabel(names=["neg", "pos"])
    features = datasets.Features({"text": datasets.Value("string"), "label": names})

    def of(*rows: str) -> Any:
        data = {"text": list(rows), "label": [0] * len(rows)}
        return datasets.Dataset.from_dict(data, features=features)

    parts = {"train": of("a", "b", "c"), "validation": of("d")}
    datasets.DatasetDict(parts).save_to_disk("both", num_shards={"train": 2, "validation": 1})
    parts["train"].select([2, 0]).save_to_disk("one")
    datasets.DatasetDict({"train": of("a"), "dev": of("b")}).save_to_disk("odd")
    return parts


def test_folders_of_save_to_disk_are_read(texts: Texts) -> None:
    saved(texts)
    assert texts("./both") == texts({"train": "both/train"}) == ["a", "b", "c"]
    assert texts("./both", "validation") == ["d"]
    assert texts("./both", "test") is None
    assert texts({"train": "one", "validation": "both"}, "validation") == ["d"]
    assert texts("./one") == ["c", "a"]
    assert open_data(TaskConfig(dataset="./odd")).others == ["dev"]
    found = open_data(TaskConfig(dataset="./both")).rows("train", "text", "label")
    assert found.label_names == ("neg", "pos")
    with pytest.raises(UsageError, match="both has the splits train, validation, but no 'test'"):
        texts({"train": "one", "test": "both"})
    shutil.rmtree("both/train")
    with pytest.raises(UsageError, match=r"data files of \./both cannot be found: .*both/train"):
        texts("./both")


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ({"train": "none.csv"}, r"data file not found: none\.csv \(task\.dataset\.train\)"),
        ({"train": "~nobody-here/a.csv"}, r"data file not found: ~nobody-here/a\.csv"),
        ({"train": "x/*.csv"}, r"no file matches x/\*\.csv"),
        ({"train": ["a.csv", "./a.csv"]}, r"task\.dataset\.train names .*/a\.csv twice"),
        ({"train": ["a.csv", "*.csv"]}, "twice"),
        ({"train": "a.csv", "validation": "a.csv"}, r"a\.csv is given for validation, and for tr"),
        ({"train": "a.csv", "test": "copy.csv"}, r"copy\.csv .* test.* train \(as a\.csv, with"),
        ({"train": "*.csv", "validation": "b.jsonl", "test": "link"}, "for test, and for val"),
        ("./none", r"none was not found; .*task\.dataset\.train=FILE"),
        ("a.csv", r"a\.csv is a file, not a folder"),
        ("./empty", r"data files of \./empty cannot be found"),
        ("./alone", "alone has no split 'train'; it has: test"),
    ],
)  # fmt: skip
def test_missing_and_repeated_files_are_refused(texts: Texts, dataset: Any, message: str) -> None:
    put("a.csv", "b.jsonl", "alone/test.csv", "alone/b/test.csv")
    Path("empty").mkdir()
    if "copy" in str(dataset):
        shutil.copy("a.csv", "copy.csv")
    Path("link").symlink_to("b.jsonl")
    with pytest.raises(UsageError, match=message):
        texts(dataset)


def test_schemas_that_name_labels_differently_are_refused(texts: Texts) -> None:
    import datasets

    datasets.disable_progress_bars()
    for path, names in (("a.parquet", ["neg", "pos"]), ("b.parquet", ["pos", "neg"])):
        label = datasets.ClassLabel(names=names)
        features = datasets.Features({"text": datasets.Value("string"), "label": label})
        data = {"text": [path], "label": [0]}
        datasets.Dataset.from_dict(data, features=features).to_parquet(path)
    with pytest.raises(UsageError, match=r"b\.parquet and a\.parquet name their labels diff"):
        texts({"train": "*.parquet"})
    assert texts({"train": "a.parquet", "validation": "b.parquet"}) == ["a.parquet"]
