"""`import sweep`: what it offers, what it costs, one trial, and what a process registers."""

from __future__ import annotations

import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

import sweep
from sweep.compress.single import run_single
from sweep.config import SweepConfig
from tests.harness import tiny

SPACE = {"sparsity": 0.6, "finetune_epochs": 1, "learning_rate": 1e-3}


@pytest.fixture
def config(model_folder: Path, data_files: dict[str, str]) -> SweepConfig:
    return tiny.make_config(model_folder, data_files)


def test_every_public_name_is_there() -> None:
    assert set(sweep.__all__) <= set(dir(sweep))
    assert all(getattr(sweep, name) is not None for name in sweep.__all__)
    with pytest.raises(AttributeError, match="'sweep' has no attribute 'prune'"):
        _ = sweep.prune  # type: ignore[attr-defined]


def test_the_import_loads_no_other_package_and_types_are_shipped() -> None:
    code = "import sys, sweep; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"torch", "ray", "optuna", "pandas", "numpy", "pydantic", "yaml", "analysis"}
    assert not heavy & set(run.stdout.split())
    for package in ("sweep", "analysis"):
        assert (resources.files(package) / "py.typed").is_file()


def test_one_trial_gives_the_records_of_the_command(config: SweepConfig) -> None:
    trial = sweep.trial(config, **SPACE)
    assert isinstance(trial, sweep.Trial) and trial.epoch == -1
    records = list(trial.run())
    plain = sweep.load_config(config, {f"space.{k}": v for k, v in SPACE.items()})
    figures = run_single(plain, "validation", lambda line: None)
    assert [timeless(r.to_dict()) for r in records] == [timeless(r) for r in figures["records"]]
    assert trial.epoch == 1 and trial.params.sparsity == 0.6
    names = dict(trial.model.named_parameters())
    assert any((weight == 0).float().mean() > 0.5 for weight in names.values())
    assert trial.score("test").figures(["f1"])["examples"] == 30


def timeless(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if "seconds" not in name}


def test_settings_and_parameters_that_are_wrong_are_told_together(config: SweepConfig) -> None:
    with pytest.raises(sweep.ConfigError) as wrong:
        sweep.trial(config, "recover.batch_size=0", sparsity=1.5, method="nonsense")
    where = [line.partition(":")[0] for line in wrong.value.problems]
    assert where == ["space.sparsity", "space.method", "recover.batch_size"]


@pytest.mark.usefixtures("own_registries")
def test_a_registered_criterion_prunes(config: SweepConfig) -> None:
    @sweep.register_criterion("square")
    def square(weight: Any, statistic: None, generator: Any) -> Any:
        return weight.detach() ** 2

    same = [
        [timeless(record.to_dict()) for record in sweep.trial(config, method=method, **SPACE).run()]
        for method in ("square", "l1-norm")
    ]
    assert same[0] == same[1], "squares are ordered as magnitudes"
    with pytest.raises(sweep.UsageError, match="the pruning criterion 'square' already exists"):
        sweep.register_criterion("square")(square)
    square.__module__ = "__main__"  # a cell of a notebook is run again
    assert sweep.register_criterion("square")(square) is square
    with pytest.raises(sweep.UsageError, match="'random' already"):
        sweep.register_criterion("random")(square)


@pytest.mark.usefixtures("own_registries")
def test_each_decorator_returns_what_it_registers() -> None:
    from sweep.registry import LISTENERS, METRICS, SAMPLERS, STRUCTURES, TASKS

    @sweep.register_structure("all-of-it")
    class Own(sweep.Structure):
        pass

    @sweep.register_listener("own")
    class Follows(sweep.Listener):
        pass

    @sweep.register_task("own")
    class Learns:
        metric = "accuracy"

    @sweep.register_metric("own", direction="min", unit="classes")
    def distance(labels: Any, answers: Any) -> float:
        return float(abs(labels - answers).mean())

    @sweep.register_sampler("own", finished=7)
    def make(seed: int) -> Any:
        return seed

    assert isinstance(STRUCTURES["all-of-it"], Own)
    assert LISTENERS["own"] is Follows and TASKS["own"] is Learns
    assert METRICS["own"] == sweep.Metric(distance, "min", unit="classes")
    with pytest.raises(sweep.UsageError, match="direction is max or min, got 'maximize'"):
        sweep.register_metric("other", direction="maximize")(distance)
    assert METRICS.fact("own") == "min" and METRICS.origin("own") == "this process"
    assert (SAMPLERS["own"].make, SAMPLERS["own"].finished) == (make, 7)
