"""Benches with a separate cache, so that tests can look at the files that they make."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.benches import MakeBench


@pytest.fixture
def make_bench(make_bench: MakeBench, cache: Path) -> MakeBench:
    return make_bench
