"""Where a config comes from, and what tells two of them apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweep.config.load import load_config, packaged_names, parse_config
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


def test_what_cannot_be_read_is_a_usage_error(tmp_path: Path) -> None:
    for source in ("x" * 5000, "a\0b", ""):
        with pytest.raises(UsageError):
            load_config(source)
    with pytest.raises(UsageError, match=r"is a folder$"):
        load_config(str(tmp_path))
    (tmp_path / "config.yaml").write_bytes(b"name: \xff")
    with pytest.raises(UsageError, match=r"did you mean '.*config\.yaml'"):
        load_config(str(tmp_path))
    with pytest.raises(UsageError, match="no UTF-8 text"):
        load_config(str(tmp_path / "config.yaml"))


def test_a_diff_names_each_setting_that_differs_and_no_other() -> None:
    old = load_config("imdb").model_dump(mode="json")
    assert config_diff(old, old) == []
    overrides = ["task.dataset.train=a.csv", "space.sparsity.low=0.4", "search.trials=9"]
    new = load_config("imdb", overrides).model_dump(mode="json")
    del new["storage"]
    assert config_diff(old, {**new, "more": {"d": None}}) == [
        'task.dataset: \'imdb\' -> {"train": "a.csv", "validation": null, "test": null}',
        "space.sparsity.low: 0.5 -> 0.4",
        "search.trials: 48 -> 9",
        "storage: 'results' -> (not there)",
        'more: (not there) -> {"d": null}',
    ]


def test_n_of_m_needs_no_quotes() -> None:
    """YAML 1.1, which PyYAML speaks, takes 2:4 for 124, a number to base 60."""
    text = SMALL + "space: {granularity: 2:4, method: [l1-norm]}\n"
    assert parse_config(text).space["granularity"] == Constant("2:4")
    listed = parse_config(text, ["space.granularity=[element, 4:8]"])
    assert listed.space["granularity"] == Choice(("element", "4:8"))
    assert parse_config(dump_yaml(listed)) == listed
