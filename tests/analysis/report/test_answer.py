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


CERTAIN = "The sparsest point that is certain at 95 % to be within 1 point of dense is **"


@pytest.mark.parametrize(
    ("b", "c", "words"),
    [
        (788, 790, (f"{CERTAIN}80.0 %", "This holds after the choice among the points of the")),
        (788, 785, (f"{CERTAIN}60.0 %", "By its figure alone the answer would be **80.0 %")),
        (780, 785, (f"{CERTAIN}30.0 %", "By its figure alone the answer would be **80.0 %")),
    ],
)
def test_a_confirmed_answer_is_certain_after_the_choice(
    b: int, c: int, words: tuple[str, ...]
) -> None:
    ledger = LedgerBuilder().baseline().points(a=(800, 0.3), b=(795, 0.6), c=(791, 0.8))
    on_test = {("a", 0): {1: 795}, ("b", 0): {1: b}, ("c", 0): {1: c}}
    text = answer(ledger.confirm_round(on_test))
    assert all(one in text for one in words) and "(by its estimate)" not in text
    assert ("optimistic" in text) == (c == 785)


def test_without_a_certain_point_the_answer_goes_by_its_figure() -> None:
    ledger = LedgerBuilder().baseline().points(a=(800, 0.3), b=(795, 0.6))
    text = answer(ledger.confirm_round({("a", 0): {1: 783}, ("b", 0): {1: 784}}))
    assert "The sparsest point within 1 point of dense by its figure on test is **60.0 %" in text
    assert "No point is certain at 95 % to be that near." in text and "optimistic" in text


@pytest.mark.parametrize("word", ["certified", "certain at"])
def test_on_validation_nothing_is_certain(answered: Results, word: str) -> None:
    text = markdown.section(section(answered))
    assert word not in text and "Nothing is certain on validation" in text


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
