from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from analysis import Results, load
from tests.analysis.ledgers import DENSE, EXAMPLES, LedgerBuilder, big_sweep

POINTS = (("a", 0, 0.3), ("b", 5, 0.6), ("c", 9, 0.8), ("d", 300, 0.9))


def four() -> LedgerBuilder:
    """A front of drops of 0, 5, 9 and 300 examples of 872."""
    ledger = LedgerBuilder().baseline()
    for name, drop, sparsity in POINTS:
        ledger.trial(name).record(name, 0, DENSE - drop, sparsity)
    return ledger


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return load(four().write(tmp_path))


def named(row: Any) -> str | None:
    return None if row is None else str(row["trial_id"])


@pytest.mark.parametrize(
    ("asked", "point", "runner_up", "nearest"),
    [
        ({}, "a", "b", None),
        ({"min_sparsity": 0.6}, "b", "c", None),
        ({"min_sparsity": 0.85}, "d", None, None),
        ({"min_sparsity": 0.95}, None, None, "d"),
        ({"max_drop": 0.01}, "b", "a", None),
        ({"max_drop": 9 / EXAMPLES}, "c", "b", None),
        ({"max_drop": -0.1}, None, None, "a"),
        ({"max_size_bytes": 4 * 12_000}, "c", "d", None),
        ({"max_size_bytes": 100}, None, None, "d"),
        ({"max_drop": 0.02, "min_sparsity": 0.5}, "c", "b", None),
        # 0.02 too dense, or 0.32 below dense too far.
        ({"max_drop": 0.02, "min_sparsity": 0.82}, None, None, "c"),
    ],
)
def test_the_best_point(
    results: Results, asked: dict[str, float], point: str, runner_up: str, nearest: str
) -> None:
    answer = results.best(**asked)
    found = (named(answer.point), named(answer.runner_up), named(answer.nearest))
    assert found == (point, runner_up, nearest)


def test_the_least_size_within_a_drop(results: Results) -> None:
    answer = results.least_size(max_drop=0.02)
    assert (named(answer.point), named(answer.runner_up)) == ("c", "b")
    assert results.least_size(max_drop=-0.5).point is None


@pytest.mark.parametrize("seed", range(4))
def test_the_best_is_what_no_other_point_within_beats(tmp_path: Path, seed: int) -> None:
    results = load(big_sweep(40, seed).write(tmp_path))
    for least in (0.3, 0.6, 0.9):
        answer = results.best(min_sparsity=least)
        within = results.front[results.front["sparsity"] >= least]
        if answer.point is None:
            assert within.empty
        else:
            assert answer.point["accuracy"] == within["accuracy"].max()


def test_the_text_says_what_was_asked_and_what_it_rests_on(results: Results) -> None:
    text = results.best(max_drop=0.01, min_sparsity=0.5).text
    asked = "The sparsest point with at least 50 % sparsity and at most 1 points below dense: "
    assert text.startswith(f"{asked}b after epoch 0, 60.0 % sparsity at 91.17 % accuracy")
    assert "on validation, unconfirmed" in text and "0.57 points below dense" in text
    none = results.best(min_sparsity=0.95)
    assert "no point of the front satisfies that. The nearest is d after" in none.text
    assert "Runner-up: c after epoch 0" in results.best(min_sparsity=0.6).text
    assert repr(none) == f"<Answer: {none.text}>"


def test_a_confirmed_front_answers_on_test(tmp_path: Path) -> None:
    """On test b falls behind c, and c within a point of dense."""
    counts = {"a": 795, "b": 760, "c": 785, "d": 480}
    ledger = four().confirm_round({(name, 0): {21: right} for name, right in counts.items()})
    results = load(ledger.write(tmp_path))
    assert named(results.best(min_sparsity=0.5).point) == "c"
    answer = results.best(max_drop=0.01)
    assert named(answer.point) == "c" and "(on test; 95 % interval" in answer.text
    assert named(results.least_size(max_drop=0.01).point) == "c"


def test_the_nearest_is_feasible(tmp_path: Path) -> None:
    ledger = four()
    search = {"constraints": {"accuracy_drop": {"max": 0.1}}}
    ledger.events[0]["config"] = ledger.events[0]["config"] | {"search": search}
    results = load(ledger.write(tmp_path))
    assert named(results.best(min_sparsity=0.95).nearest) == "c"


def test_an_empty_front_answers_nothing(tmp_path: Path) -> None:
    answer = load(LedgerBuilder().write(tmp_path)).best(min_sparsity=0.5)
    assert answer.point is None and answer.nearest is None
    assert answer.text.endswith("the front has no point yet.")


@pytest.mark.parametrize(
    "asked", [{"min_sparsity": 50}, {"max_drop": float("nan")}, {"max_size_bytes": 0}]
)
def test_bounds_outside_their_range_are_refused(results: Results, asked: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be from"):
        results.best(**asked)


def test_without_a_dense_model_no_drop_is_known(tmp_path: Path) -> None:
    ledger = LedgerBuilder().trial("a").record("a", 0, 700, 0.5, accuracy_drop=None)
    answer = load(ledger.write(tmp_path)).best(max_drop=0.5)
    assert answer.point is None and answer.nearest is None
