"""Stores for the tests here: fsspec's in memory, and `tests.conftest.server`, which is left to
`make test-all`. Each test has a prefix of its own.
"""

from __future__ import annotations

import itertools

import pytest

from sweep.ledger.store_objects import ObjectStore
from tests.ledger.server import BUCKET, Server

pytest.importorskip("s3fs")
pytest.importorskip("moto")

_numbers = itertools.count()


@pytest.fixture
def s3_sweep(server: Server) -> ObjectStore:
    """Where a sweep may be, on the S3 server."""
    return ObjectStore.at(f"s3://{BUCKET}/sweeps/{next(_numbers)}")


@pytest.fixture
def memory_sweep() -> ObjectStore:
    """Where one may be as far as this process sees it."""
    return ObjectStore(f"memory://sweeps/{next(_numbers)}")


@pytest.fixture(params=["memory_sweep", pytest.param("s3_sweep", marks=pytest.mark.slow)])
def sweep(request: pytest.FixtureRequest) -> ObjectStore:
    """Where a sweep may be, in each kind of object store."""
    found: ObjectStore = request.getfixturevalue(request.param)
    return found
