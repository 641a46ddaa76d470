from __future__ import annotations

from analysis import Results
from analysis.report.document import Table
from analysis.report.points import MAX_ROWS, figures_table, settings_table
from tests.analysis.ledgers import LedgerBuilder, big_sweep, small_sweep


def column(table: Table, title: str) -> list[str]:
    place = [each.title for each in table.columns].index(title)
    return [row[place] for row in table.rows]


def titles(table: Table) -> list[str]:
    return [each.title for each in table.columns]


def test_the_front_relative_to_dense(small: Results) -> None:
    table = figures_table(small)
    assert column(table, "trial") == ["t00000", "t00001", "t00003"]
    assert column(table, "sparsity") == ["50.0 %", "80.0 %", "90.0 %"]
    assert column(table, "validation accuracy") == ["91.17 %", "74.54 %", "73.39 %"]
    assert column(table, "to dense (points)") == ["-0.57", "-17.20", "-18.35"]
    assert column(table, "within 1 point of dense")[1] == "not"
    assert "on validation" in table.caption and "Wilson" in table.caption


def test_test_figures_come_first_once_they_are_there() -> None:
    ledger = small_sweep().confirm_round({("t00000", 2): {1: 780, 2: 784}})
    table = figures_table(ledger.load())
    order = titles(table)
    assert order.index("test accuracy") < order.index("validation accuracy")
    assert column(table, "test accuracy") == ["89.68 %", "-", "-"]
    assert column(table, "validation accuracy")[0] == "91.17 %"
    assert "on test" in table.caption


def test_only_settings_that_differ_are_shown(small: Results) -> None:
    table = settings_table(small)
    assert {"method", "scope"} <= set(titles(table))
    assert not {"learning_rate", "sparsity", "finetune_epochs"} & set(titles(table))
    assert column(table, "method") == ["l1-norm", "random", "l1-norm"]
    assert column(table, "trial ended") == ["completed", "stopped", "running"]
    kinds = {each.title: each.kind for each in table.columns}
    assert kinds["method"] == "text" and kinds["size"] == "numeric"


def test_other_objectives_are_shown() -> None:
    ledger = LedgerBuilder(directions={"accuracy": "max", "loss": "min"}).baseline()
    ledger.trial("a").record("a", 0, 500, 0.5)
    assert column(figures_table(ledger.load()), "loss") == ["1.427"]


def test_a_long_front_is_thinned_out_with_a_note() -> None:
    points = {f"t{number}": (800 - number, number / 100) for number in range(100)}
    ledger = LedgerBuilder().baseline().points(**points)
    table = figures_table(ledger.load())
    assert len(table.rows) == MAX_ROWS
    assert column(table, "trial")[0] == "t0" and column(table, "trial")[-1] == "t99"
    assert f"{MAX_ROWS} of 100 points" in table.caption


def test_a_front_without_feasible_points_is_marked() -> None:
    ledger = big_sweep(8).search(constraints={"accuracy_drop": {"max": -1.0}})
    table = figures_table(ledger.load())
    assert set(column(table, "within constraints")) == {"no"}
