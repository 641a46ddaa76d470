"""Drivers that fork from a warm process."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

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


def test_forked_drivers_draw_ids_of_their_own() -> None:
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, *"00123"], capture_output=True, text=True, check=True
    )
    first, first_again, *others = [set(line.split()) for line in run.stdout.splitlines()]
    assert first == first_again  # what is to be mended: a fork repeats its siblings' ids
    drawn = [first, *others]
    assert len(set().union(*drawn)) == sum(map(len, drawn))
