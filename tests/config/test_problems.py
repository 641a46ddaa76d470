"""All problems of a config are reported together, with path, value and allowed values."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweep.config import SweepConfig
from sweep.config.fields import OBJECTIVES
from sweep.config.load import parse_config
from sweep.errors import ConfigError
from tests.config.test_settings import MINIMAL
from tests.harness.spaces import METHODS

SMALL = "name: a\ntask: {dataset: digits}\n"


def problems(text: str, *overrides: str, single_trial: bool = False) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, overrides, single_trial)
    return caught.value.problems


def only(lines: list[str]) -> str:
    assert len(lines) == 1, lines
    return lines[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: a\n\tb: 1\n", "line 2, column 1"),
        ("name: a\nb: [1, 2\n", "line 3, column 1"),
        ("a: b: c", "line 1, column 5"),
        ("a: {[1]: 2}", "line 1"),
        ("a: 1\n---\nb: 2\n", "line 2"),
        ("a: !!python/object:os.system 1", "could not determine a constructor"),
        ("a: \x00", "unacceptable character"),
        ("a: 2024-13-45", "month must be in 1..12"),
        ("[" * 100_000, "is nested too deep on line 1; allowed: at most 50 levels"),
        ("\n".join("  " * i + "a:" for i in range(60)), "is nested too deep on line 51"),
        ("a: [" + "x, " * 40_000 + "]", "is too large; allowed: at most 30000 keys and values"),
        ("#" * 500_001, "is too large; allowed: a text of at most 500000 characters"),
        ("a: &x {b: *x}", "a.b: contains itself through its anchor on line 1"),
    ],
)
def test_invalid_yaml_is_reported_with_its_position(text: str, message: str) -> None:
    assert message in only(problems(text))


@pytest.mark.parametrize("merge", ["", "<<: "])
def test_aliases_count_as_what_they_stand_for(merge: str) -> None:
    lines = ["a0: &a0 {x: 1, y: 2}" if merge else "a0: &a0 [x, x]"]
    for i in range(1, 30):
        inner = ", ".join([f"*a{i - 1}"] * 8)
        lines.append(f"a{i}: &a{i} " + (f"{{<<: [{inner}]}}" if merge else f"[{inner}]"))
    assert "with aliases written out" in only(problems("\n".join(lines)))


@pytest.mark.parametrize("number", ["9" * 5000, "0x" + "f" * 5000, "1e400", str(2**63), "-.inf"])
def test_numbers_without_bounds_are_refused(number: str) -> None:
    line = only(problems(f"{SMALL}search: {{trials: {number}}}\n"))
    assert line.startswith("search.trials: must ") and len(line) < 200


def test_only_the_first_problems_of_very_many_are_listed() -> None:
    found = problems(SMALL + "\n".join(f"k{i}: 1" for i in range(2000)))
    assert len(found) == 101 and "only the first 100 problems" in found[-1]


def test_a_config_with_very_many_starting_points_is_refused() -> None:
    points = "{sparsity: 0.5}, " * 600
    text = f"{SMALL}space: {{sparsity: {{low: 0.1, high: 0.9}}}}\nsearch: {{starts: [{points}]}}"
    assert only(problems(text)).startswith("search.starts: has too many points, got 600")


def test_a_password_in_any_setting_is_refused_without_showing_it() -> None:
    text = SMALL + "listeners: {terminal: {to: ['http://me:hunter2@host']}}\n"
    line = only(problems(text))
    assert line.startswith("listeners.terminal.to.0: has a password") and "hunter2" not in line


@pytest.mark.parametrize("content", ["x\n" * 10_001, "x" * 250_001])
def test_a_file_of_labels_without_bounds_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "names.txt").write_text(content)
    text = f"name: a\nmodel: a/b\ntask: {{dataset: a/b, label_names: {tmp_path}/names.txt}}\n"
    assert "is too large" in only(problems(text))


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n", "digits", "3"])
def test_the_top_level_must_be_a_mapping(text: str) -> None:
    assert only(problems(text)).startswith("(top level): must be a mapping of settings")


def test_duplicate_keys_are_reported_with_their_lines() -> None:
    text = SMALL + "search:\n  trials: 3\n  seed: 1\n  trials: 4\nname: b\n"
    text += "objectives: {loss: min, loss: max}\n"
    assert problems(text) == [
        "search.trials: the key is given on lines 4 and 6",
        "name: the key is given on lines 1 and 7",
        "objectives.loss: the key is given twice on line 8",
    ]


def test_a_key_that_overrides_a_merged_key_is_not_a_duplicate() -> None:
    text = SMALL + "baseline: &b {seed: 1, batch_size: 8}\nrecover: {<<: *b, batch_size: 4}\n"
    assert only(problems(text)).startswith("recover.seed: unknown key, got 1")


def test_all_problems_are_reported_with_path_value_and_allowed_values() -> None:
    text = """
name: my sweep
modle: x
trials: 3
task: {dataset: digits, max_length: 0, max_length: 64}
space: {sparsity: {low: 0.9, high: 0.3}, method: l1norm, weight: {scope: locale}}
objectives: {acuracy: max}
search: {sampler: grid, tirals: 3}
"""
    lines = problems(text, "recover.batch_size=0", "x", "space.learning_rate={low: 1, high: 2}")
    assert lines == [
        "task.max_length: the key is given twice on line 5",
        "x: must have the form key=value, got 'x'; allowed: a.dotted.path=value",
        "name: has characters that are not allowed, got 'my sweep'; "
        "allowed: letters, digits and . _ - after a letter or digit",
        'space.sparsity: low is above high, got {"low": 0.9, "high": 0.3}; allowed: low <= high',
        "space.method: is not one of the known names, got 'l1norm'; "
        f"allowed: {', '.join(METHODS)}; did you mean 'l1-norm'?",
        "space.weight.scope: is not one of the known names, got 'locale'; "
        "allowed: local, global, row; did you mean 'local'?",
        "recover.batch_size: must be >= 1, got 0; allowed: an integer >= 1",
        "objectives.acuracy: is not one of the known names, got 'acuracy'; "
        f"allowed: {', '.join(OBJECTIVES.options)}; did you mean 'accuracy'?",
        "search.tirals: unknown key, got 3; "
        f"allowed: {', '.join(vars(SweepConfig.model_validate(MINIMAL).search))}; "
        "did you mean 'trials'?",
        f"modle: unknown key, got 'x'; allowed: {', '.join(MINIMAL_KEYS)}; did you mean 'model'?",
        f"trials: unknown key, got 3; allowed: {', '.join(MINIMAL_KEYS)}; "
        "did you mean 'search.trials'?",
        "space.learning_rate: the grid sampler needs a step or a list here, "
        'got {"low": 1.0, "high": 2.0}; allowed: {low, high, step} or a list',
    ]


@pytest.mark.parametrize(
    ("override", "rest"),
    [
        ("search.max_concurrent=0", "must be >= 1, got 0; allowed: an integer >= 1, or auto"),
        ("recover.bf16=maybe", "must be true or false, got 'maybe'; allowed: true, false, or auto"),
        ("recover.dropout=1", "must be < 1, got 1; allowed: a number >= 0 and < 1, or null"),
        ("recover.batch_size=true", "must be an integer, got true; allowed: an integer >= 1"),
        ("space.sparsity=.inf", "must be finite, got inf; allowed: a number >= 0 and < 1"),
        ("search.margin=.nan", "must be finite, got nan; allowed: a number >= 0"),
        ("task.seed=4294967296", "must be <= 4294967295, got 4294967296; allowed: an integer"),
        ("search.trials=9223372036854775808", "must fit in 64 bits, got 9223372036854775808"),
        ("task.label=3", "must be a text (in quotes), got 3; allowed: a text that is not empty"),
        ("pruning.include=a", "must be a list, got 'a'; allowed: a list, each item a text that"),
        ("search=", "must be a mapping of settings, got null; allowed: leave the key out"),
        ("task.options=[]", "must be a mapping, got []; allowed: {key: value, ...}, keys a text"),
        ("model=" + "é" * 128, "cannot be the name of a file or folder, got 'éé"),
        ('storage="a\\0"', "cannot be the name of a file or folder, got 'a\\x00'"),
        ("objectives.loss=down", "is not one of the known names, got 'down'; allowed: max, min"),
    ],
)
def test_a_violated_rule_is_reported_with_value_and_allowed_values(
    override: str, rest: str
) -> None:
    assert only(problems(SMALL, override)).startswith(f"{override.partition('=')[0]}: {rest}")


MINIMAL_KEYS = list(SweepConfig.model_fields)


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("modle", "model"),
        ("sampler", "search.sampler"),
        ("sparsity", "space.sparsity"),
        ("finetune_epoch", "space.finetune_epochs"),
        ("task.txt", "text"),
        ("task.max_len", "max_length"),
        ("space.learning_rte", "learning_rate"),
        ("space.weight.methd", "method"),
        ("task.trials", "search.trials"),
    ],
)
def test_an_unknown_key_is_reported_with_the_similar_name(key: str, hint: str) -> None:
    line = only(problems(SMALL, f"{key}=1"))
    assert line.startswith(f"{key}: unknown key, got 1; allowed: ")
    assert line.endswith(f"; did you mean '{hint}'?")


def test_a_key_without_a_similar_name_has_no_hint() -> None:
    assert "did you mean" not in only(problems(SMALL, "zzz=1"))
    assert only(problems(SMALL + "1: 2\n")).startswith("1: unknown key; allowed: name, ")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("[terminl]", "listeners.terminl: is not a listener of any package on this machine"),
        ("{terminl: {}}", "allowed: terminal; did you mean 'terminal'?"),
        ("{terminal: 3}", "listeners.terminal: must be a mapping, got 3; allowed: {key: value"),
        ("{terminal: {2: 3}}", "listeners.terminal: must be a text (in quotes), got 2"),
        ("terminal", "listeners: must be a list or a mapping of listeners, got 'terminal'"),
        ("[terminal, terminal]", "allowed: a list of different names, or {name: {option:"),
        ("[terminal, 3]", "listeners: must be a list or a mapping of listeners"),
        ("{3: {}}", "listeners.3: is not a listener of any package"),
    ],
)
def test_wrong_listeners_are_reported(given: str, message: str) -> None:
    assert message in only(problems(SMALL, f"listeners={given}"))


def test_who_reads_a_config_needs_no_listener_of_it() -> None:
    """A worker does not, nor who exports a trial on another machine."""
    config = SweepConfig.model_validate({**MINIMAL, "listeners": ["elsewhere"]})
    assert config.listeners == {"elsewhere": {}}


def test_missing_required_keys_are_reported() -> None:
    assert [line.split(":")[0] for line in problems("search: {trials: 3}")] == ["name", "task"]
    assert only(problems("name: a\ntask: {}")).startswith("task.dataset: is required: hub id")
    assert only(problems(SMALL, "task.dataset.test=x", "model=m")).startswith(
        "task.dataset.train: is required: files to finetune on"
    )


def test_problems_that_depend_on_another_problem_are_left_out() -> None:
    text = SMALL + "search: {grace_period: 3}\nspace: {finetune_epochs: {low: 0, high: many}}\n"
    assert only(problems(text)).startswith("space.finetune_epochs.high: must be an integer")
    assert only(problems("name: a\nmodle: m\ntask: {dataset: imdb}")).startswith("modle: unknown")


def test_problems_between_sections_are_reported_with_the_others() -> None:
    lines = problems(
        "task: {dataset: {test: x}}\nsearch: {grace_period: 3, trials: 0, warm_start: [a, a]}\n",
        "a=1",
    )
    assert [line.split(":")[0] for line in lines] == [
        "name",
        "task.dataset.train",
        "search.trials",
        "a",
        "search.grace_period",
        "search.warm_start",
    ]
