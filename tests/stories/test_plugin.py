"""The package in examples/plugin adds a criterion, a metric, a task and a listener from outside.

It is put on the path with the metadata that an installation leaves, since an installation would
need a network for setuptools.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import analysis
from analysis import Results

PLUGIN = Path(__file__).parents[2] / "examples" / "plugin"


def install(to: Path) -> None:
    """Write the metadata of an installed package: its name and its entry points."""
    project = tomllib.loads((PLUGIN / "pyproject.toml").read_text())["project"]
    folder = to / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    folder.mkdir(parents=True)
    head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (folder / "METADATA").write_text(head)
    lines = []
    for group, points in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {where}" for name, where in points.items())]
    (folder / "entry_points.txt").write_text("\n".join(lines) + "\n")


@dataclass(frozen=True)
class Site:
    """A folder with the plugin installed, in which `sweep` commands run."""

    folder: Path

    def sweep(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join(map(str, (self.folder / "site", PLUGIN, PLUGIN.parents[1])))
        return subprocess.run(
            [sys.executable, "-m", "sweep.cli.main", *map(str, arguments)],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
        )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    found = Site(tmp_path_factory.mktemp("plugin"))
    install(found.folder / "site")
    return found


@pytest.fixture(scope="module")
def results(site: Site) -> Results:
    """A small sweep of the plugin's task, run and confirmed."""
    small = ("search.trials=8", "search.max_concurrent=2", "baseline.epochs=10")
    done = site.sweep("run", PLUGIN / "diabetes.yaml", *small, "--out", "sweep")
    assert done.returncode == 0, done.stderr
    done = site.sweep("confirm", "sweep", "--seeds", "2", "--runners-up", "0")
    assert done.returncode == 0, done.stderr
    return analysis.load(site.folder / "sweep")


@pytest.mark.slow
def test_its_things_are_listed_with_the_package_that_brings_them(site: Site) -> None:
    listed: list[dict[str, Any]] = json.loads(site.sweep("plugins", "--json").stdout)
    added = {one["name"] for one in listed if one["package"] == "prunesweep-plugin"}
    assert added == {"relative", "rmse", "diabetes", "csv"}


@pytest.mark.slow
def test_a_sweep_is_searched_confirmed_and_reported_by_its_metric(results: Results) -> None:
    metric = results.metric
    assert (metric.name, metric.direction, metric.chance) == ("rmse", "min", pytest.approx(1, 0.2))
    front = results.front
    assert {"rmse", "rmse_se", "rmse_drop", "test_rmse", "test_rmse_low"} <= set(front.columns)
    assert front["sparsity"].is_monotonic_increasing and front["rmse"].is_monotonic_increasing
    dense = results.baseline["rmse"] if results.baseline else None
    assert front["rmse_drop"].to_list() == pytest.approx((front["rmse"] - dense).to_list())
    assert front["test_rmse"].notna().all()
    assert set(results.trials["param_method"].dropna()) == {"l1-norm", "relative"}
    text = (Path(results.folder) / "report.md").read_text()
    assert "rmse" in text and "accuracy" not in text


@pytest.mark.slow
def test_its_listener_sees_every_record_once(site: Site, results: Results) -> None:
    seen = pd.read_csv(site.folder / "records.csv")
    told = results.records[results.records["stage"] != "baseline"]
    key = ["trial_id", "epoch"]
    assert sorted(map(tuple, seen[key].to_numpy())) == sorted(map(tuple, told[key].to_numpy()))
    both = seen.merge(told, on=key)
    assert both["value"].to_list() == pytest.approx(both["rmse"].to_list())


@pytest.mark.slow
def test_a_point_of_a_regression_is_not_exported_yet(site: Site, results: Results) -> None:
    done = site.sweep("export", "sweep", "--to", "model", "--min-sparsity", "0.3")
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    assert not (site.folder / "model").exists()


@pytest.mark.slow
def test_its_option_is_checked_by_its_task(site: Site) -> None:
    wrong = site.sweep("trial", PLUGIN / "diabetes.yaml", "task.options.width=none")
    assert wrong.returncode == 2 and "task.options.width: must be an integer >= 1" in wrong.stderr


def test_without_the_package_its_names_are_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sweep.cli.main", "check", PLUGIN / "diabetes.yaml"],
        cwd=PLUGIN.parents[1],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr
    for name in ("'diabetes'", "'relative'", "'rmse'", "listeners.csv"):
        assert name in done.stderr
