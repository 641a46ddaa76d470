"""A sweep from Python, with things that its process registered, and in a thread of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness import sweeps
from tests.harness.command import Command, assert_refused


@pytest.mark.slow
def test_workers_have_what_a_script_registers_and_others_are_told_what_they_lack(
    address: str, cli: Command, tmp_path: Path
) -> None:
    folder = tmp_path / "sweep"
    done = sweeps.run(
        folder, tmp_path / "log", folder, address, kind=sweeps.Process.of("tests.stories.by_hand")
    )
    assert done.code == 0, done.err
    events = sweeps.read_events(folder)
    assert done.out.split() == [str(folder), str(len(events))]
    assert (folder / "front.csv").is_file()
    records = sweeps.of_kind(events, "record")
    assert len({event["trial_id"] for event in records}) == 3
    for record in records:
        hits = record["correct"] / record["examples"] if "correct" in record else record["hits"]
        assert record["hits"] == pytest.approx(hits)
        assert record["hits_drop"] == pytest.approx(record["baseline_hits"] - record["hits"])
    refused = cli("resume", folder, "--trials", 4)
    words = ("space.method", "'square'", "task.metric", "'hits'", "install it", "sweep.resume")
    assert_refused(refused, 2, *words)
