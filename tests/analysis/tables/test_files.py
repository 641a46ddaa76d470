from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
import pytest

from analysis import load
from analysis.tables.files import write_csv, write_tables
from sweep.ledger.files import write_whole
from tests.analysis.ledgers import LedgerBuilder, answered_sweep, big_sweep, small_sweep

TABLES = ("trials", "records", "front")


@pytest.mark.parametrize("ledger", [small_sweep(), big_sweep(), LedgerBuilder()])
def test_both_forms_hold_the_table(tmp_path: Path, ledger: LedgerBuilder) -> None:
    results = ledger.load()
    written = write_tables(results, tmp_path / "tables")
    names = {f"{name}.{form}" for name in TABLES for form in ("csv", "parquet")}
    assert {path.name for path in written} == names
    assert {path.name for path in (tmp_path / "tables").iterdir()} == names
    for name in TABLES:
        table = getattr(results, name)
        back = pd.read_parquet(tmp_path / "tables" / f"{name}.parquet")
        pd.testing.assert_frame_equal(back, table)
        csv_file = tmp_path / "tables" / f"{name}.csv"
        text = pd.read_csv(csv_file, dtype=table.dtypes.to_dict())
        pd.testing.assert_frame_equal(text, table, check_exact=True)


def test_cells_that_a_spreadsheet_would_run_are_text(tmp_path: Path) -> None:
    nasty = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "=a\rb", '=HYPERLINK("x")\nsecond, line']
    ledger = LedgerBuilder()
    for number, text in enumerate(nasty):
        ledger.trial(f"t{number}").end(f"t{number}", "failed", text)
    ledger.trial("ok").end("ok", "failed", "a - b = c")
    results = ledger.load()
    write_tables(results, tmp_path)
    with (tmp_path / "trials.csv").open(newline="", encoding="utf-8") as file:
        cells = [row["error"] for row in csv.DictReader(file)]
    assert cells == ["'" + text.replace("\r", "\n") for text in nasty] + ["a - b = c"]
    # Nothing is changed where no spreadsheet looks.
    assert results.trials["error"].tolist()[:-1] == nasty
    assert pd.read_parquet(tmp_path / "trials.parquet")["error"].tolist()[:-1] == nasty


def test_names_of_columns_are_no_formulas_either(tmp_path: Path) -> None:
    folders = [LedgerBuilder(name=f"=cmd|{n}", config={"a": n}).write(tmp_path / n) for n in "ab"]
    table = load(folders).config_differences
    write_csv(table, tmp_path / "table.csv")
    first, _ = (tmp_path / "table.csv").read_text().splitlines()
    assert first == "setting,'=cmd|a,'=cmd|b"
    assert list(table) == ["setting", "=cmd|a", "=cmd|b"]


def test_what_a_worker_says_of_itself_is_no_formula(tmp_path: Path) -> None:
    ledger = LedgerBuilder().baseline().trial("t", method="@m").record("t", 0, 9, 0.5)
    ledger.confirm_round({("t", 0): {1: 8}}, why="+why", worker="=1+1")
    write_tables(ledger.load(), tmp_path)
    for name, columns in {"front": ["param_method"], "confirmation": ["why", "worker"]}.items():
        (row,) = pd.read_csv(tmp_path / f"{name}.csv").to_dict("records")
        assert all(row[column].startswith("'") for column in columns)


def test_a_confirmation_is_a_table_of_its_own(tmp_path: Path) -> None:
    results = answered_sweep(3).confirm_round({("t00002", 1): {1: 600, 2: 610}}).load()
    write_tables(results, tmp_path)
    back = pd.read_parquet(tmp_path / "confirmation.parquet")
    pd.testing.assert_frame_equal(back, results.confirmation)
    text = pd.read_csv(tmp_path / "confirmation.csv", dtype=back.dtypes.to_dict())
    pd.testing.assert_frame_equal(text, back, check_exact=True)


def test_negative_numbers_stay_numbers(tmp_path: Path) -> None:
    ledger = LedgerBuilder().baseline().trial("a").record("a", 0, 850, 0.5)
    write_tables(ledger.load(), tmp_path)
    assert pd.read_csv(tmp_path / "front.csv")["accuracy_drop"].tolist()[0] < 0


def test_text_that_no_file_can_hold_is_replaced(tmp_path: Path) -> None:
    ledger = LedgerBuilder().trial("a").end("a", "failed", "half a \ud83d, é")
    results = ledger.load()
    write_tables(results, tmp_path)
    assert results.trials["error"].tolist() == ["half a ?, é"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "table.csv"
    target.write_text("old")

    def fail(part: Path) -> None:
        part.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_whole(target, fail)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]
