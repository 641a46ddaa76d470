"""``key=value`` laid over a config."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sweep.config import Files, SweepConfig
from sweep.config.load import load_config, parse_config
from sweep.errors import ConfigError
from sweep.space.domains import Constant
from tests.config.test_problems import SMALL, problems


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
def test_an_override_reaches_any_setting(override: str, path: str, value: Any) -> None:
    found: Any = parse_config(SMALL, [override]).model_dump(mode="json")
    for key in path.split("."):
        found = found[key]
    assert found == value


def test_a_path_into_a_plain_value_replaces_it_and_further_ones_add() -> None:
    overrides = ["task.dataset.train=a.parquet", "task.dataset.validation=b.parquet"]
    config = load_config("imdb", overrides)
    assert config.task.dataset == Files(train="a.parquet", validation="b.parquet")
    assert config.task.replace == load_config("imdb").task.replace
    longer = load_config("digits", ["space.sparsity.low=0.5", "space.scope=local"])
    assert longer.space["sparsity"] == replace(load_config("digits").space["sparsity"], low=0.5)


def test_files_with_several_text_columns_are_a_matter_of_one_override() -> None:
    assert load_config("sst2").task.text == "auto"
    config = load_config("sst2", ["task.text=text", "task.dataset.train=a.parquet"])
    assert config.task.text == "text"


def test_of_two_overrides_the_later_one_holds() -> None:
    assert parse_config(SMALL, ["search.trials=3", "search.trials=4"]).search.trials == 4


def test_an_override_of_one_section_leaves_another_alone_that_shares_its_anchor() -> None:
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
def test_an_override_that_cannot_be_read_is_a_problem_like_any_other(
    override: str, path: str
) -> None:
    lines = problems(SMALL + "storage: 3\n", override)
    assert [line.split(":")[0] for line in lines] == [path, "storage"]


def test_a_bare_parameter_is_short_for_the_space_in_a_single_trial_only() -> None:
    overrides = ["sparsity=0.7", "method=random", "finetune_epochs=1"]
    config = load_config("imdb", overrides, single_trial=True)
    assert config.space["sparsity"] == Constant(0.7)
    assert config.space["method"] == Constant("random")
    with pytest.raises(ConfigError, match=r"did you mean 'space\.sparsity'"):
        load_config("imdb", overrides)


def test_the_tutorials_dictionary_can_be_given_to_a_single_trial() -> None:
    overrides = [
        'weight={"sparsity": 0.5, "method": "l1-norm", "scope": "local"}',
        "activation={sparsity: 0.25, method: random, scope: global}",
    ]
    space = load_config("digits", overrides, single_trial=True).space
    assert [space[name].plain() for name in ("sparsity", "method", "scope")] == [
        0.5,
        "l1-norm",
        "local",
    ]
    assert space["activation_sparsity"] == Constant(0.25)
    assert space["finetune_epochs"] == load_config("digits").space["finetune_epochs"]


@pytest.mark.parametrize(
    ("space", "override", "sparsity"),
    [
        ("{weight: {sparsity: 0.2, scope: global}}", "space.sparsity=0.7", 0.7),
        ("{sparsity: 0.2, scope: global}", "space.weight.sparsity=0.7", 0.7),
        ("{sparsity: 0.2, scope: global}", "space.weight={sparsity: 0.7}", 0.7),
    ],
)
def test_an_override_in_the_other_form_takes_the_place_of_the_files(
    space: str, override: str, sparsity: float
) -> None:
    config = parse_config(f"{SMALL}space: {space}\n", [override])
    assert config.space["sparsity"] == Constant(sparsity)
    assert config.space["scope"] == Constant("global")


def test_a_single_trial_needs_no_search_that_fits_and_its_dump_is_a_config() -> None:
    text = (
        SMALL + "search: {sampler: grid, grace_period: 9}\nspace: {sparsity: {low: 0, high: 0.5}}\n"
    )
    config = parse_config(text, single_trial=True)
    assert SweepConfig.model_validate(config.model_dump(mode="json")) == config
    assert len(problems(text)) == 2
