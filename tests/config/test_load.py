"""Load configs from their sources, apply overrides, and compare configs."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sweep.api import begun
from sweep.config import SweepConfig
from sweep.config.fields import Files
from sweep.config.load import (
    load_config,
    packaged_names,
    parse_config,
    paths_of,
    with_absolute_paths,
)
from sweep.config.text import config_diff, dump_yaml
from sweep.errors import ConfigError, StorageError, UsageError
from sweep.ledger.folder import SweepFolder
from sweep.space.domains import Choice, Constant
from tests.analysis.ledgers import LedgerBuilder
from tests.config.test_problems import SMALL, problems


def test_a_file_is_loaded_and_overrides_are_applied(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(
        "\ufeff" + SMALL, encoding="utf-8"
    )  # with a byte order mark, as some editors on Windows write it
    assert load_config(str(path)).search.trials == 64
    assert load_config(str(path), ["search.trials=8"]).search.trials == 8


def test_mappings_files_and_configs_load_equally(tmp_path: Path) -> None:
    """A mapping is like its YAML, with overrides as texts or values, and is not changed."""
    raw = {"name": "own", "task": {"dataset": "digits"}, "space": {"sparsity": [0.5, 0.9]}}
    path = tmp_path / "own.yaml"
    path.write_text(json.dumps(raw))
    before = copy.deepcopy(raw)
    found = load_config(raw, {"search.trials": 2, "space.method": ("random", "l1-norm")})
    assert raw == before
    texts = ["search.trials=2", "space.method=[random, l1-norm]"]
    assert found == load_config(path, texts) == load_config(load_config(raw), texts)
    assert load_config(raw, texts[0]) == load_config(raw, texts[:1])
    with pytest.raises(ConfigError) as wrong:
        load_config(raw | {"sapce": {}}, {"search.trails": 2})
    assert [line.partition(":")[0] for line in wrong.value.problems] == ["search.trails", "sapce"]


def test_a_bare_name_is_a_packaged_config_even_if_a_folder_has_this_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    assert load_config("digits").name == "digits"
    assert packaged_names() == ["closed-form", "digits", "imdb", "sst2", "tutorial"]


@pytest.mark.parametrize("source", ["digts", "configs/digits.yml", "Digits"])
def test_a_missing_config_raises_an_error_with_the_packaged_names(source: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_config(source)
    assert not isinstance(caught.value, ConfigError)
    assert "digits, imdb, sst2" in str(caught.value)
    assert "did you mean 'digits'?" in str(caught.value)


def test_a_source_that_cannot_be_read_raises_a_usage_error(tmp_path: Path) -> None:
    for source in ("x" * 5000, "a\0b", ""):
        with pytest.raises(UsageError):
            load_config(source)
    with pytest.raises(UsageError, match=r"is a folder$"):
        load_config(str(tmp_path))
    (tmp_path / "config.yaml").write_bytes(b"name: \xff")
    with pytest.raises(UsageError, match=r"did you mean '.*config\.yaml'"):
        load_config(str(tmp_path))
    with pytest.raises(UsageError, match="not UTF-8 text"):
        load_config(str(tmp_path / "config.yaml"))


@pytest.mark.parametrize("damage", [b"", b"5\n"])
@pytest.mark.parametrize("wrong", ["in the ledger", "no text", "another"])
def test_a_damaged_ledger_is_said_before_its_settings(
    tmp_path: Path, wrong: str, damage: bytes
) -> None:
    folder, config = SweepFolder(tmp_path), parse_config(SMALL).model_dump(mode="json")
    ledger = LedgerBuilder(config={**config, "other": 1} if wrong == "in the ledger" else config)
    file = ledger.trial("t00000").write(tmp_path) / "ledger.jsonl"
    file.write_bytes(file.read_bytes() + damage + b'{"event": "note"}\n')
    folder.config.write_bytes(b"name: \xe9" if wrong == "no text" else b"{}")
    words = {"in the ledger": "cannot run here", "no text": "is not UTF-8 text: .* 0xe9"}
    with pytest.raises(
        StorageError if damage else UsageError,
        match="is damaged: line 4 of 5" if damage else words.get(wrong, "required"),
    ):
        begun(tmp_path)


def test_a_diff_lists_exactly_the_settings_that_differ() -> None:
    old = load_config("imdb").model_dump(mode="json")
    assert config_diff(old, old) == []
    overrides = ["task.dataset.train=a.csv", "space.sparsity.low=0.4", "search.trials=9"]
    new = load_config("imdb", overrides).model_dump(mode="json")
    del new["storage"]
    assert config_diff(old, {**new, "more": {"d": None}}) == [
        'task.dataset: \'imdb\' -> {"train": "a.csv", "validation": null, "test": null}',
        "space.sparsity.low: 0.5 -> 0.4",
        "search.trials: 48 -> 9",
        "storage: 'results' -> (absent)",
        'more: (absent) -> {"d": null}',
    ]


def test_n_of_m_needs_no_quotes() -> None:
    """In YAML 1.1, which PyYAML implements, 2:4 is 124, a number to base 60."""
    text = SMALL + "space: {granularity: 2:4, method: [l1-norm]}\n"
    assert parse_config(text).space["granularity"] == Constant("2:4")
    listed = parse_config(text, ["space.granularity=[element, 4:8]"])
    assert listed.space["granularity"] == Choice(("element", "4:8"))
    assert parse_config(dump_yaml(listed)) == listed


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("storage=out/x", "storage", "out/x"),
        ("tokenizer=null", "tokenizer", None),
        ("tokenizer=", "tokenizer", None),
        ("model=a=b", "model", "a=b"),
        ("baseline.learning_rate=1e-3", "baseline.learning_rate", 1e-3),
        ("pruning.include=[a.*, b]", "pruning.include", ["a.*", "b"]),
        ('task.replace={"<br />": " "}', "task.replace", {"<br />": " "}),
        ("task.text=[a, b]", "task.text", ["a", "b"]),
        ("space.sparsity=0.5", "space.sparsity", 0.5),
        ("space.scope=[local, global]", "space.scope", ["local", "global"]),
        ("objectives={loss: min}", "objectives", {"loss": "min"}),
        ("objectives.loss=min", "objectives.loss", "min"),
    ],
)
def test_an_override_can_set_any_setting(override: str, path: str, value: Any) -> None:
    found: Any = parse_config(SMALL, [override]).model_dump(mode="json")
    for key in path.split("."):
        found = found[key]
    assert found == value


def test_a_path_into_a_plain_value_replaces_it_by_a_mapping() -> None:
    overrides = ["task.dataset.train=x", "task.dataset.validation=b.parquet"]
    overrides += ["task.text=text", "task.dataset.train=a.parquet"]
    config = load_config("sst2", overrides)
    assert load_config("sst2").task.text == "auto" and config.task.text == "text"
    assert config.task.dataset == Files(train="a.parquet", validation="b.parquet")
    assert config.task.label == load_config("sst2").task.label
    longer = load_config("digits", ["space.sparsity.low=0.5", "space.scope=local"])
    assert longer.space["sparsity"] == replace(load_config("digits").space["sparsity"], low=0.5)


def test_an_override_does_not_change_a_section_with_the_same_anchor() -> None:
    text = SMALL + "baseline: &b {batch_size: 8}\nrecover: *b\n"
    config = parse_config(text, ["baseline.batch_size=16"])
    assert (config.baseline.batch_size, config.recover.batch_size) == (16, 8)


@pytest.mark.parametrize(
    ("override", "path"),
    [
        ("trials", "trials"),
        ("=3", "(top level)"),
        ("a..b=3", "a..b"),
        ("model=[1", "model"),
        ("model=@x", "model"),
        ("search={seed: 1, seed: 2}", "search.seed"),
    ],
)
def test_a_malformed_override_is_reported_with_the_other_problems(override: str, path: str) -> None:
    lines = problems(SMALL + "storage: 3\n", override)
    assert [line.split(":")[0] for line in lines] == [path, "storage"]


def test_a_bare_parameter_is_short_for_the_space_only_in_a_single_trial() -> None:
    overrides = ["sparsity=0.7", "method=random", "finetune_epochs=1"]
    config = load_config("imdb", overrides, single_trial=True)
    assert config.space["sparsity"] == Constant(0.7)
    assert config.space["method"] == Constant("random")
    with pytest.raises(ConfigError, match=r"did you mean 'space\.sparsity'"):
        load_config("imdb", overrides)


def test_a_single_trial_accepts_the_tutorials_dictionary() -> None:
    overrides = [
        'weight={"sparsity": 0.5, "method": "l1-norm", "scope": "local"}',
        "activation={sparsity: 0.25, method: random, scope: global}",
    ]
    space = load_config("digits", overrides, single_trial=True).space
    plain = [space[name].plain() for name in ("sparsity", "method", "activation_sparsity")]
    assert plain == [0.5, "l1-norm", 0.25]
    assert space["finetune_epochs"] == load_config("digits").space["finetune_epochs"]


@pytest.mark.parametrize(
    ("space", "override"),
    [
        ("{weight: {sparsity: 0.2, scope: global}}", "space.sparsity=0.7"),
        ("{sparsity: 0.2, scope: global}", "space.weight.sparsity=0.7"),
        ("{sparsity: 0.2, scope: global}", "space.weight={sparsity: 0.7}"),
    ],
)
def test_an_override_in_the_other_form_replaces_the_value_of_the_file(
    space: str, override: str
) -> None:
    found = parse_config(f"{SMALL}space: {space}\n", [override]).space
    assert (found["sparsity"], found["scope"]) == (Constant(0.7), Constant("global"))


def test_a_single_trial_ignores_the_search_and_its_dump_is_a_config() -> None:
    text = (
        SMALL + "search: {sampler: grid, grace_period: 9}\nspace: {sparsity: {low: 0, high: 0.5}}\n"
    )
    config = parse_config(text, single_trial=True)
    assert SweepConfig.model_validate(config.model_dump(mode="json")) == config
    assert len(problems(text)) == 2


def test_data_paths_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    given = {"train": ["a.csv", "data/*.csv"], "validation": "~/b.csv", "test": None}

    def absolute(dataset: Any) -> tuple[Any, list[tuple[str, str]]]:
        config = with_absolute_paths(
            SweepConfig.model_validate({"name": "a", "model": "m", "task": {"dataset": dataset}})
        )
        return config.task.dataset, paths_of(config)

    found, paths = absolute(given)
    train = [str(tmp_path / "a.csv"), str(tmp_path / "data/*.csv")]
    home = str(Path("~/b.csv").expanduser())
    assert found == Files(train=train, validation=home)
    assert paths == [
        ("task.dataset.train", train[0]),
        ("task.dataset.train", train[1]),
        ("task.dataset.validation", home),
    ]
    folder = str(tmp_path / "data")
    assert absolute("data") == absolute("./data") == (folder, [("task.dataset", folder)])
    assert absolute("imdb") == ("imdb", [])


def test_model_folders_become_absolute_and_ids_of_the_hub_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("model", "words", "teacher"):
        (tmp_path / name).mkdir()
    distill = {"teacher": "teacher"}
    task = {"dataset": "imdb"}
    raw = {"name": "a", "model": "model", "tokenizer": "words", "task": task}
    found = paths_of(
        with_absolute_paths(SweepConfig.model_validate({**raw, "recover": {"distill": distill}}))
    )
    wanted = {"model": "model", "tokenizer": "words", "recover.distill.teacher": "teacher"}
    assert found == [(setting, str(tmp_path / name)) for setting, name in wanted.items()]
    hub = {**raw, "model": "org/base", "tokenizer": None}
    hub["recover"] = {"distill": {"teacher": "org/large"}}
    kept = with_absolute_paths(SweepConfig.model_validate(hub))
    assert kept.recover.distill is not None
    assert (kept.model, kept.recover.distill.teacher) == ("org/base", "org/large")
    assert paths_of(kept) == []
