"""A few cases of each fault of `python -m tests.faults`: nothing is lost or repeated."""

from __future__ import annotations

import subprocess
import sys
from itertools import chain

import pytest

from tests.faults.bed import Bed
from tests.faults.matrix import FAULTS, run
from tests.faults.verdict import Case

# The setup of the first test runs all sweeps.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SCRIPT = """
import os, sys
import ray.tune
from tests.faults.processes import draw_ids_apart

for number in map(int, sys.argv[1:]):
    if os.fork() == 0:
        draw_ids_apart(number)
        print(*(ray.ObjectID.from_random().hex() for _ in range(4)), flush=True)
        os._exit(0)
    os.wait()
"""


@pytest.fixture(scope="module")
def bed(address: str, tmp_path_factory: pytest.TempPathFactory) -> Bed:
    return Bed(tmp_path_factory.mktemp("faults"), address)


@pytest.fixture(scope="module")
def cases(bed: Bed) -> dict[str, list[Case]]:
    """The cases by fault. Two run at a time, because a driver mostly waits for its workers."""
    found: dict[str, list[Case]] = {}
    for case in run(bed, FAULTS, at_once=2, few=True):
        found.setdefault(case.fault, []).append(case)
    return found


def test_no_fault_loses_or_repeats_events_or_changes_decisions(
    cases: dict[str, list[Case]],
) -> None:
    for case in chain.from_iterable(cases.values()):
        assert not case.wrong, f"{case.fault}, {case.name}: {case.wrong}"
        assert case.faults > 0 and case.is_well and case.same is True, case
    left_out = {"driver interrupted", "worker killed too often"}  # the whole matrix has them
    assert len(cases) == len(FAULTS) - len(left_out)


def test_forked_drivers_draw_ids_of_their_own() -> None:
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, *"00123"], capture_output=True, text=True, check=True
    )
    first, first_again, *others = [set(line.split()) for line in run.stdout.splitlines()]
    assert first == first_again  # what is to be mended: a fork repeats its siblings' ids
    drawn = [first, *others]
    assert len(set().union(*drawn)) == sum(map(len, drawn))
