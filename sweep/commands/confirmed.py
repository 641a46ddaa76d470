"""What a confirmation found, as a table for a terminal, from the ledger's events alone."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

Event = dict[str, Any]
Key = tuple[str, int]  # trial id, epoch

HEAD = (
    "sparsity", "validation", "test", "spread", "seeds", "optimism", "to dense", "epoch", "trial"
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One confirmed point: the record that chose it, and its test records, one a seed."""

    why: str
    chosen: Event
    tests: Sequence[Event]

    @property
    def test(self) -> float:
        """Accuracy on test, the mean over the seeds."""
        return statistics.fmean(record["accuracy"] for record in self.tests)

    @property
    def spread(self) -> float | None:
        """Standard deviation over the seeds; None for one seed."""
        values = [record["accuracy"] for record in self.tests]
        return statistics.stdev(values) if len(values) > 1 else None

    @property
    def optimism(self) -> float:
        """What validation promised and test does not hold."""
        return float(self.chosen["accuracy"]) - self.test

    @property
    def is_the_same_under_all(self) -> bool:
        """Whether every seed gave the very same answers, so that they are one measurement."""
        answers = [record.get("correct_bits") for record in self.tests]
        return len(answers) > 1 and None not in answers and len(set(answers)) == 1


def confirmed_text(events: Iterable[Event]) -> str:
    """The newest round's points as aligned text, by rising sparsity, and what is to be known."""
    events = list(events)
    rows = sorted(_rows(events), key=lambda row: float(row.chosen["sparsity"]))
    if not rows:
        return "no figure on test yet"
    dense = next(event for event in events if event["event"] == "confirm_baseline")
    lines = [
        f"Front and runners-up on test ({dense['examples']} examples, dense "
        f"{dense['accuracy']:.4f}); spread: standard deviation over seeds",
        _table([HEAD, *(_cells(row, dense) for row in rows)]),
    ]
    front = [row for row in rows if row.why == "front"]
    if front:
        mean = statistics.fmean(row.optimism for row in front)
        lines.append(f"optimism of the front (validation minus test): {mean:+.4f} on average")
    if any(row.is_the_same_under_all for row in rows):
        lines.append("* the same answers under every seed: nothing was left to chance, and so")
        lines.append("  the seeds are one measurement, and a spread of 0 says nothing")
    if any(row.why != "front" for row in rows):
        lines.append("(r) a runner-up, not on the front")
    return "\n".join(lines)


def _rows(events: Sequence[Event]) -> list[Row]:
    why: dict[Key, str] = {}
    chosen: dict[Key, Event] = {}
    tests: dict[Key, dict[int, Event]] = defaultdict(dict)
    for event in events:
        if event["event"] == "confirm":
            why = {(p["trial_id"], p["epoch"]): p["why"] for p in event["points"]}
        elif event["event"] in ("record", "confirm_record"):
            key = (event["trial_id"], event["epoch"])
            if event["event"] == "record":
                chosen.setdefault(key, event)
            else:
                tests[key].setdefault(event["seed"], event)
    return [Row(why[key], chosen[key], list(tests[key].values())) for key in why if tests[key]]


def _cells(row: Row, dense: Event) -> tuple[str, ...]:
    spread = "" if row.spread is None else f"{row.spread:.4f}"
    return (
        f"{row.chosen['sparsity']:.3f}",
        f"{row.chosen['accuracy']:.4f}",
        f"{row.test:.4f}",
        spread + "*" * row.is_the_same_under_all,
        str(len(row.tests)),
        f"{row.optimism:+.4f}",
        f"{row.test - dense['accuracy']:+.4f}",
        str(row.chosen["epoch"]),
        row.chosen["trial_id"] + " (r)" * (row.why != "front"),
    )


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
