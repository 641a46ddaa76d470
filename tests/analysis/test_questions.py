"""Selecting points of a front: all within bounds, the best of them, or the nearest one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from analysis import Results
from analysis.questions import marked, most, points, why_none
from tests.analysis.ledgers import DENSE, EXAMPLES, LedgerBuilder, big_sweep

POINTS = (("a", 0, 0.3), ("b", 5, 0.6), ("c", 9, 0.8), ("d", 300, 0.9))


def four(on_test: Mapping[str, int] | None = None, count: int = 4) -> LedgerBuilder:
    """A front that bends at 0.8: drops of 0, 5, 9 and 300 examples of 872.

    ``on_test``: how many test examples each point gets right, where it is confirmed.
    """
    points = {name: (DENSE - drop, sparsity) for name, drop, sparsity in POINTS[:count]}
    ledger = LedgerBuilder().baseline().points(**points)
    if on_test:
        ledger.confirm_round({(name, 0): {21: right} for name, right in on_test.items()})
    return ledger


@pytest.fixture(scope="module")
def results() -> Results:
    return four().load()


def named(row: Any) -> str | None:
    return None if row is None else str(row["trial_id"])


@pytest.mark.parametrize(
    ("asked", "within", "best"),  # points within the bounds; then best, runner-up and nearest
    [
        ({}, "abcd", ("a", "b", None)),
        ({"min_sparsity": 0.6}, "bcd", ("b", "c", None)),
        ({"min_sparsity": 0.601}, "cd", ("c", "d", None)),
        ({"min_sparsity": 0.85}, "d", ("d", None, None)),
        ({"min_sparsity": 0.95}, "", (None, None, "d")),
        ({"max_drop": 0.01}, "ab", ("b", "a", None)),
        ({"max_drop": 9 / EXAMPLES}, "abc", ("c", "b", None)),
        ({"max_drop": 0}, "a", ("a", None, None)),
        ({"max_drop": -0.1}, "", (None, None, "a")),
        ({"max_drop": 0.02, "min_sparsity": 0.5}, "bc", ("c", "b", None)),
        # c is not sparse enough by 0.02; d is worse than allowed by 0.32.
        ({"max_drop": 0.02, "min_sparsity": 0.82}, "", (None, None, "c")),
        ({"max_size_bytes": 4 * 12_000}, None, ("c", "d", None)),
        ({"max_size_bytes": 100}, None, (None, None, "d")),
        ({"knee": True}, "c", None),
        ({"knee": True, "max_drop": 0.001}, "", None),
    ],
)
def test_all_points_within_bounds_and_the_best_of_them(
    results: Results, asked: dict[str, Any], within: str | None, best: tuple[str | None, ...] | None
) -> None:
    """The knee is a question about all points, and a size one about the best point."""
    if within is not None:
        found = points(results, **asked)
        assert "".join(found["trial_id"]) == within
        assert list(found) == list(results.front)
        assert found.index.tolist() == list(range(len(within)))
    if best is not None:
        answer = results.best(**asked)
        assert tuple(map(named, (answer.point, answer.runner_up, answer.nearest))) == best


def test_the_knee_of_a_confirmed_front_is_that_on_test() -> None:
    # c was lucky on validation: d dominates it on test.
    ledger = four({"a": DENSE, "b": DENSE - 5, "c": DENSE - 600, "d": DENSE - 300})
    assert points(ledger.load(), knee=True)["trial_id"].tolist() == ["b"]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (
            {"min_sparsity": 0.95},
            "no point of the front is within the bounds. The nearest point is",
        ),
        ({"max_drop": -0.1}, "at most -10 points below dense: no point of the front is within"),
        ({"knee": True, "max_drop": 0.001}, "the knee is outside the bounds: c after epoch 0, 80."),
    ],
)
def test_without_an_answer_the_reason_names_the_nearest_point(
    results: Results, asked: dict[str, float], words: str
) -> None:
    assert points(results, **asked).empty
    assert words in why_none(results, **asked)


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "the front has no point yet"), (2, "the front of 2 points has no knee")],
)
def test_a_front_without_a_knee_gives_the_reason(count: int, words: str) -> None:
    results = four(count=count).load()
    assert points(results, knee=True, min_sparsity=0.1).empty
    assert words in why_none(results, knee=True)


def test_a_drop_of_one_point_is_within_a_bound_of_one_point() -> None:
    ledger = LedgerBuilder().baseline().trial("a")
    ledger.record("a", 0, 780, 0.5, accuracy=0.89, accuracy_drop=0.9 - 0.89)
    assert len(points(ledger.load(), max_drop=0.01)) == 1


def test_the_most_of_a_column(results: Results) -> None:
    assert named(most(points(results, max_drop=0.02), "sparsity")) == "c"
    assert most(results.front.iloc[:0], "sparsity") is None
    assert most(results.front, "test_accuracy") is None


def test_the_least_size_within_a_drop(results: Results) -> None:
    answer = results.least_size(max_drop=0.02)
    assert (named(answer.point), named(answer.runner_up)) == ("c", "b")
    assert results.least_size(max_drop=-0.5).point is None


@pytest.mark.parametrize("seed", range(4))
def test_no_other_point_within_the_bounds_is_better_than_the_best(seed: int) -> None:
    results = big_sweep(40, seed).load()
    for least in (0.3, 0.6, 0.9):
        answer = results.best(min_sparsity=least)
        within = results.front[results.front["sparsity"] >= least]
        if answer.point is None:
            assert within.empty
        else:
            assert answer.point["accuracy"] == within["accuracy"].max()


def test_the_text_has_the_question_and_the_split(results: Results) -> None:
    text = results.best(max_drop=0.01, min_sparsity=0.5).text
    asked = "The sparsest point with at least 50 % sparsity and at most 1 points below dense: "
    assert text.startswith(f"{asked}b after epoch 0, 60.0 % sparsity at 91.17 % accuracy")
    assert "on validation, unconfirmed" in text and "0.57 points below dense" in text
    none = results.best(min_sparsity=0.95)
    assert "no point of the front is within the bounds. The nearest point is d after" in none.text
    assert "Runner-up: c after epoch 0" in results.best(min_sparsity=0.6).text
    assert repr(none) == f"<Answer: {none.text}>"


def test_a_confirmed_front_answers_on_test() -> None:
    """On test, b is worse than c, and c is within one point of dense by its figure alone."""
    results = four({"a": 795, "b": 760, "c": 785, "d": 480}).load()
    assert named(results.best(min_sparsity=0.5).point) == "c"
    answer = results.best(max_drop=0.01)
    assert named(answer.by_figure) == "c" and "(on test; 95 % interval" in answer.text
    assert named(results.least_size(max_drop=0.01).by_figure) == "c"
    assert points(results, max_drop=0.01)["trial_id"].tolist() == ["a", "c"]
    assert "(on test; 95 % interval" in why_none(results, min_sparsity=0.95)


@pytest.mark.parametrize(
    ("on_test", "certain", "answer", "by_figure"),
    [
        ({"a": 795, "b": 788, "c": 785, "d": 480}, "ab", "b", "c"),
        ({"a": 795, "b": 788, "c": 790, "d": 480}, "abc", "c", "c"),
        # c alone would be certain, but the denser b is not: the order was fixed before test.
        ({"a": 795, "b": 760, "c": 790, "d": 480}, "a", "a", "c"),
        ({"a": 782, "b": 782, "c": 785, "d": 480}, "", "c", "c"),
    ],
)
def test_a_drop_on_test_is_answered_with_the_sparsest_point_that_is_certain(
    on_test: dict[str, int], certain: str, answer: str, by_figure: str
) -> None:
    results = four(on_test).load()
    for found in (results.best(max_drop=0.01), results.least_size(max_drop=0.01)):
        assert (named(found.point), named(found.by_figure)) == (answer, by_figure)
        assert found.certain == bool(certain)
        assert found.text.endswith(found.note)
        assert ("optimistic" in found.note) == (not certain or answer != by_figure)
        assert ("No such point is certain" in found.note) == (not certain)
    assert results.front["verdict"].eq("certified").tolist() == [n in certain for n in "abcd"]
    table = marked(results, None, 0.01)
    assert table["trial_id"].tolist() == points(results, max_drop=0.01)["trial_id"].tolist()
    assert "".join(table["trial_id"][table["certain"]]) == certain
    by_bound = table["trial_id"][table["answer_by_bound"]].tolist()
    assert by_bound == ([answer] if certain else [])
    assert table["trial_id"][table["answer_by_figure"]].tolist() == [by_figure]
    # A larger bound holds where its own points do; the least sparsity does not begin a new order.
    if certain == "a":
        assert named(results.best(max_drop=0.1).point) == "c"
        assert not results.best(max_drop=0.01, min_sparsity=0.5).certain


def test_on_validation_and_while_a_round_runs_nothing_is_certain() -> None:
    ledger = four()
    even = {(name, 0): {21: DENSE} for name, *_ in POINTS}
    assert not ledger.load().best(max_drop=0.01).certain
    running = ledger.confirm_round(even, dense=DENSE, finish=False).load()
    assert running.confirmed and not running.best(max_drop=0.01).certain
    assert running.front["test_drop_high"].isna().all()
    ended = ledger.add("confirm_finish", confirm=0).load()
    assert named(ended.best(max_drop=0.01).point) == "d" and ended.best(max_drop=0.01).certain
    points = [{"trial_id": name, "epoch": 0, "why": "front"} for name, *_ in POINTS]
    ledger.add("confirm", confirm=1, points=points, seeds=[21, 22])
    ledger.add("confirm_end", trial_id="b", seed=22, status="failed", error="diverged")
    ledger.add("confirm_finish", confirm=1)
    assert named(ledger.load().best(max_drop=0.01).point) == "a"  # the mean of b lacks a seed


def test_the_nearest_is_feasible() -> None:
    results = four().search(constraints={"accuracy_drop": {"max": 0.1}}).load()
    assert named(results.best(min_sparsity=0.95).nearest) == "c"


def test_an_empty_front_has_no_answer() -> None:
    answer = LedgerBuilder().load().best(min_sparsity=0.5)
    assert answer.point is None and answer.nearest is None
    assert answer.text.endswith("the front has no point yet.")


def test_without_a_dense_model_no_drop_is_known() -> None:
    ledger = LedgerBuilder().trial("a").record("a", 0, 700, 0.5, accuracy_drop=None)
    answer = ledger.load().best(max_drop=0.5)
    assert answer.point is None and answer.nearest is None


@pytest.mark.parametrize(
    "asked", [{"min_sparsity": 80}, {"min_sparsity": float("nan")}, {"max_drop": 5}]
)
def test_bounds_outside_their_range_are_refused(results: Results, asked: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be from"):
        points(results, **asked)
    with pytest.raises(ValueError, match="must be from"):
        results.best(**asked)
    with pytest.raises(ValueError, match="max_size_bytes must be from"):
        results.best(max_size_bytes=0)
