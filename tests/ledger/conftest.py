"""Object stores for these tests: fsspec's store in memory, and the S3 server of `tests.conftest`,
which only `make test-all` uses. Each test has its own prefix.
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
    """An empty address on the S3 server."""
    return ObjectStore.at(f"s3://{BUCKET}/sweeps/{next(_numbers)}")


@pytest.fixture
def memory_sweep() -> ObjectStore:
    """An empty address in memory, which only this process sees."""
    return ObjectStore(f"memory://sweeps/{next(_numbers)}")


@pytest.fixture(params=["memory_sweep", pytest.param("s3_sweep", marks=pytest.mark.slow)])
def sweep(request: pytest.FixtureRequest) -> ObjectStore:
    """An empty address in each kind of object store."""
    found: ObjectStore = request.getfixturevalue(request.param)
    return found
