"""`sweep confirm`: the front on test, under fresh seeds."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from analysis.tables.confirmation import Confirmation, summary, tell_confirmation
from sweep.cli.results import refresh_results, refresh_tables
from sweep.cluster.confirm import run_confirm
from sweep.cluster.interrupts import Interrupted
from sweep.ledger.folder import SweepFolder
from sweep.ledger.open import read_events
from sweep.ledger.store import Place

# What a confirmation found, as a table for a terminal, from the ledger's events alone.

Event = dict[str, Any]

HEAD = (
    "sparsity", "validation", "test", "spread", "seeds", "optimism", "to dense", "epoch", "trial"
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A confirmed point: the record that chose it, its test records (one a seed), their summary."""

    why: str
    chosen: Event
    tests: Sequence[Event]
    figures: dict[str, Any]

    @property
    def optimism(self) -> float:
        """What validation promised and test does not hold."""
        return float(self.chosen["accuracy"]) - float(self.figures["test_accuracy"])

    @property
    def is_the_same_under_all(self) -> bool:
        """Whether every seed gave the very same answers, so that they are one measurement."""
        answers = [record.get("correct_bits") for record in self.tests]
        return len(answers) > 1 and None not in answers and len(set(answers)) == 1


def confirmed_text(events: Sequence[Event]) -> str:
    """The newest round's points as aligned text, by rising sparsity, and what is to be known."""
    story = tell_confirmation(events)
    rows = sorted(_rows(story, events), key=lambda row: float(row.chosen["sparsity"]))
    if not rows or story.baseline is None:
        return "no figure on test yet"
    dense = story.baseline
    lines = [
        f"Front and runners-up on test ({dense['examples']} examples, dense "
        f"{dense['accuracy']:.4f}); spread: standard deviation over seeds",
        _table([HEAD, *map(_cells, rows)]),
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


def _rows(story: Confirmation, events: Sequence[Event]) -> list[Row]:
    chosen: dict[tuple[str, int], Event] = {}
    for event in events:
        if event["event"] == "record":
            chosen.setdefault((event["trial_id"], event["epoch"]), event)
    return [
        Row(story.why[point], chosen[point], tests, summary(tests, story.baseline))
        for point in story.newest
        if (tests := story.of(point))
    ]


def _cells(row: Row) -> tuple[str, ...]:
    figures, spread = row.figures, row.figures["test_accuracy_spread"]
    return (
        f"{row.chosen['sparsity']:.3f}",
        f"{row.chosen['accuracy']:.4f}",
        f"{figures['test_accuracy']:.4f}",
        ("" if spread is None else f"{spread:.4f}") + "*" * row.is_the_same_under_all,
        str(figures["seeds"]),
        f"{row.optimism:+.4f}",
        f"{-figures['test_drop']:+.4f}",
        str(row.chosen["epoch"]),
        row.chosen["trial_id"] + " (r)" * (row.why != "front"),
    )


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )


SOME_FAILED = 3


def confirm(path: Place, seeds: int, runners_up: int, address: str | None) -> None:
    """Confirm the sweep of a folder; the same command again goes on, or adds what is missing."""
    folder = SweepFolder(path)
    config = folder.begun_with()
    folder.check_config()
    try:
        outcome = run_confirm(
            config, folder, _say, seeds=seeds, runners_up=runners_up, address=address
        )
    except Interrupted as error:
        refresh_tables(path)
        _say(f"{error}; all is saved. To go on: sweep confirm {path}")
        sys.exit(error.exit_code)
    refresh_results(path)
    print(confirmed_text(read_events(folder.ledger)))
    _say(f"{outcome.found} figures on test, {outcome.failed} retrainings failed")
    if outcome.failed:
        sys.exit(SOME_FAILED)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
