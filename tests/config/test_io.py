"""Where a config comes from, and what tells two of them apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweep.config.load import load_config, packaged_names
from sweep.config.text import config_diff, dump_yaml
from sweep.errors import ConfigError, UsageError
from sweep.space.domains import Choice, Constant
from tests.config.test_problems import SMALL


def test_a_file_is_read_and_its_overrides_laid_over(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("\ufeff" + SMALL, encoding="utf-8")  # as some editors on Windows save it
    assert load_config(str(path)).search.trials == 64
    assert load_config(str(path), ["search.trials=8"]).search.trials == 8


def test_a_bare_name_is_a_packaged_config_even_next_to_a_folder_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    assert load_config("digits").name == "digits"
    assert packaged_names() == ["closed-form", "digits", "imdb", "sst2", "tutorial"]


@pytest.mark.parametrize("source", ["digts", "configs/digits.yml", "Digits"])
def test_a_missing_config_lists_the_packaged_ones_and_the_nearest(source: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_config(source)
    assert not isinstance(caught.value, ConfigError)
    assert "digits, imdb, sst2" in str(caught.value)
    assert "did you mean 'digits'?" in str(caught.value)


@pytest.mark.parametrize("source", ["x" * 5000, "a\0b", ""])
def test_an_impossible_path_is_a_usage_error(source: str) -> None:
    with pytest.raises(UsageError):
        load_config(source)


def test_a_folder_is_no_config_but_may_hold_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"is a folder$"):
        load_config(str(tmp_path))
    (tmp_path / "config.yaml").write_text(SMALL)
    with pytest.raises(UsageError, match=r"did you mean '.*config\.yaml'"):
        load_config(str(tmp_path))


def test_a_file_that_is_no_text_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"name: \xff")
    with pytest.raises(UsageError, match="no UTF-8 text"):
        load_config(str(tmp_path / "x.yaml"))


def test_a_diff_names_each_setting_that_differs_and_no_other() -> None:
    old = load_config("imdb").model_dump(mode="json")
    assert config_diff(old, old) == []
    overrides = ["task.dataset.train=a.csv", "space.sparsity.low=0.4", "search.trials=9"]
    new = load_config("imdb", overrides).model_dump(mode="json")
    assert config_diff(old, new) == [
        'task.dataset: \'imdb\' -> {"train": "a.csv", "validation": null, "test": null}',
        "space.sparsity.low: 0.5 -> 0.4",
        "search.trials: 48 -> 9",
    ]


def test_a_diff_shows_what_only_one_of_the_two_has() -> None:
    assert config_diff({"a": 1, "b": {"c": 2}}, {"b": {"d": None}}) == [
        "a: 1 -> (not there)",
        "b.c: 2 -> (not there)",
        "b.d: (not there) -> null",
    ]


def test_n_of_m_needs_no_quotes(tmp_path: Path) -> None:
    """YAML 1.1, which PyYAML speaks, takes 2:4 for 124, a number to base 60."""
    file = tmp_path / "own.yaml"
    text = "{name: n, task: {dataset: digits}, space: {granularity: 2:4, method: [l1-norm]}}"
    file.write_text(text)
    one = load_config(str(file))
    assert one.space["granularity"] == Constant("2:4")
    listed = load_config(str(file), ["space.granularity=[element, 4:8]"])
    assert listed.space["granularity"] == Choice(("element", "4:8"))
    file.write_text(dump_yaml(listed))
    assert load_config(str(file)) == listed
