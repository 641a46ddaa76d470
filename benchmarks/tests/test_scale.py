"""The scale benchmark with a small sweep: it is complete, and a resume restores all of it."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import pytest

from benchmarks import scale
from sweep.ledger.read import read_events

TRIALS, WORKERS, RECORDS = 30, 7, 4


@pytest.mark.parametrize("sweep", scale.SWEEPS)
def test_a_simulated_sweep_is_complete_and_resumes_completely(sweep: str, tmp_path: Path) -> None:
    given = argparse.Namespace(
        trials=TRIALS, workers=WORKERS, records=RECORDS, sampler="random", sweep=sweep
    )
    config = scale.make_config(given, sweep)
    ran = scale.simulate(tmp_path, config, WORKERS)
    events = read_events(tmp_path / "ledger.jsonl")
    counts = Counter(event["event"] for event in events)
    assert counts["trial"] == counts["end"] == TRIALS
    assert ran["records"] == counts["record"] == ran["decide"]["calls"]
    assert ran["stopped"] == sum(event.get("status") == "stopped" for event in events)
    assert (ran["stopped"] > 0) == (sweep == "stopping")
    assert sweep == "stopping" or counts["record"] == TRIALS * RECORDS
    assert all(ran[name]["p99"] > 0 for name in ("ask", "decide", "append", "wait"))
    assert scale.resume(tmp_path, config)["seconds"] > 0
    assert read_events(tmp_path / "ledger.jsonl") == events, "there was nothing left to write"
