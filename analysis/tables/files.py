"""Writes the tables as CSV, for people and spreadsheets, and as Parquet, for programs."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from analysis.results import Results
from analysis.tables.columns import text_columns
from sweep.ledger.files import write_whole

# A spreadsheet runs a cell that starts with one of these as a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_tables(results: Results, folder: str | Path) -> list[Path]:
    """Write ``trials``, ``records`` and ``front`` to ``folder``, each as .csv and .parquet.

    ``confirmation`` is written too once a confirmation has begun. Numbers in the CSV have all their
    digits, so that reading them gives the same floats. In the CSV only, text that a spreadsheet
    would run as a formula starts with an apostrophe, and carriage returns become newlines. Each
    file is replaced atomically. Raises ``OSError`` if a file cannot be written.
    """
    tables = {"trials": results.trials, "records": results.records, "front": results.front}
    if results.confirmation_state != "none":
        tables["confirmation"] = results.confirmation
    folder = Path(folder)
    return [file for name, table in tables.items() for file in write_table(table, folder / name)]


def write_table(table: pd.DataFrame, stem: Path) -> list[Path]:
    """Write ``stem``.csv (UTF-8; missing values are empty cells) and ``stem``.parquet."""
    safe = table.assign(**{name: table[name].map(_harmless) for name in text_columns(table)})
    # Names of columns may be names of sweeps.
    safe = safe.rename(columns=_harmless)
    csv, parquet = stem.with_name(f"{stem.name}.csv"), stem.with_name(f"{stem.name}.parquet")
    write_whole(csv, lambda part: safe.to_csv(part, index=False, lineterminator="\n"))
    write_whole(parquet, lambda part: table.to_parquet(part, index=False))
    return [csv, parquet]


def _harmless(cell: object) -> object:
    if not isinstance(cell, str):
        return cell
    safe = f"'{cell}" if cell.startswith(_FORMULA) else cell
    # pandas writes a carriage return without quotes, and readers take it for the end of the row.
    return safe.replace("\r\n", "\n").replace("\r", "\n")
