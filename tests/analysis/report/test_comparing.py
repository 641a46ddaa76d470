from __future__ import annotations

from pathlib import Path

import pytest

from analysis import load
from analysis.report import markdown
from analysis.report.comparing import comparison_report
from tests.analysis.ledgers import CONFIG, LedgerBuilder, big_sweep, small_sweep


def report(folder: Path, **ledgers: LedgerBuilder) -> str:
    folders = [ledger.write(folder / name) for name, ledger in ledgers.items()]
    return markdown.render(comparison_report(load(folders), []))


def named(ledger: LedgerBuilder, name: str, **search: object) -> LedgerBuilder:
    return ledger.head(name=name, config={**CONFIG, "name": name}).search(**search)


def test_who_covers_most_and_at_which_cost(tmp_path: Path) -> None:
    one, two = named(small_sweep(), "small"), named(big_sweep(), "big")
    text = report(tmp_path, one=one, two=two)
    big, small = load(tmp_path / "two"), load(tmp_path / "one")
    assert big.hypervolume is not None and small.hypervolume is not None
    assert f"**big: hypervolume {big.hypervolume:.4f}**" in text
    gain = big.hypervolume - small.hypervolume
    assert f"{gain:+.4f} to the next, small, for 4 epochs" in text
    rows = [line for line in text.splitlines() if line.startswith(("| small |", "| big |"))]
    assert len(rows) == 6, "cost, answer and failures of each"


def test_fronts_on_validation_are_unconfirmed(tmp_path: Path) -> None:
    front = {("t00000", 2): {1: 788}, ("t00001", 1): {1: 600}, ("t00003", 1): {1: 610}}
    confirmed = named(small_sweep().confirm_round(front), "confirmed")
    text = report(tmp_path, one=confirmed, two=named(small_sweep(), "plain"))
    assert "## Answer (UNCONFIRMED)" in text and "Of 1 of 2 sweeps" in text
    told = [line for line in text.splitlines() if "| test |" in line]
    assert len(told) == 1 and told[0].startswith("| confirmed |")
    assert "validation (unconfirmed)" in text
    again = named(small_sweep().confirm_round(front), "again")
    assert "UNCONFIRMED" not in report(tmp_path / "2", one=confirmed, two=again)


def test_what_differs_in_their_configs(tmp_path: Path) -> None:
    one, two = (
        named(small_sweep(), "one", sampler="tpe"),
        named(small_sweep(), "two", sampler="x|y"),
    )
    text = report(tmp_path, one=one, two=two)
    assert '| search.sampler | "tpe" | "x\\|y" |' in text
    assert "| search.trials |" not in text
    same = report(tmp_path / "same", one=small_sweep(), two=small_sweep())
    assert "Their configs are the same." in same


def test_failures_are_counted(tmp_path: Path) -> None:
    text = report(tmp_path, one=named(small_sweep(), "one"), two=named(big_sweep(8), "two"))
    assert "| one | 1 | 0 | 0 |" in text and "| two | 0 | 0 | 0 |" in text


def test_sweeps_without_a_front(tmp_path: Path) -> None:
    text = report(tmp_path, one=LedgerBuilder(), two=LedgerBuilder())
    assert "## Answer" in text and "nan" not in text.lower()


def test_names_are_no_markup(tmp_path: Path) -> None:
    text = report(tmp_path, one=named(small_sweep(), "<b>|x"), two=named(small_sweep(), "y"))
    assert "<b>" not in text and "&lt;b&gt;\\|x" in text


@pytest.mark.parametrize("count", [1, 3])
def test_any_number_of_sweeps(tmp_path: Path, count: int) -> None:
    text = report(tmp_path, **{f"s{n}": named(small_sweep(), f"s{n}") for n in range(count)})
    assert f"**{count} sweep" in text
