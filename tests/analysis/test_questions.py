from __future__ import annotations

from pathlib import Path

import pytest

from analysis import Results, load
from analysis.questions import least, most, points, why_none
from tests.analysis.ledgers import DENSE, EXAMPLES, LedgerBuilder


@pytest.fixture
def results(tmp_path: Path) -> Results:
    """A front that bends at 0.8: drops of 0, 5, 9 and 300 examples of 872."""
    ledger = LedgerBuilder().baseline()
    for name, drop, sparsity in (("a", 0, 0.3), ("b", 5, 0.6), ("c", 9, 0.8), ("d", 300, 0.9)):
        ledger.trial(name).record(name, 0, DENSE - drop, sparsity)
    return load(ledger.write(tmp_path))


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({}, "abcd"),
        ({"min_sparsity": 0.6}, "bcd"),
        ({"min_sparsity": 0.601}, "cd"),
        ({"max_drop": 0.01}, "ab"),
        ({"max_drop": 9 / EXAMPLES}, "abc"),
        ({"max_drop": 0}, "a"),
        ({"min_sparsity": 0.5, "max_drop": 0.02}, "bc"),
        ({"min_sparsity": 0.9, "max_drop": 0.02}, ""),
        ({"knee": True}, "c"),
        ({"knee": True, "max_drop": 0.001}, ""),
        ({"max_drop": -0.1}, ""),
    ],
)
def test_points_satisfy_all_that_is_asked(
    results: Results, asked: dict[str, float], names: str
) -> None:
    found = points(results, **asked)  # type: ignore[arg-type]
    assert "".join(found["trial_id"]) == names
    assert list(found) == list(results.front)
    assert found.index.tolist() == list(range(len(names)))


def test_the_knee_of_a_confirmed_front_is_that_on_test(tmp_path: Path) -> None:
    ledger = LedgerBuilder().baseline()
    for name, drop, sparsity in (("a", 0, 0.3), ("b", 5, 0.6), ("c", 9, 0.8), ("d", 300, 0.9)):
        ledger.trial(name).record(name, 0, DENSE - drop, sparsity)
    on_test = {"a": 0, "b": 5, "c": 600, "d": 300}  # c was lucky: there d beats it
    ledger.confirm_round({(name, 0): {1: DENSE - drop} for name, drop in on_test.items()})
    assert points(load(ledger.write(tmp_path)), knee=True)["trial_id"].tolist() == ["b"]


def test_the_drop_of_a_confirmed_front_is_that_on_test(tmp_path: Path) -> None:
    """As in ``Results.best``: b was lucky on validation."""
    ledger = LedgerBuilder().baseline()
    for name, drop, sparsity in (("a", 0, 0.3), ("b", 5, 0.6), ("c", 9, 0.8)):
        ledger.trial(name).record(name, 0, DENSE - drop, sparsity)
    on_test = {"a": 795, "b": 760, "c": 785}
    ledger.confirm_round({(name, 0): {21: right} for name, right in on_test.items()})
    results = load(ledger.write(tmp_path))
    assert points(results, max_drop=0.01)["trial_id"].tolist() == ["a", "c"]
    assert "(on test; 95 % interval" in why_none(results, min_sparsity=0.9)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"min_sparsity": 0.95}, "no point of the front satisfies that. The nearest is d after"),
        ({"max_drop": -0.1}, "at most -10 points below dense: no point of the front satisfies"),
        ({"knee": True, "max_drop": 0.001}, "the knee is beyond that: c after epoch 0, 80.0 %"),
    ],
)
def test_where_nothing_answers_the_reason_names_what_comes_nearest(
    results: Results, asked: dict[str, float], words: str
) -> None:
    assert points(results, **asked).empty  # type: ignore[arg-type]
    assert words in why_none(results, **asked)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "the front has no point yet"), (2, "the front of 2 points has no knee")],
)
def test_a_front_that_cannot_bend_says_so(tmp_path: Path, count: int, words: str) -> None:
    ledger = LedgerBuilder().baseline()
    for name, drop, sparsity in (("a", 0, 0.3), ("b", 5, 0.6))[:count]:
        ledger.trial(name).record(name, 0, DENSE - drop, sparsity)
    assert words in why_none(load(ledger.write(tmp_path)), knee=True)


def test_a_drop_of_a_point_is_a_drop_of_a_point(tmp_path: Path) -> None:
    ledger = LedgerBuilder().baseline().trial("a")
    ledger.record("a", 0, 780, 0.5, accuracy=0.89, accuracy_drop=0.9 - 0.89)
    assert len(points(load(ledger.write(tmp_path)), max_drop=0.01)) == 1


def test_a_front_without_a_bend_has_no_knee(tmp_path: Path) -> None:
    results = load(LedgerBuilder().baseline().write(tmp_path))
    assert points(results, knee=True, min_sparsity=0.1).empty


@pytest.mark.parametrize(
    "asked", [{"min_sparsity": float("nan")}, {"min_sparsity": 80}, {"max_drop": 5}]
)
def test_bounds_outside_their_range_are_refused(results: Results, asked: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be from"):
        points(results, **asked)  # type: ignore[arg-type]


def test_most_and_least(results: Results) -> None:
    sparsest = most(points(results, max_drop=0.02), "sparsity")
    smallest = least(points(results, max_drop=0.02), "size_bytes")
    assert sparsest is not None and smallest is not None
    assert sparsest["trial_id"] == smallest["trial_id"] == "c"
    assert most(results.front.iloc[:0], "sparsity") is None
    assert most(results.front, "test_accuracy") is None
