"""Rules of the architecture that import-linter cannot check, and names that must match tables.

pyproject.toml has the rules about imports, and `make lint` checks them (import-linter).
"""

from __future__ import annotations

import ast
import dataclasses
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path

import grimp
import pytest

import sweep
from sweep.registry import REGISTRIES, SAMPLERS

ROOT = Path(sweep.__file__).parent.parent
SOURCES = [
    file for package in ("sweep", "analysis") for file in sorted((ROOT / package).rglob("*.py"))
]


def test_modules_have_no_import_cycles() -> None:
    """Imports inside functions and under TYPE_CHECKING count."""
    graph = grimp.build_graph("sweep", "analysis", cache_dir=None)
    needs = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert len(list(TopologicalSorter(needs).static_order())) == len(graph.modules) > 150


def test_only_the_store_distinguishes_folders_and_buckets() -> None:
    """No `isinstance(..., Path | Address)` in other modules."""
    asking = {
        file.relative_to(ROOT).as_posix()
        for file in SOURCES
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance"
        if {"Path", "Address"} & set(ast.unparse(node.args[1]).replace("|", " ").split())
    }
    assert asking <= {"sweep/ledger/store.py"}


def spells_a_kind(node: ast.AST) -> bool:
    """``{"event": "end"}`` and ``x["event"] == "end"``."""
    texts = ast.Constant, ast.Tuple, ast.Set, ast.List
    if isinstance(node, ast.Dict):
        named = zip(node.keys, node.values, strict=True)
        return any(
            isinstance(key, ast.Constant) and key.value == "event" and isinstance(value, texts)
            for key, value in named
        )
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        asks = any(re.search(r"""\[['"]event['"]\]$""", ast.unparse(side)) for side in sides)
        return asks and any(isinstance(side, texts) and "'" in ast.unparse(side) for side in sides)
    return False


def test_event_kinds_are_string_literals_in_few_places() -> None:
    """Only where events are defined, folded and put into tables. Other code uses constants."""
    spelling = {
        file.relative_to(ROOT).as_posix()
        for file in SOURCES
        if any(map(spells_a_kind, ast.walk(ast.parse(file.read_text(encoding="utf-8")))))
    }
    places = ("sweep/ledger/", "sweep/search/replay.py", "analysis/tables/")
    assert {file for file in spelling if not file.startswith(places)} == set()


def test_private_names_of_other_packages_are_used_in_two_files_only() -> None:
    """Such names may change with any release."""
    private = re.compile(
        r"\b(?:ray|optuna|torch|transformers|datasets|pandas)(?:\.\w+)*\._[a-z]\w*"
    )
    using = {file.name for file in SOURCES if private.search(file.read_text(encoding="utf-8"))}
    assert using <= {"tune.py", "machines.py"}


@pytest.mark.parametrize(
    ("packages", "heavy"),
    [
        (
            "sweep.ledger.folder, analysis",
            "torch ray transformers optuna datasets pandas numpy pydantic matplotlib plotly",
        ),
        # Ray reads its environment at import (its token, usage statistics), so it must come late.
        ("sweep.cluster.run, sweep.cluster.confirm", "torch ray"),
    ],
)
def test_importing_the_packages_imports_no_heavy_package(packages: str, heavy: str) -> None:
    code = f"import sys, {packages}; print(*{{name.split('.')[0] for name in sys.modules}})"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not set(heavy.split()) & set(run.stdout.split())


# names and tables


def test_names_in_a_config_equal_the_rows_of_their_tables() -> None:
    from sweep.compress.prune.criteria import CRITERIA
    from sweep.compress.prune.selection import PROFILES
    from sweep.compress.prune.statistics import COLLECTORS
    from sweep.space.params import LAYER_PROFILES, MOVEMENT

    assert tuple(PROFILES) == LAYER_PROFILES
    assert {row.needs for row in CRITERIA.values()} == {"none", MOVEMENT, *COLLECTORS}


@pytest.mark.parametrize("kind", REGISTRIES)
def test_facts_in_a_registry_match_the_built_in_implementations(kind: str) -> None:
    """Names and facts are known before anything is imported; the tables have the same."""
    registry = REGISTRIES[kind]
    module, _, table = registry.home.partition(":")
    rows = getattr(import_module(module), table)
    assert list(rows) == list(registry.builtin)
    if registry.attribute:
        facts = {name: getattr(row, registry.attribute) for name, row in rows.items()}
        assert facts == registry.builtin


def test_every_statistic_of_inputs_has_a_collector() -> None:
    from sweep.compress.prune.statistics import COLLECTORS, OF_INPUTS
    from sweep.space.params import MOVEMENT

    assert MOVEMENT not in COLLECTORS, "movement scores belong to a trial, not to the dense model"
    assert set(OF_INPUTS) < set(COLLECTORS)


def test_every_quantization_is_a_scheme_and_a_value_of_the_parameter() -> None:
    import torch

    from sweep.compress.quantize.scheme import Scheme
    from sweep.space.params import PARAMETERS, QUANTIZATIONS

    x = torch.randn(5, 7, generator=torch.Generator().manual_seed(0))
    grids = [Scheme(name).value(x) for name in QUANTIZATIONS]
    assert all(not torch.equal(one, x) for one in grids) and not torch.equal(*grids)
    [names] = PARAMETERS["quantization"].type.__metadata__
    assert names.options == ("none", *QUANTIZATIONS)
    with pytest.raises(KeyError):
        Scheme("none").value(x)


def test_every_method_and_scope_prunes_activations() -> None:
    import torch

    from sweep.compress.prune.activations import ActivationPruner
    from sweep.space.params import ACTIVATION_METHODS, ACTIVATION_SCOPES

    for method in ACTIVATION_METHODS:
        for scope in ACTIVATION_SCOPES:
            layer = torch.nn.Linear(8, 2)
            pruner = ActivationPruner({"layer": layer}, 0.5, method, scope)
            pruner.draw(torch.Generator())
            x = torch.randn(1, 3, 8)
            pruner.calibrate(lambda f=layer, x=x: f(x), torch.ones(1, 3, dtype=torch.bool))
            dense = layer(x)
            pruner.attach()
            assert not torch.equal(layer(x), dense)


def test_every_objective_is_a_figure_of_a_record() -> None:
    from sweep.config.fields import FIGURES
    from sweep.ledger.record import Record

    assert set(FIGURES) <= {field.name for field in dataclasses.fields(Record)}


def test_a_recipe_supports_every_schedule() -> None:
    from sweep.compress.train import Recipe, lr_factor
    from sweep.config.fields import LR_SCHEDULES

    runs = {
        name: tuple(
            lr_factor(i, 10, Recipe(learning_rate=1.0, epochs=2, seed=0, lr_schedule=name))
            for i in range(20)
        )
        for name in LR_SCHEDULES
    }
    assert len(set(runs.values())) == len(LR_SCHEDULES) == 2


def test_the_settings_of_the_baseline_are_settings_of_a_recipe() -> None:
    """The dense models pass the settings of a config section to a recipe by name."""
    from sweep.compress.train import Recipe
    from sweep.config.sections import BaselineConfig

    assert set(BaselineConfig.model_fields) - {"quantization", "new_head"} <= set(
        Recipe.model_fields
    )


def test_every_sampler_works_with_every_scheduler() -> None:
    from sweep.config import SweepConfig
    from sweep.config import fields as names

    for sampler in ("auto", *SAMPLERS):
        for scheduler in names.SCHEDULERS:
            search = {"sampler": sampler, "scheduler": scheduler}
            plain = {"name": "n", "task": {"dataset": "digits"}, "search": search}
            assert SweepConfig.model_validate(plain).search.scheduler == scheduler


def test_importance_uses_the_same_active_parameters_as_the_space() -> None:
    """Analysis has its own table, as it must not import the space and ledgers of 0.1 have none."""
    import pandas as pd

    from analysis.history.importance import active
    from sweep.space.active import effective, fixed
    from sweep.space.params import SCOPES
    from tests.harness.spaces import GRANULARITIES

    trials = [
        {"granularity": granularity, "scope": scope, "normalise": "rms", "layer_profile": "erk"}
        | {"sparsity": 0.5, "finetune_epochs": epochs, "learning_rate": 1e-4}
        for granularity in GRANULARITIES
        for scope in SCOPES
        for epochs in (0, 1)
    ]
    table = pd.DataFrame(trials).add_prefix("param_").assign(epoch=[0, 1] * (len(trials) // 2))
    for name in ("sparsity", "scope", "normalise", "layer_profile", "learning_rate"):
        expected = [name in effective(one) and fixed(name, one) is None for one in trials]
        assert table.index.isin(active(table, name).index).tolist() == expected, name
