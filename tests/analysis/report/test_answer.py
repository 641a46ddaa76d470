from __future__ import annotations

import pytest

from analysis import Results
from analysis.report import markdown
from analysis.report.answer import section, standing
from tests.analysis.ledgers import EXAMPLES, LedgerBuilder, small_sweep


def answer(ledger: LedgerBuilder) -> str:
    return markdown.section(section(ledger.load()))


@pytest.mark.parametrize(
    ("ledger", "told"),
    [
        (small_sweep(), "4 trials (1 completed, 1 stopped, 1 failed, 1 running)."),
        (LedgerBuilder().baseline().trial("a"), "1 trial of 4 (1 running)."),
    ],
)
def test_the_state_of_the_sweep_is_given_with_counts(ledger: LedgerBuilder, told: str) -> None:
    text = markdown.inline(standing(ledger.load()))
    assert text == f"The sweep is **running**: {told}"


def test_validation_figures_are_marked_unconfirmed() -> None:
    """The answer is the sparsest point near dense."""
    text = answer(small_sweep())
    assert text.startswith("## Answer (UNCONFIRMED)\n")
    assert "> **UNCONFIRMED.**" in text and "They are not a result." in text
    assert "**50.0 % sparsity at 91.17 % validation accuracy**" in text
    assert "0.57 points below dense" in text and "no clear knee" in text
    assert "test accuracy" not in text


def test_a_confirmed_front_leads_with_test() -> None:
    front = [("t00000", 2), ("t00001", 1), ("t00003", 1)]
    right = {front[0]: {1: 789, 2: 785}, front[1]: {1: 600}, front[2]: {1: 620}}
    text = answer(small_sweep().confirm_round(right))
    assert text.startswith("## Answer\n") and "CONFIRMED" not in text
    mean = 100 * (789 + 785) / 2 / EXAMPLES
    assert f"**50.0 % sparsity at {mean:.2f} % test accuracy**" in text
    assert "0.34 points below dense" in text and "2 seeds" in text


def test_a_partly_confirmed_front_gives_the_number_of_missing_points() -> None:
    text = answer(small_sweep().confirm_round({("t00000", 2): {1: 789}}))
    assert text.startswith("## Answer (PARTLY CONFIRMED)\n")
    assert "> **PARTLY CONFIRMED.** 2 of 3 points of the front have no test figures" in text
    assert "test accuracy**" in text


def test_a_certified_point_other_than_the_answer_is_named(answered: Results) -> None:
    text = markdown.section(section(answered))
    sure = answered.front[answered.front["verdict"].eq("certified")]
    near = answered.front[answered.front["accuracy_drop"] <= 0.01 + 1e-9]
    if sure.empty:
        assert "No point is certain to be that near" in text
    elif sure["sparsity"].max() == near["sparsity"].max():
        assert "This is certain at 95 %." in text
    else:
        assert "The sparsest point for which this is certain at 95 % is **" in text


def test_a_knee_that_is_the_answer_is_described_once() -> None:
    ledger = LedgerBuilder().baseline().points(a=(805, 0.1), b=(795, 0.8), c=(400, 0.9))
    text = answer(ledger)
    assert "bends most at the first of these" in text and text.count("**80.0 % sparsity") == 1


def one_point(**figures: object) -> LedgerBuilder:
    ledger = LedgerBuilder(directions={"loss": "min", "sparsity": "max"})
    return ledger.trial("a").record("a", 0, 500, 0.5, **figures)


@pytest.mark.parametrize(
    ("ledger", "say"),
    [
        (LedgerBuilder(), "There is no front: the sweep has no trials yet."),
        (LedgerBuilder().baseline(), "There is no front: the sweep has no trials yet."),
        (
            LedgerBuilder().trial("a"),
            "There is no front: the sweep has no finished evaluation yet.",
        ),
        (
            one_point(accuracy=None, accuracy_drop=None),
            "No point of the front has a known accuracy.",
        ),
        (one_point(accuracy_drop=None), "there is no dense baseline yet."),
        (
            one_point(),
            "No point is within 1 point of dense; the one with the highest accuracy is ",
        ),
    ],
)
def test_a_missing_answer_has_its_reason(ledger: LedgerBuilder, say: str) -> None:
    text = answer(ledger)
    assert say in text
    assert ("UNCONFIRMED" in text) == ("no front" not in text)


def test_the_basis_of_probabilities_is_given(big: Results) -> None:
    assert big.basis.text in str(section(big).blocks[-1])
