"""A sweep whose driver of version 0.1 was killed is resumed (`tests/golden`)."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from tests.harness import sweeps
from tests.harness.sweeps import assert_each_once, of_kind, read_events

pytestmark = pytest.mark.slow

GOLDEN = Path(__file__).parent.parent / "golden" / "interrupted"


def test_a_sweep_of_0_1_is_resumed(address: str, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(GOLDEN / "sweep", tmp_path / "sweep"))
    ledger = folder / "ledger.jsonl"
    before, begun = ledger.read_bytes(), of_kind(read_events(folder), "trial")
    log = tmp_path / "log"
    done = sweeps.run(folder, log, "resume", folder, "--address", address)
    assert done.code == 0, done.err
    assert ledger.read_bytes().startswith(before)
    assert_each_once(read_events(folder), trials=9)
    # What 0.1 itself went on with: the trial in the middle of which its driver was killed, too.
    columns = ["trial_id", "stage", "epoch", "accuracy", "loss", "sparsity", "nonzero_params"]
    tables = [
        pd.read_csv(file) for file in (folder / "records.csv", GOLDEN / "expected/resumed.csv")
    ]
    names = [event["trial_id"] for event in begun]
    found, wanted = (table[table["trial_id"].isin(names)][columns] for table in tables)
    pd.testing.assert_frame_equal(found, wanted, rtol=1e-9)
