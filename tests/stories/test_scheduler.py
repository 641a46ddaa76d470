"""Our scheduler in a plain Tuner that is interrupted and restored."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sweep.config.plan import rungs
from sweep.search.moasha import Moasha
from tests.harness.nodes import PATIENCE
from tests.harness.tuner import EPOCHS, MARGIN, OBJECTIVES, REDUCTION_FACTOR, TRIALS, figures


def stops(seen: list[tuple[int, int]]) -> list[int]:
    """The trials that the rule stops, given results (number, epoch) in their order."""
    rule = Moasha(rungs(0, REDUCTION_FACTOR, EPOCHS), OBJECTIVES, REDUCTION_FACTOR, MARGIN)
    verdicts = [(n, rule.judge(str(n), epoch, figures(n, epoch))) for n, epoch in seen]
    return [number for number, found in verdicts if found and found["action"] == "stop"]


@pytest.mark.slow
def test_a_restored_tuner_stops_what_an_undisturbed_one_would(tmp_path: Path) -> None:
    """And the example of a Tuner stops trials."""
    command = [sys.executable, "-m", "tests.harness.tuner", str(tmp_path)]
    # a command that ran in this process may have left its own setting in the environment
    env = {**os.environ, **PATIENCE, "HOME": str(tmp_path), "TUNE_DISABLE_SIGINT_HANDLER": "0"}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=env)
    assert done.returncode == 0
    epochs = [int(found) for found in re.findall(r"after (\d) epochs", done.stdout)]
    assert len(epochs) == 12 and min(epochs) < max(epochs) == 9
    lines = (tmp_path / "seen.jsonl").read_text().splitlines()
    seen = [(number, epoch) for number, epoch, _ in map(json.loads, lines)]
    later = [(number, epoch) for number, epoch, is_later in map(json.loads, lines) if is_later]
    last = {number: epoch for number, epoch in seen}
    assert sorted(last) == list(range(TRIALS))
    stopped = [number for number, epoch in last.items() if epoch < EPOCHS]
    assert sorted(stopped) == sorted(set(stops(seen)))
    rebuilt = {number for number, _ in later} & set(stopped)
    assert rebuilt > set(stops(later)), "nothing would show that the rungs were rebuilt"
