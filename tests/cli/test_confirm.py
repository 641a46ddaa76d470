"""What `sweep confirm` prints: of ledgers written by hand."""

from __future__ import annotations

from typing import Any

from sweep.cli.confirm import confirmed_text

Event = dict[str, Any]

BASE: list[Event] = [
    {"event": "record", "trial_id": "ta", "epoch": 0, "accuracy": 0.9, "sparsity": 0.5},
    {"event": "record", "trial_id": "tb", "epoch": 2, "accuracy": 0.8, "sparsity": 0.7},
    {"event": "confirm_baseline", "accuracy": 0.91, "examples": 500},
]


def begun(**why: str) -> Event:
    epochs = {"ta": 0, "tb": 2}
    points = [{"trial_id": t, "epoch": epochs[t], "why": w} for t, w in why.items()]
    return {"event": "confirm", "confirm": 0, "points": points, "seeds": [7, 8]}


def on_test(trial: str, seed: int, accuracy: float, bits: str | None = None) -> Event:
    own = {"trial_id": trial, "epoch": {"ta": 0, "tb": 2}[trial], "seed": seed}
    return {"event": "confirm_record", "accuracy": accuracy, "correct_bits": bits, **own}


def cells(text: str, trial: str) -> list[str]:
    [row] = [line.split() for line in text.splitlines() if trial in line.split()]
    return row


def test_mean_spread_and_optimism_of_each_point() -> None:
    events = [begun(ta="front", tb="runner-up"), *BASE]
    events += [on_test("ta", 7, 0.87), on_test("tb", 7, 0.79), on_test("ta", 8, 0.89)]
    text = confirmed_text(events)
    assert cells(text, "ta") == [
        "0.500", "0.9000", "0.8800", "0.0141", "2", "+0.0200", "-0.0300", "0", "ta"
    ]  # fmt: skip
    assert cells(text, "tb") == [
        "0.700", "0.8000", "0.7900", "1", "+0.0100", "-0.1200", "2", "tb", "(r)"
    ]  # fmt: skip
    assert "dense 0.9100" in text and "500 examples" in text
    assert "optimism of the front (validation minus test): +0.0200 on average" in text
    assert "every seed" not in text


def test_seeds_that_change_nothing_are_said_to() -> None:
    events = [begun(ta="front", tb="front"), *BASE]
    events += [on_test("ta", seed, 0.88, "oA==") for seed in (7, 8)]
    events += [on_test("tb", 7, 0.79, "oA=="), on_test("tb", 8, 0.79, "wA==")]
    text = confirmed_text(events)
    assert cells(text, "ta")[3] == "0.0000*"
    assert cells(text, "tb")[3] == "0.0000"
    assert "the same answers under every seed" in text and "runner-up" not in text


def test_a_record_told_twice_counts_once_and_points_of_older_rounds_are_left_out() -> None:
    events = [begun(ta="front", tb="front"), *BASE, on_test("ta", 7, 0.88), on_test("ta", 7, 0.1)]
    events += [on_test("tb", 7, 0.7), begun(ta="front")]
    text = confirmed_text(events)
    assert cells(text, "ta")[2:4] == ["0.8800", "1"]
    assert "0.7000" not in text


def test_before_the_first_figure_it_says_so() -> None:
    assert confirmed_text([*BASE, begun(ta="front")]) == "no figure on test yet"
