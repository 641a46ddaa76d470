"""Mutations of configs: values, keys, sections, spaces and overrides."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from benchmarks.fuzz.case import Case
from benchmarks.fuzz.expected import Unreadable, difference, read_config
from benchmarks.fuzz.spaces import domain
from benchmarks.fuzz.yaml_text import TEXTS

Mutation = Callable[[random.Random, str], tuple[str, list[str]]]
"""A function of a generator and the text of a valid config to another text and overrides."""

BASES = (
    "name: a\ntask: {dataset: digits}\n",
    "name: own\nmodel: ./model\ntask: {dataset: {train: a.csv, validation: b.csv}, text: auto}\n",
    "name: b\ntask: {dataset: closed-form}\nsearch: {trials: 8}\n",
    "name: formula\ntask: {dataset: closed-form}\nspace: {finetune_epochs: {low: 0, high: 5}}\n",
)

VALUES = (
    *("yes", "no", "on", "OFF", "true", "True", "~", "null", "", "1e-3", "1e3", "1.0e-3", "1E5"),
    *("010", "0o10", "0x10", "0b11", "1_000", "1,000", "12:30:45", "2:4", "4:8", "+3", "-3", "3."),
    *(".5", "-0", "-0.0", "0", "0.0", "1", "2", "1.0", "1.5", "8.0", ".nan", ".inf", "-.inf"),
    *("NaN", "inf", "1e400", "-1e400", "1e-400", "9" * 25, "9" * 400, "0.1e1", "'5'", '"0.5"'),
    *("' 5 '", "'5 '", "'1_000'", "'０'", "５", "½"),
    *("2024-01-31", "2024-13-45", "2001-12-14t21:59"),
    *("''", "' '", "'\\t'", '"\\0"', '"\\x07"', "'\u202e'", "'\U0001f600'", "'a b'", "../x", "-"),
    *("[]", "{}", "[1, 2]", "[a, a]", "[[1]]", "{a: 1}", "[null]", "{low: 0, high: 1}", "[0.1]"),
    *("!!str 5", "!!int '5'", "!!float 3", "!!binary aGk=", "!!set {a, b}", "!!omap [a: 1]"),
    *("!!python/object:os.system x", "&a 5", "*a", "auto", "x" * 3000, "'%s'", "'{}'", "'$HOME'"),
    *("0.5", "0.9", "0.999999999999", "1e-9", "100", "4294967296", "18446744073709551616", "!!x 1"),
)


_WHOLE = ("0", "1", "3", "8.0", "1e1", "010", "0x10", "1_0", "'5'", "' 5 '", "+3", "3.", "0b11")
_REAL = (
    "0.5",
    "0.1",
    ".5",
    "1e-3",
    "1.0e-3",
    "1E-3",
    "'0.5'",
    "5e-1",
    "1e-400",
    "0.3000000000000004",
)
_LIKELY = {
    bool: ("yes", "no", "on", "True", "false", "'true'", "1", "y"),
    int: _WHOLE,
    float: (*_WHOLE, *_REAL),
    dict: ("{}", "null", "[]"),
    list: ("[]", "[a]", "[a, b]", "null", "a"),
    type(None): ("null", "~", "''", "1", "0.5", "a", "5"),
}
"""Values that a setting may have, by the type of its default."""


def _likely(rng: random.Random, path: tuple[str, ...]) -> str:
    """A YAML text that a setting may be given: mostly of its type."""
    value: Any = _resolved()
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    if rng.random() < 0.3:
        return rng.choice(VALUES)
    return rng.choice(_LIKELY.get(type(value), (json.dumps(value), str(value))))


@cache
def _resolved() -> dict[str, Any]:
    from sweep.config.load import load_config

    return load_config("digits").model_dump(mode="json")


def _paths(config: dict[str, Any], above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    for key, value in config.items():
        inside = value if isinstance(value, dict) and len(above) < 2 else {}
        found += [(*above, key), *_paths(inside, (*above, key))]
    return found


def all_paths() -> list[tuple[str, ...]]:
    """The paths of all settings and sections."""
    extra = [("task", "dataset", split) for split in ("train", "validation", "test")]
    extra += [("recover", "distill", name) for name in ("weight", "temperature", "teacher")]
    extra += [("baseline", "quantization", name) for name in ("scheme", "width", "epochs")]
    return [*_paths(_resolved()), *extra, ("search", "budget", "plateau", "trials")]


def _set(config: Any, path: tuple[str, ...], value: Any) -> dict[str, Any]:
    inside = config if isinstance(config, dict) else {}
    rest = path[1:]
    return {**inside, path[0]: _set(inside.get(path[0]), rest, value) if rest else value}


def _placed(base: str, path: tuple[str, ...], value: str) -> str:
    """The text of a config with a YAML text as the value of a setting."""
    text = yaml.safe_dump(_set(yaml.safe_load(base), path, "__value__"), sort_keys=False)
    return text.replace("__value__", value)


def _value(rng: random.Random, base: str) -> tuple[str, list[str]]:
    path = rng.choice(all_paths())
    return _placed(base, path, _likely(rng, path)), []


def _override(rng: random.Random, base: str) -> tuple[str, list[str]]:
    paths = rng.sample(all_paths(), rng.randint(1, 2))
    return base, [f"{'.'.join(path)}={_likely(rng, path)}" for path in paths]


def _malformed(rng: random.Random, base: str) -> tuple[str, list[str]]:
    forms = (
        *("", "=", "search", "search.trials", "=5", ".=5", "search..trials=5", ".search.trials=5"),
        *("search.trials.=5", "search.trials =5", " search.trials= 5", "search.trials==5"),
        *(
            "search.trials=5=6",
            "search.trials=5\n",
            "search.trials=[",
            "search.trials={a: 1, a: 2}",
        ),
        *("search=5", "search=null", "space=null", "space={}", "task={}", "name=", "name=b c"),
        *("space.weight.sparsity=0.5", "space.weight={sparsity: 0.5}", "space.weight=null"),
        *("search.trials=5 # five", "name=é", "name=\udcff", "search.trials.more=5", "a=b: c"),
        *("task.dataset=imdb", "objectives.loss=min", "objectives={}", "sparsity=0.5", "0=1"),
    )
    return base, [rng.choice(forms)]


def _typo(rng: random.Random, name: str) -> str:
    at = rng.randrange(len(name))
    other = (name[:at] + name[at + 1 :], name + "s", name.upper(), name.replace("_", "-") + "-")
    return rng.choice([*other, name[:at] + name[at:] * 2, f" {name} ", "<<", "0", "", "~"])


def _unknown(rng: random.Random, base: str) -> tuple[str, list[str]]:
    path = rng.choice(all_paths())
    wrong = (*path[:-1], _typo(rng, path[-1]))
    value = rng.choice(("1", "0.5", "auto", "null", "{}"))
    if rng.random() < 0.4 and all(wrong):
        return base, [f"{'.'.join(wrong)}={value}"]
    return _placed(base, wrong, value), []


def _twice(rng: random.Random, base: str) -> tuple[str, list[str]]:
    section = rng.choice(("search: {trials: 5, trials: %s}", "search:\n  seed: 1\n  seed: %s"))
    value = rng.choice(("5", "6", "'5'"))
    whole = rng.choice(("name: b", "task: {dataset: closed-form}", "space: {}\nspace: {}"))
    spaces = "space: {sparsity: 0.5, sparsity: 0.6}\n", '"space": {}\nspace: {}\n'
    texts = (
        section % value,
        whole,
        *spaces,
        "name: a",
        '"name": a',
        "? name\n: b",
        "!!str name: b",
    )
    return base + rng.choice(texts) + "\n", []


def _missing(rng: random.Random, base: str) -> tuple[str, list[str]]:
    config = yaml.safe_load(base)
    del config[rng.choice(list(config))]
    return yaml.safe_dump(config), []


def _replaced(rng: random.Random, base: str) -> tuple[str, list[str]]:
    config = yaml.safe_load(base)
    sections = ("task", "space", "search", "baseline", "recover", "pruning", "objectives")
    other = rng.choice(([], [1], "x", 5, 0.5, True, None, {}, {"": 1}, {"a": {"b": {}}}, [[]]))
    return yaml.safe_dump({**config, rng.choice(sections): other}), []


def _space(rng: random.Random, base: str) -> tuple[str, list[str]]:
    names = [path[1] for path in all_paths() if path[0] == "space" and len(path) == 2]
    space = {name: domain(rng, name) for name in rng.sample(names, rng.randint(1, 2))}
    if rng.random() < 0.2:
        group = rng.choice(("weight", "activation"))
        part = rng.choice(("sparsity", "method", "scope"))
        space[group] = {part: domain(rng, part)}
    if rng.random() < 0.4:
        return base, [f"space.{name}={json.dumps(value)}" for name, value in space.items()]
    return yaml.safe_dump({**yaml.safe_load(base), "space": space}, sort_keys=False), []


_CHOICES: dict[str, tuple[Any, ...]] = {
    "search.sampler": ("auto", "tpe", "ehvi", "grid", "random", "nsga2", "cmaes"),
    "search.scheduler": ("moasha", "fifo", "asha"),
    "search.trials": (1, 2, 64, 10**6, 0),
    "search.grace_period": (0, 1, 3, 50),
    "search.reduction_factor": (1.5, 2, 3, 1, 1.0000001),
    "search.constraints": ({"accuracy": {"min": 0.5}}, {"loss": {"min": 2, "max": 1}}, {}),
    "search.starts": ([{"sparsity": 0.5}], [{}], [{"sparsity": 0.5}, {"sparsity": 0.5}]),
    "search.budget": ({"epochs": 5}, {"plateau": {"trials": 3}}, None, {}),
    "search.reference": ({"loss": 5}, {"accuracy": "0"}, {"x": 1}),
    "objectives": (
        *({"accuracy": "max"}, {"loss": "min", "sparsity": "max"}, {"f1": "max"}, {}),
        *({"accuracy_drop": "min", "model_sparsity": "max"}, {"accuracy": "up"}, ["accuracy"]),
    ),
    "task.metric": ("accuracy", "f1", "mcc", None, "bleu"),
    "task.metrics": (["f1"], ["accuracy", "accuracy"], "f1", []),
    "recover.distill": ({"weight": 0.5}, {"teacher": ""}, None, {"weight": 1.5}),
    "baseline.quantization": ({"scheme": "int8"}, {"width": 8, "frac_width": 9}, {"width": 1}),
    "listeners": (["terminal"], {"terminal": None}, ["terminal", "terminal"], {"x": {}}),
    "storage": ("s3://bucket/x", "results", "gs://", "s3://", "~/x", "a\nb"),
    "resources.gpu": (0, 0.5, 1.5, 2, -1),
    "pruning.include": (["encoder.*"], ["("], ["*"], "encoder", [""], [1]),
    "name": ("a", "a/b", "..", ".", "a b", "é", "a" * 300, 5, True, None, "-x", "a\n"),
}


def _combined(rng: random.Random, base: str) -> tuple[str, list[str]]:
    chosen = {
        path: rng.choice(_CHOICES[path]) for path in rng.sample([*_CHOICES], rng.randint(1, 2))
    }
    config = yaml.safe_load(base)
    for path, value in chosen.items():
        config = _set(config, tuple(path.split(".")), value)
    return yaml.safe_dump(config, sort_keys=False, allow_unicode=True), []


MUTATIONS: dict[str, Mutation] = {
    "value": _value,
    "override": _override,
    "malformed override": _malformed,
    "unknown key": _unknown,
    "key twice": _twice,
    "missing section": _missing,
    "replaced section": _replaced,
    "space": _space,
    "combined": _combined,
}


NAMES = (*MUTATIONS, *TEXTS)


def make(rng: random.Random, folder: Path, name: str) -> Case:
    """Write a mutated config to ``folder``."""
    base = rng.choice(BASES)
    if name in TEXTS:
        data, settings = TEXTS[name](rng, base), []
    else:
        text, settings = MUTATIONS[name](rng, base)
        data = text.encode("utf-8", "surrogatepass")
    file = folder / rng.choice(("config.yaml", "ö ü.yml", "c", "digits", "--x.yaml"))
    file.write_bytes(data)

    def judge(found: dict[str, Any]) -> str:
        try:
            given = read_config(data, settings)
        except Unreadable as error:
            return f"accepted, but it is no config: {error}"
        return difference(given, found, _defaults(given))

    def judge_json(document: dict[str, Any]) -> str:
        return judge(document["config"])

    return Case(f"config: {name}", folder, str(file), settings, "check", _read, judge, judge_json)


def _defaults(given: dict[str, Any]) -> dict[str, Any]:
    from sweep.config.load import load_config

    dataset = given["task"]["dataset"]
    task = {"dataset": dataset}
    smallest = {"name": given["name"], "model": given.get("model"), "task": task}
    return load_config(smallest).model_dump(mode="json")


def _read(case: Case) -> dict[str, Any]:
    from sweep.config.load import load_config, parse_config, with_absolute_paths
    from sweep.config.plan import plan
    from sweep.config.text import dump_yaml

    config = load_config(case.config, case.settings)
    plan(config)
    with_absolute_paths(config)
    assert parse_config(dump_yaml(config)) == config, "the resolved config is read differently"
    return config.model_dump(mode="json")
