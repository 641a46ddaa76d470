"""Benches with a cache of their own: what they make there is what is looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.benches import MakeBench


@pytest.fixture
def make_bench(make_bench: MakeBench, cache: Path) -> MakeBench:
    return make_bench
