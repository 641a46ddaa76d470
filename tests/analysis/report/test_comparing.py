from __future__ import annotations

import re

import pytest

from analysis import Comparison
from analysis.report import markdown
from analysis.report.comparing import comparison_report
from tests.analysis.ledgers import CONFIG, LedgerBuilder, big_sweep, small_sweep


def report(*ledgers: LedgerBuilder) -> str:
    comparison = Comparison([ledger.load() for ledger in ledgers])
    return markdown.render(comparison_report(comparison, []))


def named(ledger: LedgerBuilder, name: str, **search: object) -> LedgerBuilder:
    return ledger.head(name=name, config={**CONFIG, "name": name}).search(**search)


def test_the_largest_hypervolume_is_named_with_its_cost() -> None:
    one, two = named(small_sweep(), "small"), named(big_sweep(), "big")
    text = report(one, two)
    small, big = one.load(), two.load()
    assert big.hypervolume is not None and small.hypervolume is not None
    assert f"**big: hypervolume {big.hypervolume:.4f}**" in text
    gain = big.hypervolume - small.hypervolume
    assert f"{gain:+.4f} to the next, small, for 4 epochs" in text
    rows = [line for line in text.splitlines() if line.startswith(("| small |", "| big |"))]
    assert len(rows) == 6, "cost, answer and failures of each"


def test_fronts_on_validation_are_unconfirmed() -> None:
    front = {("t00000", 2): {1: 788}, ("t00001", 1): {1: 600}, ("t00003", 1): {1: 610}}
    confirmed = named(small_sweep().confirm_round(front), "confirmed")
    text = report(confirmed, named(small_sweep(), "plain"))
    assert "## Answer (UNCONFIRMED)" in text and "The fronts of 1 of 2 sweeps" in text
    told = [line for line in text.splitlines() if "| test |" in line]
    assert len(told) == 1 and told[0].startswith("| confirmed |")
    assert "validation (unconfirmed)" in text
    again = named(small_sweep().confirm_round(front), "again")
    assert "UNCONFIRMED" not in report(confirmed, again)


def test_what_differs_in_their_configs() -> None:
    one, two = (
        named(small_sweep(), "one", sampler="tpe"),
        named(small_sweep(), "two", sampler="x|y"),
    )
    text = report(one, two)
    assert '| search.sampler | "tpe" | "x\\|y" |' in text
    assert "| search.trials |" not in text
    same = report(small_sweep(), small_sweep())
    assert "Their configs are the same." in same


def test_failures_are_counted() -> None:
    text = report(named(small_sweep(), "one"), named(big_sweep(8), "two"))
    assert "| one | 1 | 0 |" in text and "| two | 0 | 0 |" in text


def test_names_are_no_markup() -> None:
    text = report(named(small_sweep(), "<b>|x"), named(small_sweep(), "y"))
    assert "<b>" not in text and "&lt;b&gt;\\|x" in text


@pytest.mark.parametrize(
    ("ledgers", "said"),
    [
        ([LedgerBuilder(), LedgerBuilder()], "**2 sweeps**"),
        ([small_sweep()], "**1 sweep**"),
        ([small_sweep(), small_sweep(), small_sweep()], "**3 sweeps**"),
    ],
)
def test_any_sweeps(ledgers: list[LedgerBuilder], said: str) -> None:
    text = report(*ledgers)
    assert said in text and "## Answer" in text
    assert not re.search(r"\bnan\b", text.lower()), "but in the name of a folder"
