"""docs/notebook.py, cell by cell as Jupyter runs it, shows what the sweep's tables hold."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import analysis
from sweep.pareto import hypervolume
from tests.analysis.ledgers import answered_sweep

SCRIPT = Path(analysis.__file__).parent.parent / "docs" / "notebook.py"


def run_cells(script: Path) -> tuple[list[Any], dict[str, Any]]:
    """What each cell of code shows (the value of its last line, or None), and the names left."""
    names: dict[str, Any] = {}
    shown = []
    for cell in script.read_text(encoding="utf-8").split("# %%")[1:]:
        if cell.startswith(" [markdown]"):
            continue
        tree = ast.parse(cell)
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, str(script), "exec"), names)
        shown.append(eval(ast.unparse(last), names) if last else None)
    return shown, names


@pytest.fixture(scope="module")
def sweeps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which both sweeps of the script lie."""
    folder = tmp_path_factory.mktemp("notebook")
    answered_sweep(seed=1).write(folder / "results" / "demo")
    answered_sweep(seed=2).search(seed=1).write(folder / "results" / "demo-again")
    return folder


@pytest.fixture(scope="module")
def ran(sweeps: Path) -> tuple[list[Any], dict[str, Any]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(sweeps)
        return run_cells(SCRIPT)


Ran = tuple[list[Any], dict[str, Any]]


def test_every_cell_shows_something(ran: Ran) -> None:
    shown, names = ran
    assert len(shown) == 10 and all(value is not None for value in shown)
    assert shown[0] is names["results"] and "<table" in shown[0]._repr_html_()
    assert shown[3] is names["answer"] and "<table" in shown[3]._repr_html_()


def test_the_front_is_that_of_the_sweep(ran: Ran, sweeps: Path) -> None:
    shown, _ = ran
    front = analysis.load(sweeps / "results" / "demo").front
    pd.testing.assert_frame_equal(shown[1], front[list(shown[1])])
    assert shown[1]["verdict"].isin(["certified", "likely", "not"]).all()
    assert shown[1]["front_probability"].between(0, 1).all()


def test_the_front_is_drawn(ran: Ran) -> None:
    figure = ran[0][2]
    assert isinstance(figure, Figure)
    labels = " ".join(axes.get_xlabel() + axes.get_ylabel() for axes in figure.axes).lower()
    assert "sparsity" in labels and "accuracy" in labels


def test_the_answer_is_the_most_accurate_that_is_sparse_enough(ran: Ran) -> None:
    _, names = ran
    records = names["results"].records
    sparse = records[(records["stage"] != "baseline") & (records["sparsity"] >= 0.8)]
    assert names["answer"].point["accuracy"] == sparse["accuracy"].max()


def test_the_pair_is_the_point_and_dense(ran: Ran) -> None:
    shown, names = ran
    point, paired, dense = names["point"], names["paired"], names["results"].baseline
    assert point is names["answer"].point
    assert paired.difference == pytest.approx(point["accuracy"] - dense["accuracy"])
    assert shown[4] == paired.text and point["trial_id"] in shown[4] and "McNemar" in shown[4]


def test_enough_is_the_first_moment_that_nearly_all_was_known(ran: Ran) -> None:
    shown, names = ran
    traces, first = names["traces"], shown[5]
    assert traces["hypervolume"].iloc[-1] == pytest.approx(names["results"].hypervolume)
    goal = 0.95 * names["results"].hypervolume
    before = traces["hypervolume"][traces["time"] < first["time"]]
    assert first["hypervolume"] >= goal and before.max() < goal


def test_every_evaluation_is_in_the_groups(ran: Ran) -> None:
    shown, names = ran
    assert shown[6]["count"].sum() == len(names["results"].records) - 1
    weighted = (shown[6]["mean"] * shown[6]["count"]).sum() / shown[6]["count"].sum()
    own = names["results"].records.query("stage != 'baseline'")["accuracy"]
    assert weighted == pytest.approx(own.mean())


def test_two_sweeps_are_compared(ran: Ran) -> None:
    table, differences, surface = ran[0][7:]
    results = ran[1]["both"].results
    assert table["hypervolume"].tolist() == [one.hypervolume for one in results]
    assert table["hypervolume_share"].max() == 1
    assert differences["setting"].tolist() == ["search.seed"]
    volume = hypervolume(np.asarray(surface), [0.1, 0.0], ["max", "max"])
    # Of two sweeps, half are one: what either attains.
    assert volume >= max(one.hypervolume for one in results) - 1e-12
