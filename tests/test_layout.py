"""The house rules: who may import whom, by the syntax trees, and names that agree with tables."""

from __future__ import annotations

import ast
import dataclasses
import inspect
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import analysis
import sweep

ROOT = Path(sweep.__file__).parent.parent
OURS = ("sweep", "analysis")
HEAVY = {"torch", "ray", "transformers", "optuna", "datasets"}


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {
    module_name(file): file
    for package in (sweep, analysis)
    for file in sorted(Path(str(package.__file__)).parent.rglob("*.py"))
}
every_module = pytest.mark.parametrize("module", sorted(MODULES))


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def nodes(tree: ast.AST, at_import: bool) -> Iterator[ast.AST]:
    """All nodes; with ``at_import`` only those that run when the module is imported."""
    for node in ast.iter_child_nodes(tree):
        deferred = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if at_import and (deferred or is_type_checking(node)):
            continue
        yield node
        yield from nodes(node, at_import)


def imports_in(source: str, at_import: bool = False) -> set[str]:
    """The modules that a text imports: ours by module, the others by package."""
    found: set[str] = set()
    for node in nodes(ast.parse(source), at_import):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            modules = whole & set(MODULES)
            found |= modules or {str(node.module)}
    return {name if name in MODULES else name.split(".")[0] for name in found}


@cache
def imports(module: str, at_import: bool = False) -> frozenset[str]:
    return frozenset(imports_in(MODULES[module].read_text(encoding="utf-8"), at_import))


def loaded_with(module: str) -> set[str]:
    """All that importing ``module`` imports, through modules of ours, with their packages."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        if name in MODULES:
            parents = [name.rsplit(".", up)[0] for up in range(1, name.count(".") + 1)]
            waiting += [*imports(name, True), *parents]
    return found


def in_room(module: str, *rooms: str) -> bool:
    return any(module == room or module.startswith(f"{room}.") for room in rooms)


def test_the_walk_finds_what_it_should() -> None:
    source = """
import ray.tune
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import torch
else:
    import numpy
class A:
    import pandas
    def f(self):
        import optuna.samplers
try:
    from sweep.compress.prune import masks, CRITERIA
except ImportError:
    from sweep import config
"""
    assert imports_in(source) == {
        "ray", "typing", "torch", "numpy", "pandas", "optuna",
        "sweep.compress.prune.masks", "sweep.config",
    }  # fmt: skip
    at_import = {"ray", "typing", "pandas", "sweep.compress.prune.masks", "sweep.config"}
    assert imports_in(source, at_import=True) == at_import
    assert "torch" in loaded_with("sweep.compress.trial")
    assert len(MODULES) > 50


@every_module
def test_ray_is_for_who_schedules(module: str) -> None:
    if not in_room(module, "sweep.search", "sweep.cluster"):
        assert "ray" not in imports(module)


@every_module
def test_optuna_is_for_the_search(module: str) -> None:
    if not in_room(module, "sweep.search"):
        assert "optuna" not in imports(module)


@every_module
def test_analysis_reads_without_the_stack(module: str) -> None:
    if in_room(module, "analysis"):
        assert not imports(module) & {"ray", "torch", "transformers", "optuna", "datasets"}
        known = ("sweep.ledger", "sweep.pareto", "sweep.errors")
        ours = {name for name in imports(module) if in_room(name, "sweep")}
        assert all(in_room(name, *known) for name in ours)


LIGHT = (
    "sweep.config",
    "sweep.config.load",
    "sweep.space.parse",
    "sweep.ledger.file",
    "sweep.cli.main",
)


@pytest.mark.parametrize("module", LIGHT)
def test_a_config_is_checked_without_the_stack(module: str) -> None:
    """Nor does anything that they import at module level."""
    assert not loaded_with(module) & HEAVY


@every_module
def test_schedulers_do_not_load_torch_nor_records_ray(module: str) -> None:
    if in_room(module, "sweep.search", "sweep.cluster"):
        assert not loaded_with(module) & {"torch", "transformers", "datasets"}
    makers = (
        "sweep.compress.tasks",
        "sweep.compress.prune",
        "sweep.compress.quantize",
        "sweep.compress.train",
        "sweep.compress.trial",
    )
    if in_room(module, *makers):
        assert not loaded_with(module) & {"ray", "optuna"}


def test_no_module_imports_itself_round_a_corner() -> None:
    graph = {
        module: {name for name in imports(module, True) if name in MODULES} for module in MODULES
    }
    assert len(list(TopologicalSorter(graph).static_order())) == len(MODULES)


# names and tables


def test_methods_are_the_rows_of_criteria() -> None:
    from sweep.compress.prune import CRITERIA
    from sweep.space.parameters import METHODS

    assert set(CRITERIA) == set(METHODS)


def test_layer_profiles_are_the_rows_of_their_table() -> None:
    from sweep.compress.prune.structures import PROFILES
    from sweep.space.parameters import LAYER_PROFILES

    assert tuple(PROFILES) == LAYER_PROFILES


def test_statistics_are_those_that_can_be_collected() -> None:
    from sweep.compress.prune import CRITERIA
    from sweep.compress.prune.criteria import KIND
    from sweep.compress.prune.fit import OF_INPUTS
    from sweep.compress.prune.statistics import COLLECTORS
    from sweep.space.parameters import DATA_METHODS

    needed = {criterion.needs for criterion in CRITERIA.values()}
    assert needed == {"none", KIND, *COLLECTORS}
    assert KIND not in COLLECTORS, "a trial's own: the dense model has none"
    assert {name for name, row in CRITERIA.items() if row.needs in COLLECTORS} == set(DATA_METHODS)
    assert set(OF_INPUTS) < set(COLLECTORS)


def test_methods_that_learn_are_those_that_a_trial_has_the_statistic_of() -> None:
    from sweep.compress.prune import CRITERIA
    from sweep.compress.prune.criteria import KIND
    from sweep.space.parameters import LEARNED

    assert {name for name, row in CRITERIA.items() if row.needs == KIND} == set(LEARNED)


def test_quantizations_are_schemes_and_values_of_the_parameter() -> None:
    import torch

    from sweep.compress.quantize import Scheme
    from sweep.space.parameters import PARAMETERS, QUANTIZATIONS
    from sweep.space.values import OneOf

    x = torch.randn(5, 7, generator=torch.Generator().manual_seed(0))
    grids = [Scheme(name).value(x) for name in QUANTIZATIONS]
    assert all(not torch.equal(one, x) for one in grids) and not torch.equal(*grids)
    assert PARAMETERS["quantization"].rule == OneOf(("none", *QUANTIZATIONS))
    with pytest.raises(KeyError):
        Scheme("none").value(x)


def test_every_method_and_scope_prunes_activations() -> None:
    import torch

    from sweep.compress.prune import ActivationPruner
    from sweep.space.parameters import ACTIVATION_METHODS, ACTIVATION_SCOPES

    for method in ACTIVATION_METHODS:
        for scope in ACTIVATION_SCOPES:
            layer = torch.nn.Linear(8, 2)
            pruner = ActivationPruner({"layer": layer}, 0.5, method, scope)
            pruner.draw(torch.Generator())
            x = torch.randn(1, 3, 8)
            if pruner.needs_calibration:
                pruner.calibrate(lambda f=layer, x=x: f(x), torch.ones(1, 3, dtype=torch.bool))
            dense = layer(x)
            pruner.attach()
            assert not torch.equal(layer(x), dense)


def test_samplers_are_the_rows_of_their_table() -> None:
    from sweep.search import samplers
    from sweep.space import parameters as names

    assert {"auto", *samplers.SAMPLERS} == set(names.SAMPLERS)


def test_metrics_are_figures_of_a_record() -> None:
    from sweep.ledger.record import Record
    from sweep.space.parameters import METRICS

    assert set(METRICS) <= {field.name for field in dataclasses.fields(Record)}


def test_extra_metrics_are_the_rows_of_their_table() -> None:
    from sweep.compress.score import EXTRA
    from sweep.space.parameters import EXTRA_METRICS

    assert tuple(EXTRA) == EXTRA_METRICS


def test_schedules_are_those_that_a_recipe_can_follow() -> None:
    from sweep.compress.train import Recipe, lr_factor
    from sweep.space.parameters import LR_SCHEDULES

    runs = {
        name: tuple(lr_factor(i, 10, Recipe(1.0, 2, 0, lr_schedule=name)) for i in range(20))
        for name in LR_SCHEDULES
    }
    assert len(set(runs.values())) == len(LR_SCHEDULES) == 2


def test_parameters_are_those_of_a_trial() -> None:
    from sweep.space.parameters import PARAMETERS
    from sweep.space.params import Params

    assert set(PARAMETERS) == {field.name for field in dataclasses.fields(Params)}


def test_recovery_settings_are_those_of_a_recipe() -> None:
    """A workbench hands the config's sections to a recipe by name."""
    from sweep.compress.train import Recipe
    from sweep.config import BaselineConfig, RecoverConfig

    known = set(inspect.signature(Recipe).parameters)
    own = {n: f for n, f in RecoverConfig.model_fields.items() if n != "distill"}
    assert set(own) <= known
    assert set(BaselineConfig.model_fields) - {"quantization"} <= known
    given = {"learning_rate", "epochs", "seed"}
    assert known == set(own) | given
    for name, field in own.items():
        assert inspect.signature(Recipe).parameters[name].default == field.default


def test_the_configs_names_are_those_that_are_checked() -> None:
    from sweep.config import SweepConfig
    from sweep.space import parameters as names

    public = {name for name in vars(names) if name.isupper() and name[0] != "_"}
    assert public - {"PARAMETERS", "TUTORIAL"} == {
        "METHODS", "SCOPES", "SAMPLERS", "SCHEDULERS", "LR_SCHEDULES", "METRICS",
        "EXTRA_METRICS", "DIRECTIONS", "START_MASKS", "NORMALISATIONS", "GRANULARITIES",
        "LAYER_PROFILES", "DATA_METHODS", "LEARNED", "ACTIVATION_METHODS", "ACTIVATION_SCOPES",
        "QUANTIZATIONS",
    }  # fmt: skip
    for sampler in names.SAMPLERS:
        for scheduler in names.SCHEDULERS:
            search = {"sampler": sampler, "scheduler": scheduler}
            plain = {"name": "n", "task": {"dataset": "digits"}, "search": search}
            assert SweepConfig.model_validate(plain).search.scheduler == scheduler
