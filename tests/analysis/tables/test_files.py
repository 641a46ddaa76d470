from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
import pytest

from analysis import Comparison
from analysis.tables.files import write_table, write_tables
from sweep.ledger.files import write_whole
from tests.analysis.ledgers import LedgerBuilder, answered_sweep, big_sweep, small_sweep

LEDGERS = {
    "small": small_sweep(),
    "big": big_sweep(),
    "empty": LedgerBuilder(),
    "confirmed": answered_sweep(3).confirm_round({("t00002", 1): {1: 600, 2: 610}}),
}


@pytest.mark.parametrize("name", LEDGERS)
def test_csv_and_parquet_have_the_same_table(tmp_path: Path, name: str) -> None:
    """A confirmation has a table of its own."""
    results, tables = LEDGERS[name].load(), ["trials", "records", "front"]
    tables += ["confirmation"] if name == "confirmed" else []
    written = write_tables(results, tmp_path)
    assert {path.name for path in written} == {path.name for path in tmp_path.iterdir()}
    assert {path.stem for path in written} == set(tables)
    for name in tables:
        table = getattr(results, name)
        pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / f"{name}.parquet"), table)
        text = pd.read_csv(tmp_path / f"{name}.csv", dtype=table.dtypes.to_dict())
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
    # Only the CSV is changed.
    assert results.trials["error"].tolist()[:-1] == nasty
    assert pd.read_parquet(tmp_path / "trials.parquet")["error"].tolist()[:-1] == nasty


def test_names_of_columns_are_no_formulas(tmp_path: Path) -> None:
    sweeps = [LedgerBuilder(name=f"=cmd|{n}", config={"a": n}).load() for n in "ab"]
    table = Comparison(sweeps).config_differences
    write_table(table, tmp_path / "table")
    first, _ = (tmp_path / "table.csv").read_text().splitlines()
    assert first == "setting,'=cmd|a,'=cmd|b"
    assert list(table) == ["setting", "=cmd|a", "=cmd|b"]


def test_text_of_a_worker_is_no_formula(tmp_path: Path) -> None:
    ledger = LedgerBuilder().baseline().trial("t", method="@m").record("t", 0, 9, 0.5)
    ledger.confirm_round({("t", 0): {1: 8}}, why="+why", worker="=1+1")
    write_tables(ledger.load(), tmp_path)
    for name, columns in {"front": ["param_method"], "confirmation": ["why", "worker"]}.items():
        (row,) = pd.read_csv(tmp_path / f"{name}.csv").to_dict("records")
        assert all(row[column].startswith("'") for column in columns)


def test_negative_numbers_stay_numbers(tmp_path: Path) -> None:
    ledger = LedgerBuilder().baseline().trial("a").record("a", 0, 850, 0.5)
    write_tables(ledger.load(), tmp_path)
    assert pd.read_csv(tmp_path / "front.csv")["accuracy_drop"].tolist()[0] < 0


def test_text_that_cannot_be_encoded_is_replaced(tmp_path: Path) -> None:
    ledger = LedgerBuilder().trial("a").end("a", "failed", "half a \ud83d, é")
    results = ledger.load()
    write_tables(results, tmp_path)
    assert results.trials["error"].tolist() == ["half a ?, é"]


def test_a_failed_write_keeps_the_old_file_and_no_other(tmp_path: Path) -> None:
    target = tmp_path / "table.csv"
    target.write_text("old")

    def fail(part: Path) -> None:
        part.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_whole(target, fail)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]
