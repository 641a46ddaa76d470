"""A few of each fault of `python -m tests.faults`: nothing lost, nothing twice."""

from __future__ import annotations

from itertools import chain, islice

import pytest

from tests.faults import figures, files, folders, kills
from tests.faults.bed import Bed
from tests.faults.matrix import FAULTS, run
from tests.faults.verdict import Case

# All sweeps are run in the first test's setup.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def bed(address: str, tmp_path_factory: pytest.TempPathFactory) -> Bed:
    return Bed(tmp_path_factory.mktemp("faults"), address)


@pytest.fixture(scope="module")
def cases(bed: Bed) -> dict[str, list[Case]]:
    """The cases by fault. Two at a time: a driver mostly waits for its workers to start."""
    thunks = chain(
        kills.driver_at_every_event(bed, step=15),
        kills.driver_within_every_event(bed, most=2),
        kills.worker_at_random(bed, kills=1, pair=False),
        kills.late_reports(bed, kills=1),
        files.torn_ledger(bed, step=61, real=False),
        files.lost_tail(bed),
        files.garbage_checkpoint(bed, real=False),
        folders.full_disk(bed, shares=(0.5,)),
        folders.two_drivers(bed),
        folders.config_changed(bed),
        figures.bad_figures(bed),
        islice(figures.clock_goes_back(bed), 1),
    )
    found: dict[str, list[Case]] = {}
    for case in run(bed, thunks, at_once=2):
        found.setdefault(case.fault, []).append(case)
    return found


def test_every_fault_is_injected(cases: dict[str, list[Case]]) -> None:
    left_out = {"driver told to stop", "worker killed too often"}  # the whole matrix has them
    assert len(cases) == len(FAULTS) - len(left_out)
    assert all(case.faults > 0 for found in cases.values() for case in found)


@pytest.mark.parametrize(
    "fault",
    [
        "driver killed after an event",
        "driver killed within an event",
        "worker killed",
        "late report of a worker thought dead",
        "ledger torn within its last line",
        "ledger lost its tail, checkpoints did not",
        "newest checkpoint is garbage",
        "disk full",
        "two drivers on one folder",
        "config changed before resume",
        "NaN, infinity, a missing metric",
        "clock goes backwards",
    ],
)
def test_nothing_is_lost_or_twice_and_decisions_are_the_same(
    cases: dict[str, list[Case]], fault: str
) -> None:
    for case in cases[fault]:
        assert case.is_well, case
        assert case.same is True, case
