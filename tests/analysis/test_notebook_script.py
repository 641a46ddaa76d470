"""docs/notebook.py runs cell by cell, as in Jupyter, and shows the values of the tables."""

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
    """The value of the last line of each cell (or None), and the names that remain."""
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


Ran = tuple[list[Any], dict[str, Any]]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The script, run in a folder with its two sweeps."""
    folder = tmp_path_factory.mktemp("notebook")
    answered_sweep(seed=1).write(folder / "results" / "demo")
    answered_sweep(seed=2).search(seed=1).write(folder / "results" / "demo-again")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return run_cells(SCRIPT)


def test_every_cell_shows_its_result(ran: Ran) -> None:
    shown, names = ran
    results, answer, point = (names[name] for name in ("results", "answer", "point"))
    assert len(shown) == 10 and all(value is not None for value in shown)
    assert shown[0] is results and "<table" in shown[0]._repr_html_()
    pd.testing.assert_frame_equal(shown[1], results.front[list(shown[1])])
    assert isinstance(shown[2], Figure)
    assert shown[3] is answer and "<table" in shown[3]._repr_html_()
    assert point is answer.point and point["sparsity"] >= 0.8
    assert shown[4].startswith("On 872 validation examples " + point["trial_id"])


def test_enough_is_the_first_time_with_nearly_the_whole_hypervolume(ran: Ran) -> None:
    shown, names = ran
    traces, first = names["traces"], shown[5]
    goal = 0.95 * names["results"].hypervolume
    before = traces["hypervolume"][traces["time"] < first["time"]]
    assert first["hypervolume"] >= goal and before.max() < goal


def test_every_evaluation_is_in_the_groups(ran: Ran) -> None:
    shown, names = ran
    weighted = (shown[6]["mean"] * shown[6]["count"]).sum() / shown[6]["count"].sum()
    own = names["results"].records.query("stage != 'baseline'")["accuracy"]
    assert shown[6]["count"].sum() == len(own) and weighted == pytest.approx(own.mean())


def test_two_sweeps_are_compared(ran: Ran) -> None:
    table, differences, surface = ran[0][7:]
    volumes = [one.hypervolume for one in ran[1]["both"].results]
    assert table["hypervolume"].tolist() == volumes
    assert differences["setting"].tolist() == ["search.seed"]
    # Half of two sweeps is one of them: what either attains.
    volume = hypervolume(np.asarray(surface), [0.1, 0.0], ["max", "max"])
    assert volume >= max(volumes) - 1e-12
