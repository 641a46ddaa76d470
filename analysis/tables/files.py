"""The tables as files: CSV for people and spreadsheets, Parquet for programs."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from analysis.results import Results
from analysis.tables.columns import text_columns
from sweep.ledger.files import write_whole

# A cell that starts with one of these is run as a formula by a spreadsheet.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_tables(results: Results, folder: str | Path) -> list[Path]:
    """Write ``trials``, ``records`` and ``front`` to ``folder``, as .csv and .parquet each.

    Once a confirmation has begun, ``confirmation``, too. Numbers in the CSV have all their digits:
    read back they are the same floats. In the CSV only, text that a spreadsheet would run as a
    formula gets an apostrophe in front, and carriage returns become newlines. Each file is replaced
    whole. Raises ``OSError`` where it cannot be written.
    """
    tables = {"trials": results.trials, "records": results.records, "front": results.front}
    if results.confirmation_state != "none":
        tables["confirmation"] = results.confirmation
    written = []
    for name, table in tables.items():
        written.append(write_csv(table, Path(folder) / f"{name}.csv"))
        written.append(write_parquet(table, Path(folder) / f"{name}.parquet"))
    return written


def write_csv(table: pd.DataFrame, path: Path) -> Path:
    """Write one table as UTF-8 CSV, missing values as empty cells."""
    safe = spreadsheet_safe(table)
    return write_whole(path, lambda part: safe.to_csv(part, index=False, lineterminator="\n"))


def write_parquet(table: pd.DataFrame, path: Path) -> Path:
    """Write one table as Parquet, with its types."""
    return write_whole(path, lambda part: table.to_parquet(part, index=False))


def spreadsheet_safe(table: pd.DataFrame) -> pd.DataFrame:
    """A copy in which no text cell would be run by a spreadsheet or break a row of a CSV file.

    Nor a column's name, which may be a sweep's.
    """
    safe = table.assign(**{name: table[name].map(_harmless) for name in text_columns(table)})
    return safe.rename(columns=_harmless)


def _harmless(cell: object) -> object:
    if not isinstance(cell, str):
        return cell
    safe = f"'{cell}" if cell.startswith(_FORMULA) else cell
    # A bare carriage return is written without quotes, and read as the end of the row.
    return safe.replace("\r\n", "\n").replace("\r", "\n")
